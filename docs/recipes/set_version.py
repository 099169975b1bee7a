import dagger

with dagger.connect() as dag:
    project = dag.host().directory(".", include=["pyproject.toml"])
    file = project.file("pyproject.toml").with_replaced('version = "1.0.0"', 'version = "1.1.0"')
    project.with_file("pyproject.toml", file).changes(project).export(".")
