"""What a program builds: chains, objects, lists, enums, variables, IDs."""

import dagger
from dagger import dag
from harness import busybox, equal, mark, raises, scenario


@scenario("chains")
async def chains() -> None:
    base = busybox().with_env_variable("MARK", mark("chains")).with_workdir("/work")
    made = base.with_new_file("in.txt", "one\n").with_exec(["sh", "-c", "cat in.txt; echo two"])
    equal(await made.stdout(), "one\ntwo\n")
    equal(await made.workdir(), "/work")
    # Branches know nothing of each other.
    equal(await base.with_exec(["ls"]).stdout(), "")
    long = dag.directory()
    for number in range(100):
        long = long.with_new_file(f"{number:03}.txt", str(number))
    equal(await long.entries(), [f"{number:03}.txt" for number in range(100)])
    equal(await long.file("099.txt").contents(), "99")


@scenario("objects")
async def objects() -> None:
    inner = dag.directory().with_new_file("deep/a.txt", "a")
    first = (
        busybox().with_directory("/in", inner).with_exec(["sh", "-c", "cat /in/deep/a.txt; echo b > /b.txt"])
    )
    second = (
        dag.directory().with_file("b.txt", first.file("/b.txt")).with_directory("in", first.directory("/in"))
    )
    third = (
        busybox()
        .with_mounted_directory("/mnt", second)
        .with_exec(["sh", "-c", "cd /mnt; find . -type f | sort"])
    )
    equal(await third.stdout(), "./b.txt\n./in/deep/a.txt\n")
    files = [second.file("b.txt"), second.file("in/deep/a.txt")]
    equal(await dag.directory().with_files("many", files).glob("many/*"), ["many/a.txt", "many/b.txt"])


@scenario("lists")
async def lists() -> None:
    container = (
        dag.container()
        .with_env_variable("FIRST", "1")
        .with_env_variable("SECOND", "2")
        .with_exposed_port(80)
        .with_exposed_port(53, protocol=dagger.NetworkProtocol.UDP, description="names")
        .with_label("org.example", "yes")
    )
    variables = await container.env_variables()
    equal([(await one.name(), await one.value()) for one in variables], [("FIRST", "1"), ("SECOND", "2")])
    ports = {await one.port(): await one.description() for one in await container.exposed_ports()}
    equal(ports, {80: None, 53: "names"})
    equal(
        [(await one.name(), await one.value()) for one in await container.labels()], [("org.example", "yes")]
    )
    equal(await dag.directory().with_new_file("b", "").with_new_file("a/c", "").entries(), ["a/", "b"])
    equal(await dag.directory().entries(), [])


@scenario("sync")
async def sync() -> None:
    counted = dag.cache_volume(mark("sync"))
    step = (
        busybox()
        .with_mounted_cache("/count", counted)
        .with_exec(["sh", "-c", "echo run >> /count/runs; echo x > /x"])
    )
    synced = await step.sync()
    await synced.sync()
    equal(await synced.file("/x").contents(), "x\n")
    again = synced.with_exec(["cat", "/count/runs"])
    equal(await again.stdout(), "run\n")
    equal(await (await dag.directory().with_new_file("f", "1").sync()).entries(), ["f"])
    with raises(dagger.ExecError):
        await busybox().with_exec(["false"]).sync()


@scenario("enums")
async def enums() -> None:
    anything = busybox().with_exec(["sh", "-c", "exit 7"], expect=dagger.ReturnType.ANY)
    equal(await anything.exit_code(), 7)
    failing = busybox().with_exec(["sh", "-c", "exit 5"], expect=dagger.ReturnType.FAILURE)
    equal(await failing.exit_code(), 5)
    with raises(dagger.QueryError):
        await busybox().with_exec(["true"], expect=dagger.ReturnType.FAILURE).sync()
    ports = await dag.container().with_exposed_port(53, protocol=dagger.NetworkProtocol.UDP).exposed_ports()
    equal([await one.protocol() for one in ports], [dagger.NetworkProtocol.UDP])
    tree = dag.directory().with_new_file("dir/file", "")
    equal(await tree.exists("dir", expected_type=dagger.ExistsType.DIRECTORY_TYPE), True)
    equal(await tree.exists("dir", expected_type=dagger.ExistsType.REGULAR_TYPE), False)
    equal(await tree.stat("dir").file_type(), dagger.FileType.DIRECTORY)
    volume = dag.cache_volume(mark("enums"))
    await busybox().with_mounted_cache("/c", volume).with_exec(["touch", "/c/shared"]).sync()
    # Shared by others, it is another volume.
    locked = busybox().with_mounted_cache("/c", volume, sharing=dagger.CacheSharingMode.LOCKED)
    equal(await locked.with_exec(["ls", "/c"]).stdout(), "")


@scenario("environment")
async def environment() -> None:
    container = (
        busybox()
        .with_env_variable("NAME", "world")
        .with_env_variable("GREETING", "hello ${NAME}$MISSING", expand=True)
        .with_env_variable("LITERAL", "${NAME}")
        .with_env_variable("REMOVED", "x")
        .without_env_variable("REMOVED")
    )
    script = 'echo "$GREETING/$LITERAL/${REMOVED-unset}"'
    equal(await container.with_exec(["sh", "-c", script]).stdout(), "hello world/${NAME}/unset\n")
    equal(await container.env_variable("GREETING"), "hello world")
    equal(await container.env_variable("REMOVED"), None)
    equal(await container.with_exec(["echo", "$NAME"], expand=True).stdout(), "world\n")
    equal(await container.with_exec(["echo", "$NAME"]).stdout(), "$NAME\n")
    entry = container.with_entrypoint(["echo", "entry"])
    equal(await entry.with_exec(["point"], use_entrypoint=True).stdout(), "entry point\n")


@scenario("ids")
async def ids() -> None:
    container = busybox().with_exec(["sh", "-c", "echo loaded > /x"])
    name = await container.id()
    equal(await dag.load_container_from_id(dagger.ContainerID(name)).file("/x").contents(), "loaded\n")
    directory = await dag.directory().with_new_file("f", "").id()
    equal(await dag.load_directory_from_id(dagger.DirectoryID(directory)).entries(), ["f"])
    with raises(dagger.QueryError, "expected Container, got Directory"):
        await dag.load_container_from_id(dagger.ContainerID(directory)).stdout()
    with raises(dagger.QueryError):
        await dag.load_container_from_id(dagger.ContainerID("no-id-at-all")).stdout()
