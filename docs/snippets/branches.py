import dagger

with dagger.connect() as dag:
    base = dag.container().from_("alpine").with_workdir("/tmp")
    one = base.with_exec(["sh", "-c", "echo one >file"])
    two = base.with_exec(["sh", "-c", "echo two >file"])
    unused = two.with_exec(["sh", "-c", "exit 1"])
    for container in (one, two, base):
        print(container.directory(".").entries())
    print(one.file("file").contents() + two.file("file").contents())
