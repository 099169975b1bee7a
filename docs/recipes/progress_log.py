from pathlib import Path

import dagger

with Path("pipeline.log").open("w") as log, dagger.connect(dagger.Config(log_output=log)) as dag:
    dag.container().from_("alpine").with_exec(["echo", "logged"]).sync()
