"""A run with steps of all sorts, and its page."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from engine import Engine

#: Steps on one image: one that is found done the second time, one built on it, and a failure whose output looks like
#: markup.
_PROGRAM = """
import sys

import dagger

with dagger.connect() as dag:
    alpine = dag.container().from_("alpine:3.20")
    known = alpine.with_exec(["sh", "-c", "echo known; sleep 0.3"])
    known.sync()
    if "again" in sys.argv:
        known.with_exec(["sh", "-c", "echo built on it; echo to stderr >&2"]).stdout()
        alpine.with_exec(["sh", "-c", "echo '<b>not markup</b>'; sleep 0.2; exit 3"]).stdout()
"""


@dataclass
class Recorded:
    """A run that is over."""

    engine: Engine
    page: Path
    done: subprocess.CompletedProcess[str]


def record(engine: Engine, python: str, directory: Path) -> Recorded:
    """Does the run: a program under `kukri run --trace`, for the second time."""
    program = directory / "ci.py"
    program.write_text(_PROGRAM)
    engine.kukri("run", python, str(program), cwd=str(directory))
    page = directory / "out.html"
    done = engine.kukri(
        "run", "--trace", str(page), python, str(program), "again", check=False, cwd=str(directory)
    )
    return Recorded(engine, page, done)
