import dagger

with dagger.connect() as dag:
    dag.container().from_("busybox").as_tarball().export("busybox.tar")
