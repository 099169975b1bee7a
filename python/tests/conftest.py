"""Fixtures of all tests. They try the package that lies beside them, not one that is installed."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from fake import Api, Server


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reaches a session of whoever runs it."""
    for name in (
        "DAGGER_SESSION_PORT",
        "DAGGER_SESSION_TOKEN",
        "_EXPERIMENTAL_DAGGER_CLI_BIN",
        "TRACEPARENT",
        "TRACESTATE",
        "BAGGAGE",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[[str], Any]], Server]]:
    """Starts a session that answers as the test wants, and names it in the environment."""
    servers: list[Server] = []

    def start(answer: Callable[[str], Any]) -> Server:
        server = Server(answer)
        servers.append(server)
        monkeypatch.setenv("DAGGER_SESSION_PORT", str(server.port))
        monkeypatch.setenv("DAGGER_SESSION_TOKEN", "secret")
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def api(serve: Callable[[Callable[[str], Any]], Server]) -> Api:
    """An imaginary engine; see `fake.Api`."""
    api = Api()
    serve(api)
    return api
