"""`bench/compare.py`, which the README tells readers to repeat its table with, works with both clients."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from engine import ROOT, Engine

ROWS = ["script", "exec", "parallel", "chain", "cached", "files", "host, first", "host"]


@pytest.mark.slow
@pytest.mark.parametrize("client", ["ours", "official"])
def test_it_measures(client: str, engine: Engine, workdir: Path, request: pytest.FixtureRequest) -> None:
    environment = {**engine.env}
    python = sys.executable
    rows = ROWS
    if client == "official":
        python = request.getfixturevalue("official_python")
        environment.pop("PYTHONPATH", None)
        # Its client fails at long chains, as the table says.
        rows = [row for row in ROWS if row not in ("chain", "files")]
    command = [python, str(ROOT / "bench" / "compare.py"), "--quick", *dict.fromkeys(map(first, rows))]
    done = subprocess.run(
        command, env=environment, cwd=workdir, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = [line.partition(" ms  (")[0].rstrip(" .0123456789") for line in done.stdout.splitlines()]
    assert told == rows


def first(row: str) -> str:
    """The name by which a row is asked for."""
    return row.partition(",")[0]
