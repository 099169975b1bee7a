import dagger

with dagger.connect() as dag:
    print(
        dag.container()
        .from_("alpine")
        .with_secret_variable("TOKEN", dag.secret("env://TOKEN"))
        .with_exec(["sh", "-c", "echo ${#TOKEN} characters: $TOKEN"])
        .stdout()
    )
