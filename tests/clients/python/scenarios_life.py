"""What goes wrong, ends early, or happens at once."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable

import dagger
from dagger import dag
from harness import BEAT, LIMIT, busybox, equal, holds, mark, raises, scenario


def beating(name: str) -> dagger.Container:
    """A step that never ends, and shows in a cache volume that it runs."""
    return busybox().with_mounted_cache("/beat", dag.cache_volume(name)).with_exec(["sh", "-c", BEAT])


async def beat(name: str) -> str:
    """What the step has written last."""
    look = busybox().with_mounted_cache("/beat", dag.cache_volume(name))
    look = look.with_env_variable("NOW", os.urandom(8).hex()).with_exec(["sh", "-c", "cat /beat/now || true"])
    return await look.stdout()


async def until(what: Callable[[], Awaitable[bool]], why: str) -> None:
    """Waits until something is so."""
    for _ in range(100):
        if await what():
            return
        await asyncio.sleep(0.1)
    raise AssertionError(why)


async def begins(name: str) -> None:
    """Waits until the step runs."""

    async def runs() -> bool:
        return bool((await beat(name)).strip())

    await until(runs, "the step does not begin")


async def ends(name: str) -> None:
    """Waits until the step runs no more."""

    async def stands() -> bool:
        before = await beat(name)
        await asyncio.sleep(0.5)
        return await beat(name) == before

    await until(stands, "the step still runs")


@scenario("exec-errors")
async def exec_errors() -> None:
    command = ["sh", "-c", "echo to-out; echo to-err >&2; exit 3"]
    with raises(dagger.ExecError, "exit code: 3") as caught:
        await busybox().with_exec(command).stdout()
    error = caught[0]
    assert isinstance(error, dagger.ExecError)
    equal((error.command, error.exit_code, error.stdout, error.stderr), (command, 3, "to-out", "to-err"))
    extensions = dict(error.errors[0].extensions or {})
    wanted = {"_type": "EXEC_ERROR", "cmd": command, "exitCode": 3, "stdout": "to-out", "stderr": "to-err"}
    equal({key: extensions.get(key) for key in wanted}, wanted)


@scenario("other-errors")
async def other_errors() -> None:
    with raises(dagger.QueryError, "nothing: no such file or directory") as caught:
        await dag.directory().with_new_file("f", "").file("nothing").contents()
    holds(not isinstance(caught[0], dagger.ExecError), "this is no failing command")
    assert isinstance(caught[0], dagger.QueryError)
    equal((caught[0].errors[0].path or [])[:1], ["directory"])
    equal(caught[0].errors[0].extensions or None, None)
    with raises(dagger.QueryError, "no command has been set"):
        await dag.container().stdout()
    with raises(dagger.QueryError, "is a file, not a directory"):
        await dag.directory().with_new_file("f", "").directory("f").entries()
    equal(await dag.directory().with_new_file("after", "").entries(), ["after"])


@scenario("cancel")
async def cancel() -> None:
    name = mark("cancel")
    request = asyncio.create_task(beating(name).stdout())
    await begins(name)
    request.cancel()
    with raises(asyncio.CancelledError):
        await request
    await ends(name)


@scenario("gone")
async def gone() -> None:
    name = mark("gone")
    client = await asyncio.create_subprocess_exec(
        sys.executable, sys.argv[0], "hang", name, stdin=asyncio.subprocess.DEVNULL, stdout=sys.stderr
    )
    try:
        await begins(name)
        holds(client.returncode is None, "the client has ended")
    finally:
        client.kill()
        await client.wait()
    await ends(name)


async def hang(name: str) -> None:
    """What the other client does."""
    await asyncio.wait_for(beating(name).sync(), LIMIT)


@scenario("concurrency")
async def concurrency() -> None:
    word = mark("concurrency")
    found = await asyncio.gather(
        *(
            busybox().with_exec(["sh", "-c", f"sleep 0.1; echo {number} {word}"]).stdout()
            for number in range(50)
        )
    )
    equal(found, [f"{number} {word}\n" for number in range(50)])
