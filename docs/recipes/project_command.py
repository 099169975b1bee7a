import dagger

with dagger.connect() as dag:
    source = dag.host().directory(".", include=["src", "tests"])
    print(
        dag.container()
        .from_("python:3-slim")
        .with_directory("/project", source)
        .with_workdir("/project/tests")
        .with_env_variable("PYTHONPATH", "/project/src")
        .with_exec(["python", "-m", "unittest"])
        .stderr()
    )
