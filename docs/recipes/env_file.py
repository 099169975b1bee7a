import dagger

with dagger.connect() as dag:
    variables = dag.host().file("settings.env").as_env_file()
    print(
        dag.container()
        .from_("alpine")
        .with_env_file_variables(variables)
        .with_exec(["sh", "-c", 'echo "$GREETING $NAME"'])
        .stdout()
    )
