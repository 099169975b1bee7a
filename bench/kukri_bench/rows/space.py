"""What it takes of memory and disk."""

from __future__ import annotations

import time

from ..context import CHECKOUT, Context
from ..figures import Figure, Samples
from . import host


def memory_row(context: Context) -> list[Figure]:
    """Resident memory of the engine: after its start, and after it has taken over many files."""
    idle, after = [], []
    root = host.tree(context)
    for _ in range(context.rounds(3)):
        with context.engine() as engine:
            engine.start()
            time.sleep(1)
            idle.append(engine.memory())
            with engine.session() as session:
                host.sync(session, root)
            time.sleep(2)
            after.append(engine.memory())
    return [
        Figure("engine memory, idle", "MB", Samples("resident", tuple(idle)), 40),
        Figure(f"engine memory after {host.FILES:,} files", "MB", Samples("resident", tuple(after)), 200),
    ]


def disk_row(context: Context) -> list[Figure]:
    """What is installed."""
    binary = context.kukri.stat().st_size / 1e6
    figures = [Figure("the program on disk", "MB", Samples("file", (binary,)), 40)]
    for wheel in sorted((CHECKOUT / "dist").glob("*.whl"))[-1:]:
        figures.append(Figure("the wheel", "MB", Samples("file", (wheel.stat().st_size / 1e6,)), 40))
    return figures
