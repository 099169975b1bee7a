"""A thousand requests at once, from event loops and from threads."""

import asyncio
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
            base = dag.container().from_("busybox").with_mounted_cache("/beat", volume)
            script = "i=0; while true; do i=$((i+1)); echo $i > /beat/now; sleep 0.1; done"

            async def now(number: int) -> str:
                look = base.with_env_variable("LOOK", str(number))
                return await look.with_exec(["sh", "-c", "cat /beat/now || true"]).stdout()

            async with trio.open_nursery() as nursery:
                nursery.start_soon(base.with_exec(["sh", "-c", script]).sync)
                number = 0
                while not await now(number):
                    number += 1
                    await trio.sleep(0.1)
                nursery.cancel_scope.cancel()
            with trio.fail_after(10):
                before, after = "", "x"
                while before != after:
                    number += 1
                    before, after = after, await now(number)
                    await trio.sleep(0.5)

    trio.run(main)
