"""HTTP/1.1 as far as a session needs it: requests to bytes, and answers from bytes. Knows no sockets."""

from __future__ import annotations

import base64
import json
import os
import sys
from typing import Any

from dagger._errors import ClientConnectionError, ExecuteTimeoutError, TransportError, query_error
from dagger._version import __version__

CONNECT_TRIES = 3
"""How often a refused connection is tried, when it is tried again."""

BAD_GATEWAY = 502
"""What a session answers whose engine has gone."""

CONNECT_PAUSE = 0.1
"""Seconds between such tries."""

MOST_CONNECTIONS = 100
"""Most requests under way at a time; more wait. Each costs the session and the engine open files."""

OTHER_PROCESS = (
    "this session was opened by another process, of which this one is a fork; "
    "open a connection in this process as well"
)
"""Why a session cannot be used: two processes would read each other's answers."""

LONGEST_HEAD = 64 * 1024
"""Most bytes of status line and headers, so that a server that is none cannot fill the memory."""


def authorization(token: str) -> str:
    """The value of the header by which a session knows its clients."""
    return "Basic " + base64.b64encode(f"{token}:".encode()).decode()


def head(port: int, token: str) -> bytes:
    """The part of all requests that is the same for a session."""
    return (
        "POST /query HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{port}\r\n"
        f"Authorization: {authorization(token)}\r\n"
        f"User-Agent: kukri-python/{__version__}\r\n"
        "Accept: application/json\r\n"
        "Content-Type: application/json\r\n"
    ).encode()


def request(start: bytes, document: str) -> bytes:
    """A request, whole.

    Raises:
        TransportError: The document cannot be written as UTF-8.
    """
    try:
        body = json.dumps({"query": document}, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        bad = error.object[error.start : error.end]
        msg = f"an argument holds {bad!r}, which is no text: such a character cannot be sent"
        raise TransportError(msg) from None
    trace = "".join(f"{name}: {value}\r\n" for name, value in trace_headers().items())
    return b"".join((start, trace.encode(), b"Content-Length: %d\r\n\r\n" % len(body), body))


def trace_headers() -> dict[str, str]:
    """The span in which the program is now, as headers of a request; none if the program does not trace."""
    headers: dict[str, str] = {}
    if "opentelemetry.trace" in sys.modules:
        # Not an import statement: the package is not there when types are checked.
        from importlib import import_module

        import_module("opentelemetry.propagate").inject(headers)
    if "traceparent" not in headers and os.environ.get("TRACEPARENT"):
        # The rest goes with it: OpenTelemetry may have found baggage all the same.
        for name in ("traceparent", "tracestate", "baggage"):
            if value := os.environ.get(name.upper()):
                headers.setdefault(name, value)
    return {name: value for name, value in headers.items() if value.isprintable() and value.isascii()}


class Answer:
    """An answer that arrives in pieces.

    Attributes:
        status: Its status, 0 as long as the head is not complete.
        body: Its body so far.
        done: Whether it is complete.
        keep: Whether the connection can be used again.
        begun: Whether anything of it arrived.
    """

    __slots__ = ("_chunked", "_left", "_rest", "begun", "body", "done", "keep", "status")

    def __init__(self) -> None:
        self.status = 0
        self.body = bytearray()
        self.done = False
        self.keep = True
        self.begun = False
        self._rest = bytearray()
        self._chunked = False
        self._left: int | None = None

    def feed(self, data: bytes) -> None:
        """Takes bytes.

        Raises:
            TransportError: They are no HTTP.
        """
        self.begun = True
        if self.status and not self._chunked:
            self.body += data
        else:
            self._rest += data
            if not self.status and not self._head():
                return
        if self._chunked:
            self._chunks()
        elif self._left is not None and len(self.body) >= self._left:
            self.keep = self.keep and len(self.body) == self._left
            del self.body[self._left :]
            self.done = True

    def end(self) -> None:
        """The connection was closed.

        Raises:
            TransportError: The answer is not complete.
        """
        self.keep = False
        if self.status and self._left is None and not self._chunked:
            self.done = True
        elif not self.done:
            msg = "the session broke the connection off before its answer was complete"
            raise TransportError(msg)

    def _head(self) -> bool:
        end = self._rest.find(b"\r\n\r\n")
        if end < 0:
            if len(self._rest) > LONGEST_HEAD:
                raise _no_http(self._rest)
            return False
        first, *lines = bytes(self._rest[:end]).decode("latin-1").split("\r\n")
        words = first.split(" ", 2)
        if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
            raise _no_http(self._rest)
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        del self._rest[: end + 4]
        if words[1].startswith("1"):
            return self._head()
        self.status = int(words[1])
        self.keep = words[0] == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
        self._chunked = "chunked" in headers.get("transfer-encoding", "").lower()
        if not self._chunked:
            length = headers.get("content-length")
            if length is not None and not length.isdigit():
                raise _no_http(self._rest)
            self._left = None if length is None else int(length)
            self.body, self._rest = self._rest, bytearray()
        return True

    def _chunks(self) -> None:
        while not self.done:
            end = self._rest.find(b"\r\n")
            if end < 0:
                return
            try:
                size = int(bytes(self._rest[:end]).split(b";")[0], 16)
            except ValueError:
                raise _no_http(self._rest) from None
            if size == 0:
                # A chunked body ends with an empty line, after trailers if there are any.
                if self._rest.find(b"\r\n\r\n", end) >= 0:
                    self.done = True
                return
            if len(self._rest) < end + 2 + size + 2:
                return
            self.body += self._rest[end + 2 : end + 2 + size]
            del self._rest[: end + 2 + size + 2]


def data(answer: Answer, document: str) -> dict[str, Any]:
    """The `data` of an answer.

    Raises:
        QueryError: The answer tells errors.
        TransportError: It is no answer of the API, or the session says that its engine has gone.
    """
    try:
        found = json.loads(answer.body)
    except ValueError:
        found = None
    if isinstance(found, dict):
        errors = found.get("errors")
        if isinstance(errors, list) and errors:
            if answer.status == BAD_GATEWAY:
                raise TransportError(_message(errors[0]))
            raise query_error(errors, document)
        if isinstance(found.get("data"), dict):
            result: dict[str, Any] = found["data"]
            return result
    text = bytes(answer.body[:2000]).decode(errors="replace").strip()
    if answer.status == 401:
        msg = "the session does not accept the token of this program (DAGGER_SESSION_TOKEN)"
    else:
        msg = f"the session answered with status {answer.status}: {text or 'nothing'}"
    raise TransportError(msg)


def no_answer(seconds: float, setting: str) -> ExecuteTimeoutError:
    """No answer came in the time that a setting gives."""
    return ExecuteTimeoutError(f"no answer came within {seconds:g} seconds ({setting} of the configuration)")


def not_taken(port: int, seconds: float | None) -> ClientConnectionError:
    """A connection was not taken in time."""
    return ClientConnectionError(f"port {port} took no connection within {seconds} seconds")


def refused(port: int, error: OSError) -> ClientConnectionError:
    """A connection was refused."""
    return ClientConnectionError(f"nothing listens on port {port}: {error.strerror or error}")


def _message(error: object) -> str:
    message = error.get("message") if isinstance(error, dict) else None
    return message if isinstance(message, str) else "the session cannot reach its engine"


def _no_http(start: bytes | bytearray) -> TransportError:
    return TransportError(f"what answers on the session's port does not speak HTTP: {bytes(start[:80])!r}")
