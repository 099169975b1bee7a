import dagger

with dagger.connect() as dag:
    ran = (
        dag.container()
        .from_("alpine")
        .with_exec(["sh", "-c", "echo out; echo err >&2; exit 3"], expect=dagger.ReturnType.ANY)
    )
    print(ran.exit_code(), repr(ran.stdout()), repr(ran.stderr()))
