"""The same small measurements for every engine that a package `dagger` can talk to.

It uses nothing but that package, so one file measures Kukri in an environment with its wheel, and Dagger in
one with `dagger-io`. Each row is the median of some rounds, with the least and the most; what fails is told,
and the rest goes on.

python compare.py [--image IMAGE] [--quick] [ROW ...]
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import dagger
from dagger import dag

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

SCRIPT = """
import asyncio, sys, dagger
from dagger import dag
async def main():
    async with dagger.connection():
        await dag.container().from_(sys.argv[1]).with_exec(["true"]).stdout()
asyncio.run(main())
"""


class Rows:
    """What is measured; a name of a method is that of a row."""

    def __init__(self, image: str, quick: bool) -> None:
        self.image = image
        self.quick = quick

    def rounds(self, number: int) -> int:
        """How often something is done."""
        return max(2, number // 10) if self.quick else number

    def fresh(self) -> dagger.Container:
        """A container that no run before has known."""
        return dag.container().from_(self.image).with_env_variable("N", uuid.uuid4().hex)

    async def script(self) -> list[float]:
        """A whole Python program whose one step is cached."""
        times = []
        for _ in range(self.rounds(10) + 1):
            started = time.perf_counter()
            done = await asyncio.create_subprocess_exec(sys.executable, "-c", SCRIPT, self.image)
            if await done.wait():
                raise RuntimeError("the program failed")
            times.append(time.perf_counter() - started)
        return times[1:]

    async def exec(self) -> list[float]:
        """A new `true`, one at a time."""
        return [await timed(self.fresh().with_exec(["true"]).sync) for _ in range(self.rounds(50))]

    async def parallel(self) -> list[float]:
        """200 new `true`, 8 at a time: all of them."""
        eight = asyncio.Semaphore(8)

        async def one() -> None:
            async with eight:
                await self.fresh().with_exec(["true"]).sync()

        async def all_of_them() -> None:
            await asyncio.gather(*(one() for _ in range(self.rounds(200))))

        return [await timed(all_of_them) for _ in range(self.rounds(5))]

    async def chain(self) -> list[float]:
        """A chain of 300 new commands that each write a file: a step."""
        container = self.fresh()
        for number in range(300):
            container = container.with_exec(["touch", f"/{number}"])
        return [await timed(container.sync) / 300]

    async def cached(self) -> list[float]:
        """A chain of 100 commands that is cached, in a session that asks for it first."""
        nonce = uuid.uuid4().hex
        script = CHAIN.format(image=self.image, nonce=nonce)
        times = []
        for _ in range(self.rounds(10) + 1):
            done = await asyncio.create_subprocess_exec(
                sys.executable, "-c", script, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
            output, _ = await done.communicate()
            times.append(float(output))
        return times[1:]

    async def files(self) -> list[float]:
        """1,000 with_new_file, and entries."""
        times = []
        for _ in range(self.rounds(10)):
            directory, nonce = dag.directory(), uuid.uuid4().hex
            for number in range(1000):
                directory = directory.with_new_file(f"{number}", nonce)
            times.append(await timed(directory.entries))
        return times

    async def host(self) -> list[float]:
        """50,000 files of 4 KiB from the host, of which one has changed since the last time."""
        count = self.rounds(50_000)
        with tempfile.TemporaryDirectory() as name:
            root = Path(name)
            for number in range(count):
                path = root / f"{number // 1000}" / f"{number}"
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(uuid.uuid4().bytes * 256)
            times = []
            for _ in range(self.rounds(5) + 1):
                (root / "0" / "0").write_text(uuid.uuid4().hex)
                # A session of its own: each asks the host once.
                async with dagger.Connection() as client:
                    times.append(await timed(client.host().directory(name).sync))
        print(f"{'host, first':10} {show(times[:1])}")
        return times[1:]


CHAIN = """
import asyncio, time, dagger
from dagger import dag
async def main():
    async with dagger.connection():
        chain = dag.container().from_("{image}").with_env_variable("N", "{nonce}")
        for number in range(100):
            chain = chain.with_exec(["touch", "/%d" % number])
        started = time.perf_counter()
        await chain.sync()
        print(time.perf_counter() - started)
asyncio.run(main())
"""


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    """How long something takes, in seconds."""
    started = time.perf_counter()
    await work()
    return time.perf_counter() - started


def show(times: list[float]) -> str:
    """Median, least and most, in milliseconds."""
    low, middle, high = min(times), statistics.median(times), max(times)
    return f"{middle * 1e3:10.1f} ms  ({low * 1e3:.1f} to {high * 1e3:.1f}, {len(times)} times)"


async def main() -> None:
    names = [name for name, value in vars(Rows).items() if asyncio.iscoroutinefunction(value)]
    parser = argparse.ArgumentParser(description="Measure the engine that the package `dagger` talks to.")
    parser.add_argument(
        "rows", nargs="*", metavar="ROW", help=f"of: {', '.join(names)}; all if there is none"
    )
    parser.add_argument("--image", default="busybox:latest", help="one with `true` and `touch` [%(default)s]")
    parser.add_argument("--quick", action="store_true", help="few rounds: to see that it works, not how fast")
    chosen = parser.parse_args()
    if unknown := set(chosen.rows) - set(names):
        parser.error(f"there is no row {', '.join(sorted(unknown))}")
    rows = Rows(chosen.image, chosen.quick)
    failed = False
    async with dagger.connection():
        await rows.fresh().with_exec(["true"]).sync()
        for name in chosen.rows or names:
            try:
                print(f"{name:10} {show(await getattr(rows, name)())}", flush=True)
            except Exception as error:  # noqa: BLE001, PERF203 - of every package, and told
                failed = True
                print(f"{name:10} failed: {str(error).splitlines()[0][:120]}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    asyncio.run(main())
