"""Type checkers accept programs that are right, and find what is wrong in those that are not."""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SAMPLES = ROOT / "python/tests/typing"


def expected(path: Path) -> list[int]:
    """The lines that say that they are wrong."""
    return [number for number, line in enumerate(path.read_text().splitlines(), 1) if "# wrong" in line]


@pytest.mark.skipif(find_spec("mypy") is None, reason="mypy is not installed")
def test_mypy() -> None:
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary"]
    good = subprocess.run(
        [*command, str(SAMPLES / "right.py")], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert good.stdout == ""
    bad = subprocess.run(
        [*command, str(SAMPLES / "wrong.py")], capture_output=True, text=True, cwd=ROOT, check=False
    )
    found = {int(line.split(":")[1]) for line in bad.stdout.splitlines() if ": error:" in line}
    assert sorted(found) == expected(SAMPLES / "wrong.py")


PYRIGHT = Path(sys.executable).with_name("pyright")


@pytest.mark.skipif(not PYRIGHT.exists() and not shutil.which("pyright"), reason="pyright is not installed")
def test_pyright() -> None:
    pyright = str(PYRIGHT) if PYRIGHT.exists() else "pyright"
    good = subprocess.run(
        [pyright, str(SAMPLES / "right.py")], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert good.returncode == 0, good.stdout
    bad = subprocess.run(
        [pyright, str(SAMPLES / "wrong.py")], capture_output=True, text=True, cwd=ROOT, check=False
    )
    found = {int(line.split(":")[1]) for line in bad.stdout.splitlines() if " - error:" in line}
    assert sorted(found) == expected(SAMPLES / "wrong.py")


def with_settings_of_the_page(tmp_path: Path, *command: str) -> list[int]:
    """The lines in which a checker finds errors, with the settings that the page on Python shows."""
    shutil.copy(SAMPLES / "truth.py", tmp_path)
    shutil.copy(ROOT / "docs/snippets/checkers/pyproject.toml", tmp_path)
    # No settings of the repository say here where the package is; each checker is told in its own way.
    env = {**os.environ, "MYPYPATH": str(ROOT / "python"), "PYTHONPATH": str(ROOT / "python")}
    done = subprocess.run(
        [*command, "truth.py"], capture_output=True, text=True, cwd=tmp_path, env=env, check=False
    )
    return sorted({int(line.split(":")[1]) for line in done.stdout.splitlines() if "error:" in line})


def found_by(checker: str) -> list[int]:
    """The lines of the sample that name a checker."""
    lines = (SAMPLES / "truth.py").read_text().splitlines()
    return [number for number, line in enumerate(lines, 1) if checker in line.partition("#")[2]]


@pytest.mark.skipif(find_spec("mypy") is None, reason="mypy is not installed")
def test_mypy_finds_conditions(tmp_path: Path) -> None:
    found = with_settings_of_the_page(tmp_path, sys.executable, "-m", "mypy")
    assert found == found_by("mypy")
    assert len(found) == 6


@pytest.mark.skipif(not PYRIGHT.exists() and not shutil.which("pyright"), reason="pyright is not installed")
def test_pyright_finds_conditions(tmp_path: Path) -> None:
    pyright = str(PYRIGHT) if PYRIGHT.exists() else "pyright"
    found = with_settings_of_the_page(tmp_path, pyright)
    assert found == found_by("pyright")
    assert len(found) == 4


@pytest.mark.skipif(not PYRIGHT.exists() and not shutil.which("pyright"), reason="pyright is not installed")
def test_every_type_is_known() -> None:
    """Nothing has to be inferred: strict checkers call that partially unknown."""
    pyright = str(PYRIGHT) if PYRIGHT.exists() else "pyright"
    done = subprocess.run(
        [pyright, "--verifytypes", "dagger", "--ignoreexternal", "--outputjson"],
        capture_output=True,
        text=True,
        cwd=ROOT / "python",
        env={**os.environ, "PYTHONPATH": str(ROOT / "python")},
        check=False,
    )
    found = json.loads(done.stdout)["typeCompleteness"]
    assert found["exportedSymbolCounts"]["withKnownType"] > 100
    assert [one["name"] for one in found["symbols"] if not one["isTypeKnown"]] == []
