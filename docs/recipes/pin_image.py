import dagger

with dagger.connect() as dag:
    reference = dag.container().from_("alpine:3").image_ref()
    print(reference)
    print(dag.container().from_(reference).with_exec(["uname"]).stdout())
