"""A session without an engine: answers documents on a port, as a test wants it."""

import contextlib
import json
import re
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

PYPY = sys.implementation.name == "pypy"

KEEPS_FRAMES = PYPY or sys.version_info < (3, 11)
"""Whether an exception that is raised again by a bare `raise` has the frames that were taken from it."""

TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|\.\.\.|[{}()\[\]:,]|[A-Za-z_0-9.+-]+')


class Api:
    """Evaluates documents on an imaginary engine: a value is the text of the chain that leads to it."""

    def __init__(self) -> None:
        self.documents: list[str] = []
        self.ids: dict[str, str] = {}
        self.chains: dict[str, str] = {}
        self.types: dict[str, str] = {}

    def __call__(self, document: str) -> dict[str, Any]:
        self.documents.append(document)
        return {"data": self._selection(TOKEN.findall(document), [0], "")}

    def _selection(self, tokens: list[str], at: list[int], chain: str) -> dict[str, Any]:
        assert tokens[at[0]] == "{"
        at[0] += 1
        result: dict[str, Any] = {}
        while tokens[at[0]] != "}":
            if tokens[at[0]] == "...":
                kind = tokens[at[0] + 2]
                at[0] += 3
                inside = self._selection(tokens, at, chain)
                if self.types.get(chain, kind) == kind:
                    result.update(inside)
                continue
            key = name = tokens[at[0]]
            at[0] += 1
            if tokens[at[0]] == ":":
                name = tokens[at[0] + 1]
                at[0] += 2
            text = name
            if tokens[at[0]] == "(":
                start = at[0]
                while tokens[at[0]] != ")":
                    at[0] += 1
                at[0] += 1
                text += "".join(tokens[start : at[0]])
            for id_, of in self.chains.items():
                text = text.replace(f'"{id_}"', f"<{of}>")
            if tokens[at[0]] == "{":
                below = (
                    text[len("node(id:<") : -len(">)")] if name == "node" else f"{chain}.{text}".lstrip(".")
                )
                inside = self._selection(tokens, at, below)
                result[key] = [inside] if name.endswith("s") else inside
            else:
                result[key] = self._leaf(chain, name, text)
        at[0] += 1
        return result

    def _leaf(self, chain: str, name: str, text: str) -> str:
        if name == "__typename":
            return self.types.get(chain, "Unknown")
        return self._identity(chain) if name in ("id", "sync") else f"{chain}.{text}"

    def _identity(self, chain: str) -> str:
        if chain not in self.ids:
            self.ids[chain] = f"id-{len(self.ids)}"
            self.chains[self.ids[chain]] = chain
        return self.ids[chain]


class Server:
    """Listens on a port of its own, and answers each request by what `answer` gives for its document."""

    def __init__(self, answer: Callable[[str], Any]) -> None:
        self.answer = answer
        self.requests: list[dict[str, str]] = []
        self.connections = 0
        self.closed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            while line := stream.readline():
                headers = {"": line.decode().strip()}
                while (line := stream.readline().strip()) != b"":
                    name, _, value = line.decode().partition(":")
                    headers[name.lower()] = value.strip()
                self.requests.append(headers)
                body = json.loads(stream.read(int(headers["content-length"])))
                answer = self.answer(body["query"])
                if answer is None:
                    break
                try:
                    connection.sendall(answer if isinstance(answer, bytes) else http(answer))
                except OSError:
                    break
                if isinstance(answer, bytes) and b"Connection: close" in answer:
                    break
        self.closed.set()

    def stop(self) -> None:
        """Takes no more connections."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def anything(value: object) -> Any:
    """A value of a type that checkers would refuse."""
    return value


def http(value: Any, status: str = "200 OK") -> bytes:
    """A whole answer."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
