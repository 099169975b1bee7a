import json

import dagger

settings = {"debug": False, "workers": 4}

with dagger.connect() as dag:
    print(
        dag.container()
        .from_("alpine")
        .with_new_file("/etc/app.json", json.dumps(settings), permissions=0o600)
        .with_exec(["sh", "-c", "stat -c %a /etc/app.json; cat /etc/app.json"])
        .stdout()
    )
