"""`python tests/clients`: what becomes of a client that cannot be run on this machine."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from engine import ROOT


@pytest.mark.parametrize("complete", [False, True])
def test_a_client_that_is_not_there(own_python: str, complete: bool) -> None:
    """It is skipped, but not where all are expected: then nobody would notice."""
    which = ["--client", "python", "--client", "own-async", "--way", "run", "--scenario", "lists"]
    done = subprocess.run(
        [sys.executable, "tests/clients", *which, *(["--complete"] if complete else [])],
        cwd=ROOT,
        env={**os.environ, "KUKRI_OFFICIAL_PYTHON": "/none/python", "KUKRI_VENV_PYTHON": own_python},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    lines = done.stdout.splitlines()
    if complete:
        assert "FAILED: python: no Python at /none/python" in lines
        wanted = (1, "1 passed, 1 failed, 0 skipped")
    else:
        assert "skipped: python: no Python at /none/python" in lines
        wanted = (0, "1 passed, 0 failed, 1 skipped")
    assert (done.returncode, lines[-1]) == wanted, done.stdout + done.stderr
