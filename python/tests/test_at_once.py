"""Several `dagger.connection()` at once: `dag` is the session of the block in which it is used."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import dagger
import pytest
from dagger import dag
from fake import Api, Server, anything
from test_loops import each_way
from test_process import Fake

WAYS = ["asyncio", "anyio-asyncio", "trio"]

Opens = Callable[..., dagger.connection]


@pytest.fixture
def opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opens]:
    """Makes a connection to a session of its own, whose version is its name."""
    servers: list[Server] = []
    binary = Fake(tmp_path)
    binary.says(
        "where = sys.argv[sys.argv.index('--workdir') + 1]\n"
        "print(json.dumps(dict(port=int(open(f'{where}/port').read()), session_token='t')), flush=True)"
    )
    monkeypatch.setenv("_EXPERIMENTAL_DAGGER_CLI_BIN", str(binary.path))

    def named(name: str, answer: Callable[[str], Any] | None = None, **more: Any) -> dagger.connection:
        servers.append(Server(answer or (lambda _document: {"data": {"version": name}})))
        (tmp_path / name).mkdir()
        (tmp_path / name / "port").write_text(str(servers[-1].port))
        return dagger.connection(dagger.Config(workdir=tmp_path / name, **more))

    yield named
    for server in servers:
        server.stop()


class Turns:
    """Lets tasks of any library go on in an order."""

    def __init__(self) -> None:
        self.at = 0

    async def wait(self, turn: int) -> None:
        from dagger._loops import running

        while self.at < turn:
            await running().pause(0.001)
        self.at = turn + 1


async def beside(*works: Callable[[], Any]) -> None:
    """Does several things at the same time, in tasks of whatever library runs this one."""
    async with pytest.importorskip("anyio").create_task_group() as group:
        for work in works:
            group.start_soon(work)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("first", ["a", "b"])
def test_two_tasks(opens: Opens, way: str, first: str) -> None:
    """Whichever of them ends first."""
    turns, found = Turns(), []
    order = {"a": [0, 2, 4], "b": [1, 3, 5]}
    if first == "b":
        order["a"][2], order["b"][2] = 5, 4

    async def task(name: str) -> None:
        begins, asks, ends = order[name]
        await turns.wait(begins)
        async with opens(name):
            await turns.wait(asks)
            found.append((name, await dag.version()))

            async def below() -> None:
                found.append((name, await dag.version()))

            await beside(below, below)
            await turns.wait(ends)
            found.append((name, await dag.version()))

    each_way(lambda: beside(lambda: task("a"), lambda: task("b")), way)
    assert len(found) == 8
    assert all(name == version for name, version in found), found


def test_decorated_functions(opens: Opens) -> None:
    """The later one ends first."""

    async def main() -> Any:
        begun, ended = asyncio.Event(), asyncio.Event()

        @opens("long")
        async def long() -> list[str]:
            found = [await dag.version()]
            begun.set()
            await ended.wait()
            return [*found, await dag.version()]

        @opens("short")
        async def short() -> list[str]:
            return [await dag.version()]

        async def later() -> list[str]:
            await begun.wait()
            found = await short()
            ended.set()
            return found

        return await asyncio.gather(long(), later())

    assert asyncio.run(main()) == [["long", "long"], ["short"]]


def test_threads(opens: Opens) -> None:
    """One that a block starts with its context is in it; another one uses the newest session."""

    def version() -> str:
        return asyncio.run(anything(dag.version()))

    async def main() -> None:
        async with opens("a"):
            release = threading.Event()
            own = asyncio.create_task(asyncio.to_thread(lambda: release.wait(10) and version()))
            await asyncio.sleep(0)
            async with opens("b"):
                release.set()
                assert await own == "a"
                assert await asyncio.to_thread(version) == "b"
                found: list[str] = []
                thread = threading.Thread(target=lambda: found.append(version()))
                thread.start()
                await asyncio.to_thread(thread.join)
                assert found == ["b"]

    asyncio.run(main())


def test_blocks_in_each_other(opens: Opens) -> None:
    async def main() -> None:
        async with opens("outer"):
            async with opens("inner"):
                assert await dag.version() == "inner"
            assert await dag.version() == "outer"
        with pytest.raises(dagger.ClientConnectionError, match="it has ended"):
            await dag.version()

    asyncio.run(main())


def test_blocks_that_end_in_the_order_they_began(opens: Opens) -> None:
    async def main() -> None:
        async with opens("outer"):
            one = await opens("one").__aenter__()
            other = await opens("other").__aenter__()
            await one.__aexit__(None, None, None)
            assert await dag.version() == "other"
            await other.__aexit__(None, None, None)
            assert await dag.version() == "outer"

    asyncio.run(main())


def test_a_task_from_before_the_block(opens: Opens) -> None:
    """It has no other session; also where it began in a block that has ended."""

    async def worker(todo: asyncio.Queue[asyncio.Future[str]]) -> None:
        while True:
            (await todo.get()).set_result(await dag.version())

    async def main() -> None:
        todo: asyncio.Queue[asyncio.Future[str]] = asyncio.Queue()
        tasks = [asyncio.create_task(worker(todo))]
        for name in ("one", "two", "three"):
            async with opens(name):
                done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
                todo.put_nowait(done)
                assert await asyncio.wait_for(done, 10) == name
                # The next one is of this block.
                tasks.pop().cancel()
                tasks.append(asyncio.create_task(worker(todo)))
        tasks.pop().cancel()

    asyncio.run(main())


def test_a_task_that_is_left_behind(opens: Opens) -> None:
    """It does not go on in the session of another task."""

    async def main() -> None:
        begun, ended = asyncio.Event(), asyncio.Event()

        async def asks() -> str:
            await ended.wait()
            return await dag.version()

        async def a() -> None:
            async with opens("a"):
                await begun.wait()
                left.append(asyncio.create_task(asks()))
            ended.set()

        async def b() -> None:
            async with opens("b"):
                begun.set()
                await ended.wait()
                with pytest.raises(dagger.ClientConnectionError, match="it has ended"):
                    await left[0]
                assert await dag.version() == "b"

        left: list[asyncio.Task[str]] = []
        await asyncio.gather(a(), b())

    asyncio.run(main())


def test_fixtures(opens: Opens) -> None:
    """They are entered and left in tasks of their own, and tests are others."""

    async def fixture(name: str) -> AsyncIterator[None]:
        async with opens(name):
            yield

    async def version() -> str:
        return await dag.version()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        wide, narrow = fixture("wide"), fixture("narrow")
        await loop.create_task(anything(wide.__anext__()))
        assert await loop.create_task(version()) == "wide"
        await loop.create_task(anything(narrow.__anext__()))
        assert await loop.create_task(version()) == "narrow"
        await loop.create_task(ended(narrow))
        assert await loop.create_task(version()) == "wide"
        await loop.create_task(ended(wide))

    asyncio.run(main())


async def ended(generator: Any) -> None:
    with contextlib.suppress(StopAsyncIteration):
        await generator.__anext__()


def test_left_in_another_context(opens: Opens) -> None:
    """Where it was entered nothing tells of that; it is as if it had never been there."""

    async def main() -> None:
        async with opens("wide"):
            narrow = await opens("narrow").__aenter__()
            assert await dag.version() == "narrow"
            # The context of a task is a copy.
            await asyncio.create_task(anything(narrow.__aexit__(None, None, None)))
            assert await dag.version() == "wide"
        lost = await opens("lost").__aenter__()
        await asyncio.create_task(anything(lost.__aexit__(None, None, None)))
        with pytest.raises(dagger.ClientConnectionError, match="it has ended"):
            await dag.version()
        async with opens("next"):
            assert await dag.version() == "next"

    asyncio.run(main())


def test_an_error_of_a_task_that_is_left_behind(opens: Opens) -> None:
    """It waits to be cancelled after an exception ended its session, whichever session ended last."""

    async def main() -> None:
        left = asyncio.Event()

        async def later() -> None:
            await left.wait()
            await dag.version()

        async def broken() -> None:
            async with opens("broken"):
                tasks.append(asyncio.create_task(later()))
                await asyncio.sleep(0)
                raise ZeroDivisionError

        tasks: list[asyncio.Task[None]] = []
        async with opens("other"):
            with contextlib.suppress(ZeroDivisionError):
                await broken()
        left.set()
        await asyncio.wait(tasks, timeout=0.1)
        assert not tasks[0].done()
        tasks[0].cancel()

    asyncio.run(main())


def test_objects_that_several_share(opens: Opens) -> None:
    """Whatever others find out about them between two requests, each block sends its own IDs."""
    source = dag.directory().with_new_file("a", "b")
    built = dag.directory().with_directory("s", source)
    top = dag.directory().with_directory("a", source).with_directory("b", built)
    found: dict[str, str] = {}
    # Each request waits for one of the other session.
    meet = threading.Barrier(2)

    class Engine(Api):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def __call__(self, document: str) -> dict[str, Any]:
            meet.wait(10)
            return super().__call__(document)

        def _identity(self, chain: str) -> str:
            id_ = f"{self.name}-{len(self.ids)}"
            self.chains[self.ids.setdefault(chain, id_)] = chain
            return self.ids[chain]

    def work(name: str) -> None:
        async def main() -> None:
            async with opens(name, Engine(name)):
                found[name] = await top.digest()

        asyncio.run(main())

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(found) == {"a", "b"}
    assert found["a"] == found["b"]
    assert 'source:<directory.withDirectory(path:"s",source:<' in found["a"].replace(", ", ",")


def test_source_lines_are_those_of_the_block(opens: Opens) -> None:
    def remembered() -> bool:
        step = dag.container()._step
        assert step is not None
        return step.place is not None

    async def main() -> None:
        turns = Turns()

        async def other() -> None:
            async with opens("b", source_lines=False):
                await turns.wait(0)
                assert not remembered()
                await turns.wait(2)

        async with opens("a"):
            task = asyncio.create_task(other())
            while turns.at < 1:
                await asyncio.sleep(0.001)
            assert remembered()
            await turns.wait(1)
            async with opens("c", source_lines=False):
                assert not remembered()
            assert remembered()
            # A thread without an event loop takes any of them, and does not fail.
            await asyncio.get_running_loop().run_in_executor(None, remembered)
            await task
            assert remembered()
        assert remembered()

    asyncio.run(main())
