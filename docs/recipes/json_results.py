import json

import dagger

with dagger.connect() as dag:
    output = (
        dag.container()
        .from_("alpine")
        .with_exec(["sh", "-c", """echo '{"passed": 12, "failed": 0}'"""])
        .stdout()
    )
    results = json.loads(output)
    print(results["passed"], "passed")
