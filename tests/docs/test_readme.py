"""What README and CONTRIBUTING show."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from blocks import shown
from engine import ROOT, Engine

SNIPPETS = ROOT / "docs" / "snippets"


def test_the_program_is_run() -> None:
    """It is the file that `ci.console` runs."""
    blocks = shown("README.md", "tests/docs/test_readme.py::test_the_program_is_run")
    assert blocks == [(SNIPPETS / "ci.py").read_text()]


def test_the_terminal_is_shown() -> None:
    blocks = shown("README.md", "tests/docs/test_readme.py::test_the_terminal_is_shown")
    assert blocks == [(SNIPPETS / "ci.console").read_text()]


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_make_has_what_is_named(page: str) -> None:
    """What each of them does has tests of its own, or is what runs these."""
    for block in shown(page, "tests/docs/test_readme.py::test_make_has_what_is_named"):
        commands = [line.partition("#")[0].split() for line in block.splitlines()]
        assert commands
        for program, *arguments in commands:
            if program == "make":
                done = subprocess.run(
                    ["make", "--dry-run", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
                )
                assert done.returncode == 0, done.stderr
            else:
                assert [program, *arguments][:2] == ["cargo", "xtask"]
                named = f'["{arguments[1]}"]'
                assert named in (ROOT / "xtask" / "src" / "main.rs").read_text(), arguments[1]


def test_the_comparison_can_be_repeated(engine: Engine, tmp_path: Path) -> None:
    """To the letter but for fewer rounds of some rows; there is no Docker, so both packages talk to this engine."""
    wheels = sorted(Path(os.environ.get("KUKRI_WHEELS") or ROOT / "dist").glob("kukri-*.whl"))
    if os.geteuid() or not wheels:
        pytest.skip("needs root, and a wheel: run scripts/wheel.sh, or name its place with KUKRI_WHEELS")
    (block,) = shown("README.md", "tests/docs/test_readme.py::test_the_comparison_can_be_repeated")
    for name in ("bench", "dist", "bin"):
        (tmp_path / name).mkdir()
    shutil.copy(ROOT / "bench" / "compare.py", tmp_path / "bench")
    shutil.copy(wheels[-1], tmp_path / "dist")
    # Root needs none.
    (tmp_path / "bin" / "sudo").write_text('#!/bin/sh\nexec "$@"\n')
    (tmp_path / "bin" / "sudo").chmod(0o755)
    script, count = re.subn(r"bench/compare\.py", "bench/compare.py --quick script exec", block)
    assert count == 2
    python = Path(engine.env["PYTHON"]).parent
    environment = {**engine.env, "PATH": f"{tmp_path / 'bin'}:{python}:{engine.env['PATH']}"}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        ["bash", "-ec", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = re.findall(r"^([a-z, ]+?) +\d+\.\d ms", done.stdout, re.MULTILINE)
    assert rows == ["script", "exec"] * 2, done.stdout
