"""What goes wrong, ends early, or happens at once."""

import asyncio
import os
import sys

import dagger
from dagger import dag
from harness import HOLD, LIMIT, LOOK, MANY, MEET, WATCH, busybox, equal, holds, mark, raises, scenario


def step(name: str, script: str) -> dagger.Container:
    """A step with the cache volume of that name."""
    container = busybox().with_env_variable("NOW", os.urandom(8).hex())
    return container.with_mounted_cache("/held", dag.cache_volume(name)).with_exec(["sh", "-c", script])


async def watched(name: str) -> asyncio.Task[str]:
    """Waits until the step that holds runs; the result says `ended` when no process of it is left."""
    watch = asyncio.create_task(step(name, WATCH).stdout())
    while await step(name, LOOK).stdout() != "runs\n":
        holds(not watch.done(), "the step has ended by itself")
        await asyncio.sleep(0.1)
    return watch


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
    request = asyncio.create_task(step(name, HOLD).stdout())
    watch = await watched(name)
    request.cancel()
    with raises(asyncio.CancelledError):
        await request
    equal(await watch, "ended\n")


@scenario("gone")
async def gone() -> None:
    name = mark("gone")
    client = await asyncio.create_subprocess_exec(
        sys.executable, sys.argv[0], "hang", name, stdin=asyncio.subprocess.DEVNULL, stdout=sys.stderr
    )
    try:
        watch = await watched(name)
        holds(client.returncode is None, "the client has ended")
    finally:
        client.kill()
        await client.wait()
    equal(await watch, "ended\n")


async def hang(name: str) -> None:
    """What the other client does."""
    await asyncio.wait_for(step(name, HOLD).sync(), LIMIT)


@scenario("concurrency")
async def concurrency() -> None:
    word = mark("concurrency")
    meeting = busybox().with_mounted_cache("/met", dag.cache_volume(word))
    steps = [meeting.with_exec(["sh", "-c", MEET, str(number), word]) for number in range(MANY)]
    found = await asyncio.gather(*(step.stdout() for step in steps))
    equal(found, [f"{number} {word}\n" for number in range(MANY)])
