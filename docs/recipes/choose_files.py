import dagger

with dagger.connect() as dag:
    source = dag.host().directory(".", exclude=["**/__pycache__", "*.console"], gitignore=True)
    code = source.filter(include=["src", "pyproject.toml"])
    print(code.glob("**/*"))
    print(source.glob("*.toml"))
