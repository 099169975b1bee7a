import dagger

with dagger.connect() as dag:
    sorted_ = (
        dag.container()
        .from_("alpine")
        .with_exec(["sort"], stdin="pear\napple\n", redirect_stdout="/tmp/sorted.txt")
    )
    print(sorted_.file("/tmp/sorted.txt").contents())
