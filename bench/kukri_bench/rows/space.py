"""What it takes of memory and disk."""

from __future__ import annotations

import time

from kukri_bench.context import CHECKOUT, Context
from kukri_bench.figures import Figure, Samples

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
    files = {"the program on disk": context.kukri}
    for wheel in sorted((CHECKOUT / "dist").glob("*.whl"))[-1:]:
        files["the wheel"] = wheel
    sizes = {what: Samples("file", (path.stat().st_size / 1e6,)) for what, path in files.items()}
    return [Figure(what, "MB", size, 40) for what, size in sizes.items()]
