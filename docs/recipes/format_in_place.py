import dagger

with dagger.connect() as dag:
    source = dag.host().directory(".", include=["src/**/*.py"])
    formatted = (
        dag.container()
        .from_("alpine")
        .with_directory("/code", source)
        .with_workdir("/code")
        .with_exec(["sh", "-c", "sed -i 's/str/object/' src/*.py"])  # or: ruff format .
        .directory(".")
    )
    changes = formatted.changes(source)
    if not changes.is_empty():
        changes.export(".")
        print("changed:", *changes.modified_paths())
