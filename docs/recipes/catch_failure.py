import sys

import dagger

with dagger.connect() as dag:
    try:
        dag.container().from_("alpine").with_exec(["sh", "-c", "echo broken >&2; exit 2"]).sync()
    except dagger.ExecError as error:
        print(f"{error.command[0]} ended with {error.exit_code}: {error.stderr}")
        sys.exit(error.exit_code)
