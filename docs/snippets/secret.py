import dagger

with dagger.connect() as dag:
    output = (
        dag.container()
        .from_("busybox")
        .with_secret_variable("TOKEN", dag.secret("env://TOKEN"))
        .with_mounted_secret("/run/token", dag.secret("file://./token.txt"))
        .with_exec(["sh", "-c", "echo $TOKEN; cat /run/token"])
        .stdout()
    )
    print(output)
