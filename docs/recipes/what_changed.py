import dagger

with dagger.connect() as dag:
    before = dag.host().directory("src")
    after = (
        dag.container()
        .from_("alpine")
        .with_directory("/src", before)
        .with_workdir("/src")
        .with_exec(["sh", "-c", "sed -i s/hello/goodbye/ hello.py && touch new.py"])
        .directory(".")
    )
    changes = after.changes(before)
    print(changes.added_paths(), changes.modified_paths(), changes.removed_paths())
    print(changes.as_patch().contents())
