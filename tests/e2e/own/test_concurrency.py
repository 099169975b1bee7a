"""A thousand requests at once, from event loops and from threads."""

import asyncio
import itertools
from concurrent.futures import ThreadPoolExecutor

import dagger
import pytest
from dagger import dag

MANY = 1000


async def leaf(number: int) -> str:
    """A request of its own: no two are the same."""
    return await dag.directory().with_new_file("f", f"number {number}").file("f").contents()


WANTED = [f"number {number}" for number in range(MANY)]


def test_asyncio() -> None:
    async def main() -> None:
        async with dagger.connection():
            assert await asyncio.gather(*(leaf(number) for number in range(MANY))) == WANTED

    asyncio.run(main())


def test_trio() -> None:
    trio = pytest.importorskip("trio")
    found = [""] * MANY

    async def one(number: int) -> None:
        found[number] = await leaf(number)

    async def main() -> None:
        async with dagger.connection(), trio.open_nursery() as nursery:
            for number in range(MANY):
                nursery.start_soon(one, number)

    trio.run(main)
    assert found == WANTED


def test_threads() -> None:
    with dagger.connect() as client, ThreadPoolExecutor(50) as pool:

        def one(number: int) -> str:
            return client.directory().with_new_file("f", f"number {number}").file("f").contents()

        assert list(pool.map(one, range(MANY))) == WANTED


def test_a_program_on_trio_cancels_a_command() -> None:
    """As on asyncio: the command ends when nobody waits for it any more."""
    trio = pytest.importorskip("trio")

    async def main() -> None:
        async with dagger.connection():
            volume = dag.cache_volume("trio")
            base = dag.container().from_("busybox").with_mounted_cache("/held", volume)
            # The pipe is open as long as any process of the first step is there, and the second reads to its end.
            pipe = "mkfifo /held/pipe 2> /dev/null; "
            hold = pipe + "exec 9> /held/pipe; touch /held/runs; while true; do sleep 1; done"
            watch = pipe + "cat < /held/pipe; echo ended"
            found: list[str] = []

            async def watched() -> None:
                found.append(await base.with_exec(["sh", "-c", watch]).stdout())

            with trio.fail_after(60):
                async with trio.open_nursery() as outer:
                    outer.start_soon(watched)
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(base.with_exec(["sh", "-c", hold]).sync)
                        for number in itertools.count():
                            look = base.with_env_variable("LOOK", str(number))
                            if await look.with_exec(["sh", "-c", "ls /held"]).stdout() == "pipe\nruns\n":
                                break
                            await trio.sleep(0.1)
                        nursery.cancel_scope.cancel()
            assert found == ["ended\n"]

    trio.run(main)
