import dagger

with dagger.connect() as dag:
    source = dag.host().directory("src")
    print(
        dag.container()
        .from_("alpine")
        .with_directory("/home/src", source, owner="nobody")
        .with_user("nobody")
        .with_workdir("/home/src")
        .with_exec(["sh", "-c", "id -un; touch here && ls"])
        .stdout()
    )
