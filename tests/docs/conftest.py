"""What tests of the documentation share: one engine, one registry with the images that pages name."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from engine import ROOT, Engine, binary
from images import image
from registry import Registry

pytest_plugins = ["parallel"]

#: Names that pages use, and the images which stand for them.
IMAGES = {
    "library/alpine:latest": "busybox",
    "library/alpine:3": "busybox",
    "library/busybox:latest": "busybox",
    "library/debian:bookworm-slim": "debian",
    "library/python:3-slim": "python",
    "library/python:3.11-slim": "python",
    "library/python:3.13-slim": "python313",
}


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry with all images that pages name."""
    with Registry(tmp_path_factory.mktemp("registry")) as running:
        for name, source in IMAGES.items():
            running.push(name, image(source))
        yield running


@pytest.fixture(scope="session")
def stand_ins(registry: Registry) -> dict[str, str]:
    """Addresses in commands of pages, and where that is here."""
    return {"mirror.example:5000": registry.url.partition("://")[2]}


@pytest.fixture(scope="session")
def make_engine(
    registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Engine]]:
    """Makes engines; all are ended with the tests."""
    made: list[Engine] = []

    def make() -> Engine:
        engine = Engine(tmp_path_factory.mktemp("engine"), registry.url)
        interpreter = os.environ.get("KUKRI_VENV_PYTHON") or str(ROOT / ".venv" / "bin" / "python")
        places = [str(Path(binary()).parent), str(Path(interpreter).parent), engine.env["PATH"]]
        engine.env.update(
            PATH=":".join(places),
            PYTHON=interpreter,
            PYTHONDONTWRITEBYTECODE="1",
            REGISTRY=registry.url.partition("://")[2],
        )
        made.append(engine)
        return engine

    yield make
    for engine in made:
        engine.stop()


@pytest.fixture(scope="session")
def engine(make_engine: Callable[[], Engine]) -> Engine:
    """The engine that all pages share."""
    return make_engine()


@pytest.fixture(scope="session")
def python(engine: Engine) -> str:
    """Which `python` programs of pages and examples run with."""
    return engine.env["PYTHON"]


@pytest.fixture
def run(engine: Engine, python: str, tmp_path: Path) -> Callable[..., str]:
    """Runs an example; gives what it prints. The second time, everything is known."""

    def once(arguments: tuple[str, ...]) -> tuple[str, str]:
        command = [python, *(str(ROOT / "examples" / arguments[0]), *arguments[1:])]
        done = subprocess.run(
            command, env=engine.env, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout, done.stderr

    def twice(*arguments: str) -> str:
        output, _ = once(arguments)
        again, progress = once(arguments)
        assert again == output
        assert "not cached" not in progress
        assert "CACHED" in progress
        return output

    return twice
