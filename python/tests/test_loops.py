"""Event loops of all kinds: trio, anyio, several threads, and one that runs all the time; and forks."""

import asyncio
import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import dagger
import pytest
from dagger import dag
from fake import Api, Server

Serve = Callable[[Callable[[str], Any]], Server]

VERSION = {"data": {"version": "v1"}}


def each_way(main: Callable[[], Coroutine[Any, Any, Any]], way: str) -> Any:
    """Runs a program with one of the libraries."""
    if way == "asyncio":
        return asyncio.run(main())
    if way == "uvloop":
        return pytest.importorskip("uvloop").run(main())
    if way == "trio":
        return pytest.importorskip("trio").run(main)
    return pytest.importorskip("anyio").run(main, backend=way.partition("-")[2])


WAYS = ["asyncio", "uvloop", "trio", "anyio-asyncio", "anyio-trio"]


@pytest.mark.parametrize("way", WAYS)
def test_a_program(api: Api, way: str) -> None:
    async def main() -> str:
        async with dagger.connection(), dagger.Connection() as client:
            source = await client.directory().with_new_file("a", "b").sync()
            return await dag.container().with_directory("/x", source).stdout()

    assert "withDirectory" in each_way(main, way)


@pytest.mark.parametrize("way", WAYS)
def test_connections_are_used_again_and_closed_at_the_end(serve: Serve, way: str) -> None:
    server = serve(lambda _document: VERSION)

    async def main() -> None:
        for _ in range(3):
            assert await dag.version() == "v1"

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        each_way(main, way)
        gc.collect()
    assert server.connections == 1
    assert server.closed.wait(5)


@pytest.mark.parametrize("way", ["uvloop", "trio", "anyio-trio", "anyio-asyncio"])
def test_a_thousand_requests(serve: Serve, way: str) -> None:
    anyio = pytest.importorskip("anyio")
    server = serve(lambda _document: VERSION)
    found: list[str] = []

    async def one() -> None:
        found.append(await dag.version())

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(1000):
                group.start_soon(one)

    each_way(main, way)
    assert found == ["v1"] * 1000
    assert server.connections <= 100


@pytest.mark.parametrize("way", ["uvloop", "trio", "anyio-asyncio"])
@pytest.mark.parametrize("forks", [False, True])
def test_cancelling_closes_the_connection(serve: Serve, way: str, forks: bool) -> None:
    """Also where a process that was forked off meanwhile holds it as well."""
    anyio = pytest.importorskip("anyio")
    release, asked = threading.Event(), threading.Event()

    def answer(_document: str) -> Any:
        asked.set()
        return release.wait(20) and VERSION

    server = serve(answer)
    held: list[int] = []

    async def fork() -> None:
        await anyio.to_thread.run_sync(asked.wait, 10)
        if forks:
            held.append(fork_that_waits())

    async def main() -> None:
        with anyio.move_on_after(0.5) as scope:
            async with anyio.create_task_group() as group:
                group.start_soon(fork)
                await dag.version()
        assert scope.cancelled_caught
        assert len(held) == forks
        release.set()
        assert await anyio.to_thread.run_sync(server.closed.wait, 5)

    try:
        each_way(main, way)
    finally:
        for child in held:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def fork_that_waits() -> int:
    """A process that was forked off here and does nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # There are threads here.
        child = os.fork()
    if child == 0:
        time.sleep(20)
        os._exit(0)
    return child


def test_trio_sees_errors(serve: Serve) -> None:
    trio = pytest.importorskip("trio")
    server = serve(lambda _document: None)

    def slow(_document: str) -> Any:
        time.sleep(1.5)
        return VERSION

    async def late() -> None:
        async with dagger.connection(dagger.Config(execute_timeout=1)):
            await dag.version()

    with pytest.raises(dagger.TransportError, match="broke the connection off"):
        trio.run(dag.version)
    server.answer = slow
    with pytest.raises(dagger.ExecuteTimeoutError, match="no answer came within 1 seconds"):
        trio.run(late)
    server.stop()
    with pytest.raises(
        dagger.ClientConnectionError, match=r"nothing listens on port \d+: .*Connection refused"
    ):
        trio.run(dag.version)


def test_trio_as_a_guest_of_asyncio(api: Api) -> None:
    trio = pytest.importorskip("trio")

    async def host() -> Any:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Any] = loop.create_future()
        trio.lowlevel.start_guest_run(
            dag.directory().digest,
            run_sync_soon_threadsafe=loop.call_soon_threadsafe,
            done_callback=done.set_result,
        )
        # Both at once.
        return await dag.version(), (await done).unwrap()

    assert asyncio.run(host()) == (".version", "directory.digest")


def test_event_loops_of_many_threads_share_the_client(api: Api) -> None:
    failures: list[BaseException] = []

    async def work() -> None:
        for number in range(30):
            assert f"d{number}" in await dag.directory().with_new_directory(f"d{number}").digest()

    def thread(way: str) -> None:
        try:
            each_way(work, way)
        except BaseException as failure:  # noqa: BLE001 - it is shown by the test
            failures.append(failure)

    threads = [threading.Thread(target=thread, args=(way,)) for way in ["asyncio"] * 4 + ["trio"] * 2]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not failures


def test_every_thread_has_the_session_it_began(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Barrier(2)
    found: dict[str, str] = {}
    one = serve(lambda _document: {"data": {"version": "one"}})
    other = Server(lambda _document: {"data": {"version": "other"}})

    def thread(name: str, began: threading.Event) -> None:
        async def main() -> None:
            async with dagger.connection():
                began.set()
                await asyncio.to_thread(begun.wait, 10)
                # Now both are there.
                found[name] = await dag.version()
                await asyncio.to_thread(begun.wait, 10)

        asyncio.run(main())

    threads = []
    for name, server in (("one", one), ("other", other)):
        began = threading.Event()
        monkeypatch.setenv("DAGGER_SESSION_PORT", str(server.port))
        threads.append(threading.Thread(target=thread, args=(name, began)))
        threads[-1].start()
        assert began.wait(10)
    for each in threads:
        each.join()
    other.stop()
    assert found == {"one": "one", "other": "other"}


CELLS = """
import sys
import dagger
from dagger import dag
connection = dagger.connection()
_ = await connection.__aenter__()
source = dag.directory().with_new_file("a", "b")
made = await source.sync()
print(await made.digest())
client = dagger.connect().__enter__()
print(client.version())
await connection.__aexit__(None, None, None)
sys.stdout.flush()
"""


def test_a_loop_that_runs_all_the_time(api: Api) -> None:
    """A notebook's: every cell is a task of its own, and the loop runs in between.

    Each line is a cell: the prompt of Python 3.13 takes no blocks from a pipe.
    """
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(dagger.__file__).parent.parent),
        "PYTHONWARNINGS": "error",
    }
    done = subprocess.run(
        [sys.executable, "-m", "asyncio"],
        input=CELLS,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    told = [line.removeprefix(">>> ").removeprefix("... ") for line in done.stdout.splitlines()]
    for wanted in ("directory.withNewFile", ".version"):
        assert any(wanted in line for line in told), done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr


def in_a_fork(function: Callable[[], Any]) -> Any:
    """What a function gives in a process that is forked off here."""
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)

    def child() -> None:
        try:
            send.send(function())
        except Exception as failure:  # noqa: BLE001 - it is shown by the test
            send.send(f"{type(failure).__name__}: {failure}")

    process = context.Process(target=child)
    with warnings.catch_warnings():
        # There are threads here; programs which fork in spite of them are what is tried.
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()
    assert receive.poll(20), "the fork says nothing"
    try:
        return receive.recv()
    finally:
        process.join()


OTHER = "ClientConnectionError: this session was opened by another process, of which this one is a fork"


def test_a_fork_cannot_use_the_session_of_its_parent(api: Api) -> None:
    with dagger.connect() as client:
        assert client.version() == ".version"
        assert OTHER in in_a_fork(client.version)
        assert client.version() == ".version"

    async def main() -> None:
        async with dagger.connection():
            assert await dag.version() == ".version"

            def again() -> Any:
                # The loop of the parent is not that of the fork.
                return asyncio.new_event_loop().run_until_complete(dag.version())

            assert OTHER in await asyncio.to_thread(in_a_fork, again)
            assert await dag.version() == ".version"

    asyncio.run(main())


def test_a_fork_opens_a_session_of_its_own(api: Api) -> None:
    def child() -> Any:
        with dagger.connect() as client:
            return client.version(), asyncio.run(dag.version())

    with dagger.connect() as client:
        assert client.version() == ".version"
        assert in_a_fork(child) == (".version", ".version")
    asyncio.run(dag.version())
    assert in_a_fork(lambda: asyncio.run(dag.version())) == ".version"
