"""Directories that are made of many small edits."""

from __future__ import annotations

import subprocess
import textwrap
from typing import TYPE_CHECKING

from kukri_bench.figures import Figure, Samples, Skip, ms, timed

if TYPE_CHECKING:
    from kukri_bench.context import Context

STEPS = 1000

SCRIPT = f"""
import asyncio, sys, time
import dagger
from dagger import dag

async def main():
    async with dagger.connection():
        await dag.version()
        for round in range(int(sys.argv[1])):
            start = time.perf_counter()
            directory = dag.directory()
            for number in range({STEPS}):
                directory = directory.with_new_file(f"file-{{number}}", f"content {{round}} {{number}}")
            entries = await directory.entries()
            print(time.perf_counter() - start)
            assert len(entries) == {STEPS}, len(entries)

asyncio.run(main())
"""


def files_row(context: Context) -> list[Figure]:
    """`withNewFile` a thousand times, then `entries`: as one document, and through the package."""
    with context.engine() as engine:
        raw = []
        with engine.session() as session:
            for number in range(context.rounds(7)):
                document = _document(f"raw {number}")
                raw.append(timed(lambda document=document: session.ask(document)))
        figures = [Figure(f"{STEPS:,} withNewFile and entries, one document", "ms", ms("request", raw), 100)]
        try:
            context.require_sdk()
            command = [context.python, "-c", textwrap.dedent(SCRIPT), str(context.rounds(7))]
            done = subprocess.run(
                command, env=engine.environment, capture_output=True, text=True, cwd=context.scratch
            )
            if done.returncode:
                raise Skip(f"the script failed: {''.join(done.stderr.strip().splitlines()[-1:])}")
            sdk = ms("in a script", [float(line) for line in done.stdout.split()])
            figures.append(Figure(f"{STEPS:,} with_new_file and entries, Python package", "ms", sdk, 100))
        except Skip as reason:
            figures[0].notes.append(f"Python package: {reason}")
    floor = Samples("the same files written to disk", tuple(_written(context, number) for number in range(5)))
    for figure in figures:
        figure.floor = floor
    return figures


def _document(nonce: str) -> str:
    parts = [f'withNewFile(path:"file-{number}",contents:"{nonce} {number}")' for number in range(STEPS)]
    return "{".join(["", "directory", *parts, "entries"]) + "}" * (STEPS + 2)


def _written(context: Context, number: int) -> float:
    directory = context.scratch / f"written-{number}"
    directory.mkdir()

    def write() -> None:
        for index in range(STEPS):
            (directory / f"file-{index}").write_text(f"content {number} {index}")

    return timed(write) * 1000
