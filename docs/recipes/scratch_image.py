import dagger

with dagger.connect() as dag:
    tool = dag.container().from_("busybox").file("/bin/busybox")
    image = dag.container().with_file("/busybox", tool).with_entrypoint(["/busybox"])
    print(image.with_exec(["echo", "nothing else in here"], use_entrypoint=True).stdout())
    print(image.rootfs().entries())
