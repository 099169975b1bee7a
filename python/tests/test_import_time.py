"""Importing the package costs next to nothing."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def seconds(code: str) -> float:
    """Processor time that a program takes: how long it waits for a processor is up to the machine."""
    process = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)})
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_utime + usage.ru_stime


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


def test_a_type_needs_no_asyncio() -> None:
    """It takes longer to import than all that the types need."""
    check = "import dagger, sys; dagger.Container; assert 'asyncio' not in sys.modules"
    subprocess.run([sys.executable, "-c", check], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)


def test_nothing_is_imported_early() -> None:
    code = "import dagger, sys; loaded = {name for name in sys.modules if name.startswith('dagger')}"
    check = f"{code}; assert loaded == {{'dagger', 'dagger._gen'}}, loaded"
    subprocess.run([sys.executable, "-c", check], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)
