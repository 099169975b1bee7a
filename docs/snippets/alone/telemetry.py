import dagger

with dagger.connect() as dag:
    print(dag.container().from_("busybox").with_exec(["uname", "-s"]).stdout(), end="")
