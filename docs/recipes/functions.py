import dagger
from dagger.sync import Client, Container


def shell(container: Container, script: str) -> Container:
    return container.with_exec(["sh", "-ec", script])


def tools(container: Container) -> Container:
    return shell(container, "echo '#!/bin/sh\necho tool' >/bin/tool && chmod +x /bin/tool")


def base(dag: Client) -> Container:
    return dag.container().from_("alpine").with_(tools)


with dagger.connect() as dag:
    print(shell(base(dag), "tool").stdout())
