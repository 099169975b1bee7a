"""The fixtures for pytest, in a run of pytest with a real engine."""

import os
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import dagger
from engine import ROOT

CONFTEST = """
import dagger
import pytest

@pytest.fixture(scope="session")
def dagger_config(tmp_path_factory):
    directory = tmp_path_factory.mktemp("work")
    (directory / "here").write_text("x")
    return dagger.Config(workdir=directory)
"""
TESTS = """
import asyncio
import os
import pytest
from dagger import dag

def test_nothing_is_started_before_it_is_asked_for():
    assert "DAGGER_SESSION_PORT" not in os.environ

def test_the_client(dagger_client):
    assert dagger_client.container().from_("busybox").with_exec(["echo", "hi"]).stdout() == "hi\\n"
    assert dagger_client.host().directory(".").entries() == ["here"]

@pytest.mark.anyio
async def test_async(dagger_session):
    assert await dag.container().from_("busybox").with_exec(["echo", "hi"]).stdout() == "hi\\n"

@pytest.mark.parametrize("number", range(2))
def test_event_loops_of_their_own(dagger_session, number):
    assert asyncio.run(dag.host().directory(".").entries()) == ["here"]
"""


def run(directory: Path, **environment: str) -> str:
    """What pytest says. Where the package is installed, pytest finds the plugin by itself; else it is named."""
    path = str(Path(dagger.__file__).parent.parent)
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"]
    if not any(point.value == "dagger._pytest" for point in entry_points(group="pytest11")):
        command += ["-p", "dagger._pytest"]
    done = subprocess.run(
        command,
        cwd=directory,
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_what_the_reference_shows(tmp_path: Path) -> None:
    shutil.copy(ROOT / "docs/snippets/pytest/test_image.py", tmp_path)
    said = run(tmp_path)
    # The second one on asyncio and on trio.
    assert "3 passed" in said, said


def test_fixtures(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_it.py").write_text(TESTS)
    said = run(tmp_path)
    # On asyncio and on trio.
    assert "6 passed" in said, said


def test_no_engine(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(dagger_client):\n    assert False\n")
    said = run(tmp_path, _EXPERIMENTAL_DAGGER_CLI_BIN="/proc/nope")
    assert "1 error" in said
    assert "dagger.SessionError: cannot start /proc/nope: No such file or directory" in said


def test_it_is_listed() -> None:
    said = run(Path.cwd(), PYTEST_ADDOPTS="--fixtures")
    for name in ("dagger_config", "dagger_session", "dagger_client"):
        assert f"{name} [session scope] -- " in said
