import dagger

with dagger.connect() as dag:
    source = dag.host().directory(".", include=["src", "tests", "pyproject.toml"])
    installed = (
        dag.container()
        .from_("python:3-slim")
        .with_mounted_cache("/root/.cache/pip", dag.cache_volume("pip"))
        .with_file("/project/pyproject.toml", source.file("pyproject.toml"))
        .with_exec(["pip", "install", "--quiet", "--root-user-action=ignore", "iniconfig==2.1.0"])
    )
    tested = (
        installed.with_directory("/project", source)
        .with_workdir("/project/tests")
        .with_env_variable("PYTHONPATH", "../src")
        .with_exec(["python", "-m", "unittest", "-q"])
    )
    print(tested.stderr())
