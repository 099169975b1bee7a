"""The store beside a plain copy: into it and out of it."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

from kukri_bench.figures import Figure, Skip, ms, timed
from kukri_bench.rows import execs, host

if TYPE_CHECKING:
    from pathlib import Path

    from kukri_bench.context import Context
    from kukri_bench.session import Session


def copy_row(context: Context) -> list[Figure]:
    """A directory into the store, and out of it below a container, against `cp -a` of it."""
    if shutil.which("cp") is None:
        raise Skip("cp is not installed")
    root = host.tree(context)
    copied, taken, placed = [], [], []
    for number in range(context.rounds(5)):
        # Stays until the whole run is over, as the engines' stores do.
        command = ["cp", "-a", root, context.scratch / f"copy-{number}"]
        copied.append(timed(lambda command=command: subprocess.run(command, check=True)))
        with context.engine() as engine, engine.session() as session:
            execs.warm(session)
            taken.append(timed(lambda session=session: host.sync(session, root)))
            identity = _identity(session, root)
            placed.append(timed(lambda session=session, identity=identity: _run_over(session, identity)))
    floor = ms("cp -a of them", copied)
    what, out = f"{host.FILES:,} files of 4 KiB", "out of it, into a container that runs `true`"
    return [
        Figure(f"{what} into the store, from the host", "ms", ms("request", taken), floor=floor),
        Figure(f"{what} {out}", "ms", ms("request", placed), floor=floor),
    ]  # fmt: skip


def _identity(session: Session, root: Path) -> str:
    return session.leaf("id", "query($path:String!){host{directory(path:$path){id}}}", path=str(root))


def _run_over(session: Session, identity: str) -> None:
    mount = f'withDirectory(path:"/files",source:{json.dumps(identity)})'
    session.ask("{" + execs.FROM + "{" + mount + "{" + execs.command("true") + "{sync}}}}}")
