import dagger

with dagger.connect() as dag:
    print(
        dag.container()
        .from_("alpine")
        .with_mounted_secret("/root/.netrc", dag.secret("file://token.txt"), mode=0o400)
        .with_exec(["sh", "-c", "stat -c %a /root/.netrc; wc -c </root/.netrc"])
        .stdout()
    )
