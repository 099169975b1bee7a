"""Importing the package costs next to nothing."""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent


def seconds(code: str) -> float:
    """How long a program takes."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)
    return time.perf_counter() - started


def test_import() -> None:
    # In turns: what else the machine does meets both alike.
    times = [(seconds("pass"), seconds("import dagger")) for _ in range(15)]
    bare, whole = (min(column) for column in zip(*times, strict=True))
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
