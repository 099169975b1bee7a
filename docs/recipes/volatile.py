import sys

import dagger

with dagger.connect() as dag:
    print(
        dag.container()
        .from_("alpine")
        .with_volatile_variable("BUILD_NUMBER", sys.argv[1])
        .with_exec(["sh", "-c", "echo built by $BUILD_NUMBER"])
        .stdout()
    )
