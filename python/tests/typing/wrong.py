"""A program with mistakes that a type checker must find."""

import dagger
import dagger.mod  # wrong
import dagger.telemetry  # wrong
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


async def optional_results() -> None:
    print((await dag.container().env_variable("A")).strip())  # wrong
    print(await dag.container().env_variable("A") + "x")  # wrong
    print(len(await dag.container().label("a")))  # wrong
    with dagger.connect() as client:
        print(client.container().env_variable("A").strip())  # wrong


async def without_await() -> None:
    dag.container().stdout().strip()  # wrong
    dag.directory().entries()[0]  # wrong
    for name in dag.directory().entries():  # wrong
        print(name)
    await dag.directory().entries().sort()  # wrong
    print("a" + dag.file("a", "b").contents())  # wrong
    dag.container().with_(lambda container: container.stdout())  # wrong
    size: int = await dag.file("a", "b").size  # wrong
    print(size)


def wrong_members(container: dagger.Container) -> None:
    container.with_mounted_cache("/c", dag.cache_volume("c"), sharing=dagger.ReturnType.ANY)  # wrong
    container.with_exec(["x"], expect=dagger.ReturnType)  # wrong
    container.with_exec(["x"], expect=dagger.ReturnType.NEVER)  # wrong
    container.with_exposed_port(80, protocol="TCP")  # wrong
    dag.container(platform="linux/arm64")  # wrong


def wrong_arguments(container: dagger.Container) -> None:
    container.with_new_file("a")  # wrong
    container.with_env_variable("A", 1)  # wrong
    container.with_exposed_port("80")  # wrong
    container.with_file("/a", dag.directory())  # wrong
    container.with_mounted_secret("/a", "env://TOKEN")  # wrong
    container.with_secret_variable("A", None)  # wrong
    container.with_workdir("/a", "/b")  # wrong
    dag.host().directory(".", [".git"])  # wrong
    dag.host().directory(".", exclude=".git")  # wrong
    dag.directory().with_new_file("a", "b", 0o644)  # wrong
    dag.cache_volume(name="c")  # wrong
    dagger.BuildArg("A")  # wrong
    dagger.PortForward(backend="80")  # wrong


def wrong_settings() -> None:
    dagger.Config(workdir=3)  # wrong
    dagger.Config(retry=True)  # wrong
    dagger.Config(source_lines="no")  # wrong
    dagger.Config(log_output="a.log")  # wrong
    dagger.Config(time_out=5)  # wrong
    dagger.Timeout("5")  # wrong
    dagger.Retry(connect=3)  # wrong
    dagger.connect("/src")  # wrong
    dagger.connection({})  # wrong


async def wrong_results() -> None:
    names: list[str] = await dag.container().env_variables()  # wrong
    label: dagger.Label = await dag.container().labels()  # wrong
    directory: dagger.Directory = dag.container()  # wrong
    there: str = await dag.directory().exists("a")  # wrong
    try:
        print(names, label, directory, there)
    except dagger.ExecError as error:
        print(error.exit_code + "x")  # wrong
    except dagger.QueryError as error:
        print(error.exit_code)  # wrong


async def build(container: dagger.Container) -> dagger.Container:
    return await container.sync()


def forgets(container: dagger.Container) -> None:
    container.with_workdir("/")


def wrong_functions(container: dagger.Container) -> None:
    container.with_(build)  # wrong
    container.with_(forgets)  # wrong
    container.with_(container)  # wrong


def wrong_clients() -> None:
    dagger.Client()  # wrong
    dagger.Container()  # wrong
    dagger.connect().container()  # wrong
    dagger.Connection().container()  # wrong
    dagger.sync.Container()  # wrong
