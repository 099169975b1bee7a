"""`examples/library_ci.py`, unmodified, with both clients: from nothing, again, after a change, with a failing test."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from engine import ROOT, Engine
from images import image
from registry import Registry

pytestmark = [pytest.mark.internet, pytest.mark.timeout(600)]

_PYPROJECT = """\
[build-system]
requires = ["flit_core >=3.11,<4"]
build-backend = "flit_core.buildapi"

[project]
name = "tinylib"
version = "1.0"
description = "A library that is small enough for a test"
requires-python = ">=3.10"

[dependency-groups]
tests = ["pytest"]

[tool.pytest.ini_options]
addopts = "-p no:cacheprovider"
"""


@dataclass
class Run:
    """One run of the example."""

    status: int
    seconds: float
    stdout: str
    stderr: str


@pytest.fixture(scope="module")
def large_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with Registry(tmp_path_factory.mktemp("large-registry")) as running:
        running.push("library/python:3-slim", image("python"))
        running.push("library/debian:bookworm-slim", image("debian"))
        yield running


@pytest.fixture(scope="module", params=["own", "official"])
def example(
    request: pytest.FixtureRequest,
    large_registry: Registry,
    make_engine: Callable[..., Engine],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., Run]:
    """Runs the example for a small library; each client has an engine of its own, and the library lies in `.source`."""
    python = request.getfixturevalue(f"{request.param}_python")
    engine = make_engine(mirror=large_registry.url)
    work = tmp_path_factory.mktemp("example")
    source = work / "tinylib"
    for name, text in {
        "pyproject.toml": _PYPROJECT,
        "src/tinylib/__init__.py": '"""Adds."""\n\n\ndef add(a: int, b: int) -> int:\n    """Adds."""\n    return a + b\n',
        "src/tinylib/py.typed": "",
        "tests/test_add.py": "from tinylib import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n",
    }.items():
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run() -> Run:
        command = [python, str(ROOT / "examples" / "library_ci.py"), str(source), "--import-name", "tinylib"]
        started = time.monotonic()
        done = subprocess.run(command, env=engine.env, cwd=work, capture_output=True, text=True, check=False)
        return Run(done.returncode, time.monotonic() - started, done.stdout, done.stderr)

    run.source, run.out, run.client = source, work / "out", request.param  # type: ignore[attr-defined]
    return run


def test_the_first_run_builds_everything(example: Callable[..., Run]) -> None:
    done = example()
    assert done.status == 0, done.stdout + done.stderr
    assert "6 of 6 steps ok" in done.stdout
    out: Path = example.out  # type: ignore[attr-defined]
    assert [path.name for path in (out / "dist").iterdir()] == ["tinylib-1.0-py3-none-any.whl"]
    assert 'tests="1"' in (out / "reports" / "junit.xml").read_text()
    assert (out / "reports" / "cov.xml").exists()
    assert (out / "image.tar").stat().st_size > 10_000_000
    if shutil.which("skopeo"):
        subprocess.run(
            ["skopeo", "inspect", f"oci-archive:{out / 'image.tar'}"], check=True, capture_output=True
        )


def test_the_second_run_does_nothing_in_less_than_a_second(example: Callable[..., Run]) -> None:
    runs = [example() for _ in range(3)]
    for done in runs:
        assert done.status == 0, done.stdout + done.stderr
        assert "not cached" not in done.stderr
        assert "CACHED" in done.stderr
    # The official client alone takes a second to be imported.
    limit = 1.0 if example.client == "own" else 4.0  # type: ignore[attr-defined]
    assert min(done.seconds for done in runs) < limit


def test_after_a_change_only_what_depends_on_it_runs(example: Callable[..., Run]) -> None:
    test: Path = example.source / "tests" / "test_add.py"  # type: ignore[attr-defined]
    test.write_text(test.read_text() + "\n\ndef test_zero():\n    assert add(0, 0) == 0\n")
    done = example()
    assert done.status == 0, done.stdout + done.stderr
    steps = outcomes(done.stderr)
    assert not steps["python -m pytest"]
    assert not steps["ruff check"]
    assert steps.get("python -m build", True), "the wheel does not depend on tests"
    assert steps.get("pip install --quiet ruff", True), "what is installed does not depend on tests"
    assert steps.get("pip install --quiet --upgrade", True)


def test_a_failing_test_is_shown(example: Callable[..., Run]) -> None:
    code: Path = example.source / "src" / "tinylib" / "__init__.py"  # type: ignore[attr-defined]
    good = code.read_text()
    code.write_text(good.replace("a + b", "a - b"))
    done = example()
    code.write_text(good)
    assert done.status == 1
    assert "5 of 6 steps ok" in done.stdout
    tail = done.stderr[done.stderr.rindex("tests failed") :]
    assert "`python -m pytest -q" in tail and "exited with 1" in tail
    assert "assert -1 == 3" in tail
    assert "Traceback" not in tail
    assert example().status == 0


def outcomes(progress: str) -> dict[str, bool]:
    """Of plain progress: start of each command (its first three words, at least) -> whether it was cached."""
    labels: dict[str, str] = {}
    cached: dict[str, bool] = {}
    for line in progress.splitlines():
        number, _, text = line.partition(" ")
        if not number.startswith("#"):
            continue
        if number not in labels:
            labels[number] = text
        elif text == "CACHED":
            cached[labels[number]] = True
        elif text.startswith("not cached"):
            cached[labels[number]] = False
    found = {}
    for start in (
        "python -m pytest",
        "python -m build",
        "ruff check",
        "pip install --quiet ruff",
        "pip install --quiet --upgrade",
    ):
        for label, hit in cached.items():
            if label.startswith(start):
                found[start] = hit
    return found
