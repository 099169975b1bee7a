"""A program with mistakes that a type checker must find."""

import dagger
from dagger import dag


async def main() -> None:
    dag.container().from_(3)  # wrong
    dag.container().from_("alpine").with_exec("echo hi")  # wrong
    dag.container().with_directory("/x", "./src")  # wrong
    dag.container().with_directory("/x", dag.container())  # wrong
    dag.container().with_exec(["x"], expect="ANY")  # wrong
    dag.container().with_exec(["x"], nothing=True)  # wrong
    dag.container().no_such_method()  # wrong
    number: int = await dag.container().stdout()  # wrong
    with dagger.connect() as client:
        dag.container().with_directory("/x", client.directory())  # wrong
    print(number, dagger.NoSuchName)  # wrong
