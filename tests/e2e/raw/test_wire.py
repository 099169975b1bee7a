"""What clients of the first version of the session protocol put on the wire, and what may come after it.

Builds of the past and of the future cannot be had in a test run. This is the protocol as it was in the beginning, written
down a second time: an engine that does not understand this client breaks clients that are installed somewhere.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from engine import Engine

#: All that a client had to say at first.
FIRST = {
    "protocol": {"min": 1, "max": 1},
    "client_id": "of-the-first-version",
    "session_id": "s",
    "workdir": "/",
    "want_events": True,
}
#: What one may say that knows more.
LATER = {
    **FIRST,
    "protocol": {"min": 1, "max": 7},
    "version": "9.9.9",
    "moods": ["bright", {"weather": None}],
}


class Client:
    """One end of a session's connection."""

    def __init__(self, path: Path, hello: dict[str, Any]) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(20)
        self._socket.connect(str(path))
        body = json.dumps(hello).encode()
        self._socket.sendall(
            b"POST /v1/session HTTP/1.1\r\nHost: kukri\r\nConnection: Upgrade\r\nUpgrade: kukri-session/1\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )
        self._input = self._socket.makefile("rb")
        status = self._input.readline()
        assert status.split()[1] == b"101", status + self._input.read()
        while self._input.readline() != b"\r\n":
            pass

    def frame(self) -> tuple[dict[str, Any], bytes]:
        """The next frame: header and payload. End of file is an error."""
        header, payload = struct.unpack("<II", self._input.read(8))
        return json.loads(self._input.read(header)), self._input.read(payload)

    def send(self, header: dict[str, Any], payload: bytes = b"") -> None:
        """Sends a frame."""
        text = json.dumps(header).encode()
        self._socket.sendall(struct.pack("<II", len(text), len(payload)) + text + payload)

    def close(self) -> None:
        """Goes away. A thread that reads is told: to close alone would leave it waiting."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._input.close()
        self._socket.close()


def ask(path: Path, session: str, document: str) -> Any:
    """An ordinary request on a connection of its own."""
    body = json.dumps({"query": document}).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(str(path))
        connection.sendall(
            b"POST /query HTTP/1.1\r\nHost: kukri\r\nConnection: close\r\nkukri-session: %s\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            % (session.encode(), len(body))
            + body
        )
        head, _, answer = connection.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.split()[1] == b"200", head + answer
    return json.loads(answer)


@contextmanager
def connected(engine: Engine, hello: dict[str, Any], name: str) -> Iterator[tuple[Client, Path]]:
    """A session of the running engine."""
    path = engine.root / "run" / "engine.sock"
    client = Client(path, {**hello, "session_id": name})
    try:
        yield client, path
    finally:
        client.close()


@pytest.mark.parametrize("hello", [FIRST, LATER], ids=["the first version", "a later one"])
def test_a_client_of_another_version_is_served(engine: Engine, hello: dict[str, Any]) -> None:
    events: list[bytes] = []
    with engine.session() as keeps_it_running, connected(engine, hello, f"w{os.getpid()}") as (client, path):
        assert keeps_it_running.query("{ version }")
        header, _ = client.frame()
        assert header["t"] == "hello" and header["engine"]["protocol"]["min"] == 1

        def serve() -> None:
            """Gives secrets away and takes events, as the engine asks for it."""
            while True:
                try:
                    header, payload = client.frame()
                except (struct.error, OSError, ValueError):
                    return
                if header["t"] == "event":
                    events.append(payload)
                    client.send({"t": "credit", "id": 0, "bytes": len(payload)})
                elif header["t"] == "request" and header["kind"] == "read-secret":
                    assert header["body"]["uri"] == "env://TOKEN" and header["id"] % 2 == 0
                    client.send({"t": "reply", "id": header["id"]}, b"of the client")

        # What this engine has never heard of is passed over.
        client.send({"t": "of-tomorrow", "anything": [1, 2]}, b"payload")
        thread = threading.Thread(target=serve)
        thread.start()
        name = f"w{os.getpid()}"
        secret = ask(path, name, '{ secret(uri: "env://TOKEN") { id } }')["data"]["secret"]["id"]
        step = f'withSecretVariable(name: "T", secret: "{secret}")'
        command = 'withExec(args: ["sh", "-c", "echo ${#T}; echo said"]) { stdout }'
        answer = ask(
            path, name, f'{{ container {{ from(address: "busybox") {{ {step} {{ {command} }} }} }} }}'
        )
        assert answer["data"]["container"]["from"]["withSecretVariable"]["withExec"]["stdout"] == "13\nsaid\n"
        # Events come beside the answer.
        deadline = time.monotonic() + 20
        while not any(b"said" in event for event in events) and time.monotonic() < deadline:
            time.sleep(0.01)
    thread.join(20)
    assert not thread.is_alive()
    assert any(b"said" in event for event in events)


def test_a_request_of_a_later_client_is_refused_and_the_session_goes_on(engine: Engine) -> None:
    with engine.session() as other, connected(engine, LATER, f"r{os.getpid()}") as (client, path):
        assert other.query("{ version }")
        client.frame()
        client.send({"t": "request", "id": 1, "kind": "of-tomorrow", "body": {}})
        header, _ = client.frame()
        assert (header["t"], header["id"]) == ("error", 1)
        assert "of-tomorrow" in header["error"]["message"] and "older" in header["error"]["message"]
        assert ask(path, f"r{os.getpid()}", "{ version }")["data"]["version"]
