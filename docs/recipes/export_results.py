import dagger

with dagger.connect() as dag:
    built = (
        dag.container()
        .from_("alpine")
        .with_workdir("/work")
        .with_exec(["sh", "-c", "mkdir dist && echo one >dist/a.txt && echo two >dist/b.txt"])
    )
    built.directory("dist").export("out")
    built.file("dist/a.txt").export("only-a.txt")
