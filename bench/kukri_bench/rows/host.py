"""Directories of the client."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from kukri_bench.figures import Figure, Samples, Skip, ms, timed

if TYPE_CHECKING:
    from pathlib import Path

    from kukri_bench.context import Context
    from kukri_bench.session import Session

FILES = 50_000
PER_DIRECTORY = 100
SIZE = 4096


def tree(context: Context) -> Path:
    """The files, made once for all rows."""
    root = context.scratch / "host-files"
    if not root.exists():
        for start in range(0, FILES, PER_DIRECTORY):
            directory = root / f"directory-{start // PER_DIRECTORY}"
            directory.mkdir(parents=True)
            for number in range(start, start + PER_DIRECTORY):
                (directory / f"file-{number}").write_bytes(_content(number))
        os.sync()
    return root


def _content(number: int) -> bytes:
    return number.to_bytes(8, "little") + os.urandom(56) + bytes(SIZE - 64)


def sync(session: Session, root: Path) -> None:
    """Takes over the directory."""
    session.ask("query($path:String!){host{directory(path:$path){sync}}}", path=str(root))


def host_row(context: Context) -> list[Figure]:
    """First, unchanged, and with one file changed; each in a session of its own that is open already."""
    root = tree(context)
    floor, first = [], []
    reason = ""
    # In turn, so that both see the machine in the same state: its load and what its disk still has to write.
    for _ in range(context.rounds(7)):
        try:
            floor.append(_hashing(context, root))
        except Skip as skip:
            reason = str(skip)
        with context.engine() as engine, engine.session() as session:
            first.append(timed(lambda session=session: sync(session, root)))
    unchanged, changed = [], []
    with context.engine() as engine:
        with engine.session() as session:
            sync(session, root)
        for number in range(context.rounds(11)):
            with engine.session() as session:
                unchanged.append(timed(lambda session=session: sync(session, root)))
            (root / "directory-7" / f"file-{7 * PER_DIRECTORY + number}").write_bytes(_content(number))
            with engine.session() as session:
                changed.append(timed(lambda session=session: sync(session, root)))
    stat = Samples("stat of all", tuple(timed(lambda: _stat(root)) * 1000 for _ in range(3)))
    what = f"{FILES:,} files of 4 KiB from the host"
    return [
        Figure(f"{what}, first", "ms", ms("request", first), 3, of_floor=True,
               floor=ms("reading and hashing them, 2 threads", floor) if floor else None,
               notes=[f"no floor: {reason}"] if reason else []),
        Figure(f"{what}, unchanged", "ms", ms("request", unchanged), 150, floor=stat),
        Figure(f"{what}, one changed", "ms", ms("request", changed), 170, floor=stat),
    ]  # fmt: skip


def _hashing(context: Context, root: Path) -> float:
    """Seconds to read and hash all files once."""
    command = [context.hash_floor, root, "1"]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _stat(root: Path) -> None:
    for directory, _, names in os.walk(root):
        for name in names:
            os.stat(f"{directory}/{name}")
