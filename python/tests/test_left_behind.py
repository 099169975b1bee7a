"""Tasks and threads that still wait where the block of a connection is left."""

import asyncio
import contextlib
import gc
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagger
import pytest
from dagger import _link, dag
from fake import Api, Server, anything
from test_process import Fake

VERSION = {"data": {"version": "v1"}}


class Stop(Exception):
    """What ends the program."""


class Session:
    """A process `kukri session` that ends with what it was asked for, as the real one does."""

    def __init__(self, binary: Fake) -> None:
        self.asked = threading.Semaphore(0)
        self._release = threading.Event()
        self._server = Server(self._answer)
        said = f"dict(port={self._server.port}, session_token='t')"
        url = f"http://127.0.0.1:{self._server.port}/"
        binary.says(
            f"import urllib.request\nprint(json.dumps({said}), flush=True)",
            # Its end breaks off all that was asked for.
            f'sys.stdin.read(); urllib.request.urlopen({url!r}, b\'{{"query": "end"}}\')',
        )

    def _answer(self, document: str) -> Any:
        if document == "end":
            self._release.set()
            return VERSION
        if "directory" not in document:
            return VERSION
        self.asked.release()
        self._release.wait(20)
        return None

    def stop(self) -> None:
        self._release.set()
        self._server.stop()


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    binary = Fake(tmp_path)
    monkeypatch.setenv("_EXPERIMENTAL_DAGGER_CLI_BIN", str(binary.path))
    made = Session(binary)
    yield made
    made.stop()


@pytest.fixture
def noise(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What asyncio says of tasks whose errors nobody asked for."""

    def said() -> list[str]:
        gc.collect()
        return [record.getMessage() for record in caplog.records if record.name == "asyncio"]

    return said


def slow() -> Any:
    """A request that the session does not answer before it ends."""
    return dag.directory().digest()


def parts(group: Any) -> list[type]:
    """What an exception group is made of."""
    return [type(one) for one in group.exceptions]


async def waiting(session: Session, count: int) -> None:
    """Returns when so many requests are under way."""
    for _ in range(count):
        assert await asyncio.to_thread(session.asked.acquire, timeout=10)


def test_tasks_that_nobody_waits_for(session: Session, noise: Callable[[], list[str]]) -> None:
    async def main() -> None:
        async with dagger.connection():
            tasks = [asyncio.create_task(slow()) for _ in range(3)]
            await waiting(session, 3)
            raise Stop(tasks)

    with pytest.raises(Stop) as error:
        asyncio.run(main())
    assert all(task.cancelled() for task in error.value.args[0])
    del error
    assert noise() == []


def test_a_task_that_asks_again_meanwhile(session: Session, noise: Callable[[], list[str]]) -> None:
    """Between its requests, it does not know that the session ends."""
    left = asyncio.Event()

    async def later() -> None:
        await left.wait()
        await slow()

    async def main() -> None:
        try:
            async with dagger.connection():
                task = asyncio.create_task(later())
                await asyncio.sleep(0)
                raise Stop(task)
        finally:
            left.set()

    with pytest.raises(Stop) as error:
        asyncio.run(main())
    assert error.value.args[0].cancelled()
    del error
    assert noise() == []


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio has task groups since Python 3.11")
def test_a_task_group_around_it(session: Session) -> None:
    """The group would forget the exception, if a task failed before it arrives there."""

    async def main() -> None:
        async with anything(asyncio).TaskGroup() as group, dagger.connection():
            for _ in range(3):
                group.create_task(slow())
            await waiting(session, 3)
            raise Stop

    with pytest.raises(Exception, match="unhandled errors in a TaskGroup") as error:
        asyncio.run(main())
    assert parts(error.value) == [Stop]


def test_a_nursery_around_it(session: Session) -> None:
    trio = pytest.importorskip("trio")

    async def main() -> None:
        async with trio.open_nursery() as nursery, dagger.connection():
            for _ in range(3):
                nursery.start_soon(slow)
            for _ in range(3):
                await trio.to_thread.run_sync(session.asked.acquire)
            raise Stop

    with pytest.raises(Exception, match="Exceptions from Trio nursery") as error:
        trio.run(main)
    assert parts(error.value) == [Stop]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_group_of_anyio_around_it(session: Session, backend: str) -> None:
    anyio = pytest.importorskip("anyio")

    async def main() -> None:
        async with anyio.create_task_group() as group, dagger.Connection() as client:
            for _ in range(3):
                group.start_soon(client.directory().digest)
            for _ in range(3):
                await anyio.to_thread.run_sync(session.asked.acquire)
            raise Stop

    with pytest.raises(Exception, match=r"unhandled errors|Exceptions from Trio") as error:
        anyio.run(main, backend=backend)
    assert parts(error.value) == [Stop]


def test_a_program_that_goes_on(session: Session) -> None:
    """Nothing cancels the task, so it is told in the end."""

    async def main() -> None:
        began = time.monotonic()
        tasks: list[asyncio.Task[str]] = []
        with contextlib.suppress(Stop):
            async with dagger.connection():
                tasks.append(asyncio.create_task(slow()))
                await waiting(session, 1)
                raise Stop
        with pytest.raises(dagger.TransportError) as error:
            await tasks[0]
        assert str(error.value) == _link.UNANSWERED
        assert time.monotonic() - began >= _link.PATIENCE

    asyncio.run(main())


def test_a_block_that_ends_before_its_tasks(session: Session) -> None:
    """A mistake of the program: it is told at once."""

    async def main() -> list[Any]:
        async with dagger.connection():
            tasks = [asyncio.create_task(slow()) for _ in range(3)]
            await waiting(session, 3)
        began = time.monotonic()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert time.monotonic() - began < _link.PATIENCE / 2
        return found

    assert [(type(one), str(one)) for one in asyncio.run(main())] == [
        (dagger.TransportError, _link.UNANSWERED)
    ] * 3


def test_a_session_of_the_environment(api: Api) -> None:
    """It goes on, so nobody has to wait for its end."""

    async def main() -> None:
        began = time.monotonic()
        made: list[dagger.Directory] = []
        with contextlib.suppress(Stop):
            async with dagger.Connection() as client:
                made.append(client.directory())
                raise Stop
        with pytest.raises(dagger.TransportError, match="was closed"):
            await asyncio.wait_for(made[0].digest(), 10)
        assert time.monotonic() - began < _link.PATIENCE

    asyncio.run(main())


def test_threads(session: Session) -> None:
    found: list[object] = []

    def work(client: dagger.sync.Client) -> None:
        try:
            client.directory().digest()
        except dagger.TransportError as error:
            found.append(str(error))

    with dagger.connect() as client:
        thread = threading.Thread(target=work, args=(client,))
        thread.start()
        assert session.asked.acquire(timeout=10)
    thread.join(10)
    assert found == [_link.UNANSWERED]
