"""Importing the package costs next to nothing."""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent


def seconds(code: str) -> float:
    """The shortest time of several runs of a program."""
    times = []
    for _ in range(7):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)
        times.append(time.perf_counter() - started)
    return min(times)


def test_import() -> None:
    bare = seconds("pass")
    whole = seconds("import dagger")
    assert whole < bare + 0.06
    assert whole < bare * 2


def test_a_sync_program_needs_no_asyncio() -> None:
    code = "import dagger, sys; dagger.connect(dagger.Config()); import dagger.sync; dagger.sync.Client"
    check = f"{code}; assert 'asyncio' not in sys.modules; assert 'logging' not in sys.modules"
    subprocess.run([sys.executable, "-c", check], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)


def test_nothing_is_imported_early() -> None:
    code = "import dagger, sys; loaded = {name for name in sys.modules if name.startswith('dagger')}"
    check = f"{code}; assert loaded == {{'dagger', 'dagger._gen'}}, loaded"
    subprocess.run([sys.executable, "-c", check], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)
