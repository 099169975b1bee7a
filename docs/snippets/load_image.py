import dagger

with dagger.connect() as dag:
    busybox = dag.container().import_(dag.host().file("busybox.tar"))
    print(busybox.with_exec(["echo", "no registry"]).stdout())
