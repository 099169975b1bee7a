"""What all end-to-end tests share: a registry with small real images, and engines with directories of their own."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from engine import ROOT, Engine, binary
from images import image
from registry import Registry
from session import Session

pytest_plugins = ["parallel"]

# What a shell runs in its background ignores the keys of the terminal, and so would all that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)

_IMAGES = {
    "library/busybox:latest": "busybox",
    "library/busybox:1": "busybox",
    "library/alpine:latest": "busybox",
    "library/alpine:3.20": "busybox",
}


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry with busybox, also under the name of alpine."""
    with Registry(tmp_path_factory.mktemp("registry")) as running:
        for name, source in _IMAGES.items():
            running.push(name, image(source))
        yield running


@pytest.fixture(scope="session")
def make_engine(
    registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Engine]]:
    """Makes engines which pull from the registry; all are ended with the tests."""
    made: list[Engine] = []

    def make(mirror: str | None = registry.url, **variables: str) -> Engine:
        engine = Engine(tmp_path_factory.mktemp("engine"), mirror, **variables)
        made.append(engine)
        return engine

    yield make
    for engine in made:
        engine.stop()


@pytest.fixture(scope="session")
def engine(make_engine: Callable[..., Engine]) -> Engine:
    """The engine that tests share which do not care."""
    return make_engine()


@pytest.fixture
def fresh(make_engine: Callable[..., Engine]) -> Iterator[Engine]:
    """An engine that has never done anything, for one test."""
    made = make_engine()
    yield made
    made.stop()


@pytest.fixture
def session(engine: Engine, tmp_path: Path) -> Iterator[Session]:
    """A session of the shared engine, with an empty working directory."""
    with engine.session(workdir=tmp_path) as opened:
        yield opened


@pytest.fixture(scope="session")
def own_python() -> str:
    """Interpreter of the environment with our wheel."""
    return os.environ.get("KUKRI_VENV_PYTHON") or str(ROOT / ".venv" / "bin" / "python")


@pytest.fixture(scope="session")
def official_python() -> str:
    """Interpreter of the environment with the official client."""
    found = os.environ.get("KUKRI_OFFICIAL_PYTHON", "")
    if not found or not Path(found).exists():
        pytest.skip("KUKRI_OFFICIAL_PYTHON does not name an interpreter with dagger-io")
    return found


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs `async def` tests; one that asks for `sdk_env` runs with a connection of the SDK which is installed."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


def pytest_report_header() -> str:
    """Says what is tested."""
    done = subprocess.run([binary(), "version"], capture_output=True, text=True, check=False)
    return f"kukri: {binary()}: {done.stdout.strip()}; client: {sys.prefix}"
