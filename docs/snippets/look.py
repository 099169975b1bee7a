import dagger

with dagger.connect() as dag:
    built = (
        dag.container()
        .from_("alpine")
        .with_workdir("/work")
        .with_exec(
            ["sh", "-c", "echo half >result; echo 'no space' >&2; exit 1"], expect=dagger.ReturnType.ANY
        )
    )
    if built.exit_code() != 0:
        print(built.stderr().strip())
        built.directory(".").export("failed")
        raise SystemExit(1)
