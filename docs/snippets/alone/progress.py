import sys

import dagger

with dagger.connect() as dag:
    tools = dag.container().from_("alpine").with_exec(["sh", "-c", "sleep 0.3; echo installed"])
    tools.sync()
    tests = tools.with_directory("/src", dag.host().directory("src")).with_env_variable("RUN", sys.argv[1])
    tests.with_exec(["sh", "-c", "echo testing; sleep 0.2; echo 2 passed"]).sync()
