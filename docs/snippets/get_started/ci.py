import dagger

with dagger.connect() as dag:
    source = dag.host().directory(".", include=["*.py"], exclude=["ci*.py"])
    tested = (
        dag.container()
        .from_("python:3-slim")
        .with_directory("/src", source)
        .with_workdir("/src")
        .with_exec(["python", "-m", "unittest", "-v"])
    )
    print(tested.stderr())
