import sys

import dagger

with dagger.connect() as dag:
    made = (
        dag.container()
        .from_("alpine")
        .with_env_variable("VERSION", sys.argv[1])
        .with_exec(["sh", "-c", "echo version $VERSION"])
    )
    print(made.stdout())
