import dagger

with dagger.connect() as dag:
    base = dag.container().from_("alpine").with_workdir("/out")
    docs = base.with_exec(["sh", "-c", "echo docs >index.html"]).directory(".")
    report = base.with_exec(["sh", "-c", "echo report >report.html"]).file("report.html")
    site = dag.directory().with_directory("docs", docs).with_file("report.html", report)
    print(site.glob("**/*.html"))
