"""A session with the engine, spoken to as an SDK does it, without one."""

from __future__ import annotations

import base64
import http.client
import json
import re
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class QueryError(Exception):
    """The engine answered with errors."""


class Session:
    """`kukri session`, from now on. Not for several threads: they take `connect()` each."""

    def __init__(self, kukri: Path, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [kukri, "session"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise QueryError(f"`kukri session` ended with status {self._process.wait()}")
        told = json.loads(line)
        self._port = int(told["port"])
        self._authorization = "Basic " + base64.b64encode(f"{told['session_token']}:".encode()).decode()
        self._connection = self.connect()
        # Whoever measures wants an open connection.
        self.ask("{version}")

    def close(self) -> None:
        """Ends it."""
        self._connection.close()
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def connect(self) -> http.client.HTTPConnection:
        """A further connection."""
        return http.client.HTTPConnection("127.0.0.1", self._port)

    def ask(
        self, document: str, connection: http.client.HTTPConnection | None = None, **variables: object
    ) -> bytes:
        """Sends a document; gives the answer as text: those of long chains are too deep for `json`."""
        connection = connection or self._connection
        body = json.dumps({"query": document, "variables": variables}).encode()
        headers = {"Content-Type": "application/json", "Authorization": self._authorization}
        connection.request("POST", "/query", body, headers)
        text = connection.getresponse().read()
        data = text.lstrip(b"{ \n").removeprefix(b'"data":')
        if len(data) == len(text.lstrip(b"{ \n")) or data.lstrip().startswith(b"null"):
            raise QueryError(text[:500].decode(errors="replace"))
        return text

    def leaf(self, name: str, document: str, **variables: object) -> str:
        """The text of a leaf, such as `id` or `sync`; the first where there are several."""
        text = self.ask(document, None, **variables)
        found = re.search(rf'"{name}":\s*"([^"]+)"'.encode(), text)
        assert found is not None, text[:300]
        return found[1].decode()
