import time

import dagger

with dagger.connect() as dag:
    base = dag.container().from_("alpine").with_exec(["sh", "-c", "echo installed >/tool"])
    fresh = base.with_env_variable("NOW", str(time.time_ns())).with_exec(["date"])
    print("ran" if fresh.stdout() else "")
