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
        client.container().with_directory("/x", dag.directory())  # wrong
        await client.version()  # wrong
    print(number, dagger.NoSuchName)  # wrong
    text: str = dag.container().stdout()  # wrong
    dag.container().sync()  # wrong
    print(len(await dag.container().env_variable("A")))  # wrong
    dag.directory().with_new_file("a", dag.file("a", "b").contents())  # wrong
    dag.container().with_exec(["x"], True)  # wrong
    dag.container().from_(addres="alpine")  # wrong
    dag.load_directory_from_id(await dag.container().sync())  # wrong
    await dag.host()  # wrong
    with dagger.connection():  # wrong
        pass
    async with dagger.connect():  # wrong
        pass
    dagger.Config("now")  # wrong
    dagger.Config(timeout="1")  # wrong
    syncer: dagger.Syncer = dag.set_secret("a", "b")  # wrong
    print(text, syncer)
