import datetime as dt

import dagger

with dagger.connect() as dag:
    today = dt.datetime.now(dt.timezone.utc).date().isoformat()
    updated = (
        dag.container()
        .from_("alpine")
        .with_env_variable("DAY", today)
        .with_exec(["sh", "-c", "echo $DAY >/last-update"])
    )
    print(updated.file("/last-update").contents())
