"""Starting, asking and ending."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from kukri_bench.figures import Figure, ms, timed

if TYPE_CHECKING:
    from kukri_bench.context import Context


def query_row(context: Context) -> list[Figure]:
    """The command with an engine that runs."""
    with context.engine() as engine:
        engine.start()
        whole = [timed(lambda: engine.run("query", "{version}")) for _ in range(context.rounds(21))]
    floor = ms("true(1) as a process", [timed(lambda: subprocess.run(["true"])) for _ in whole])
    return [
        Figure("kukri query '{version}', engine running", "ms", ms("whole process", whole), 10, floor=floor)
    ]


def start_row(context: Context) -> list[Figure]:
    """The engine's own start and end."""
    starts, ends = [], []
    for _ in range(context.rounds(7)):
        with context.engine() as engine:
            starts.append(engine.start())
            ends.append(engine.terminate())
    return [
        Figure("no engine, empty store: until the first answer", "ms", ms("kukri query", starts), 60),
        Figure("engine: SIGTERM until gone", "ms", ms("process", ends), 500),
    ]
