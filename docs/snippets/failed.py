import dagger


def tests(dag):
    return dag.container().from_("alpine").with_exec(["sh", "-c", "echo '1 failed in 0.1 s'; exit 3"])


with dagger.connect() as dag:
    tests(dag).sync()
