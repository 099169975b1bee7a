"""`kukri session` as SDKs start it, and its GraphQL endpoint with nothing but the standard library in between."""

from __future__ import annotations

import base64
import http.client
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any


class GraphQLError(Exception):
    """The server answered with errors; the first one is here in parts."""

    def __init__(self, errors: list[dict[str, Any]], status: int) -> None:
        first = errors[0]
        extra = first.get("extensions") or {}
        output = "".join(f"\n{key}: {extra[key]}" for key in ("cmd", "stdout", "stderr") if key in extra)
        super().__init__(first["message"] + output)
        self.errors = errors
        self.status = status
        self.message: str = first["message"]
        self.path = first.get("path")
        self.extensions: Any = first.get("extensions")


class Session:
    """A running `kukri session`."""

    def __init__(self, command: list[str], env: dict[str, str], workdir: Path | None = None) -> None:
        self._command = command
        self._env = env
        self._workdir = workdir
        self.port = 0
        self.token = ""

    def _start(self, stdin: int) -> str:
        """Starts the process; gives the first line that it prints."""
        self.process = subprocess.Popen(
            self._command,
            env=self._env,
            cwd=self._workdir,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
        )
        return self._read()

    def _read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().decode()

    def __enter__(self) -> Session:
        self._stderr = tempfile.TemporaryFile()
        self.line = self._start(subprocess.PIPE)
        if not self.line:
            status = self.process.wait()
            raise AssertionError(f"session ended with {status} before it was usable:\n{self.stderr()}")
        answer = json.loads(self.line)
        self.port, self.token = answer["port"], answer["session_token"]
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.close()
        self._stderr.close()

    def close(self, seconds: float = 20) -> int:
        """Ends it the way SDKs do, by closing its standard input; gives the exit status."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the session did not end within {seconds} s:\n{self.stderr()}") from None

    def stderr(self) -> str:
        """What it has written on standard error so far."""
        self._stderr.seek(0)
        return self._stderr.read().decode(errors="replace")

    def request(
        self,
        body: bytes,
        *,
        path: str = "/query",
        method: str = "POST",
        headers: dict[str, str] | None = None,
        token: str | None = None,
        timeout: float = 170,
    ) -> tuple[int, dict[str, str], bytes]:
        """One HTTP request; gives status, headers with small names, body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, {**self.headers(token), **(headers or {})})
            answer = connection.getresponse()
            return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def headers(self, token: str | None = None) -> dict[str, str]:
        """What every request carries."""
        user = base64.b64encode(f"{self.token if token is None else token}:".encode()).decode()
        return {"Content-Type": "application/json", "Authorization": f"Basic {user}"}

    def query(self, document: str, variables: dict[str, Any] | None = None, timeout: float = 170) -> Any:
        """Sends a document; gives `data`, or raises `GraphQLError`."""
        body: dict[str, Any] = {"query": document}
        if variables is not None:
            body["variables"] = variables
        status, headers, text = self.request(json.dumps(body).encode(), timeout=timeout)
        assert headers["content-type"].startswith("application/json"), (status, headers, text[:500])
        answer = json.loads(text)
        if answer.get("errors"):
            assert answer.get("data") is None
            raise GraphQLError(answer["errors"], status)
        assert status == 200
        return answer["data"]

    def chain(self, steps: str, *leaves: str, root: str = "container") -> Any:
        """Asks for something at the end of a chain of steps, each written as in GraphQL and separated by lines.

        `chain('from(address: "busybox")\\n withExec(args: ["true"])', "stdout")` gives the text of stdout.
        """
        names = [root, *(line.strip() for line in steps.strip().splitlines() if line.strip())]
        selection = " ".join(leaves)
        for name in reversed(names):
            selection = f"{name} {{ {selection} }}"
        found: Any = self.query(f"{{ {selection} }}")
        for name in names:
            found = found[name.partition("(")[0].split("{")[0].strip()]
        return found[leaves[0].partition("(")[0].split("{")[0].strip()] if len(leaves) == 1 else found

    def run(self, *arguments: str, image: str = "busybox", before: str = "", **options: str) -> str:
        """Standard output of a command in a container; `before` is GraphQL between image and exec."""
        extra = "".join(f", {key}: {value}" for key, value in options.items())
        steps = (
            f"from(address: {json.dumps(image)})\n{before}\nwithExec(args: {json.dumps(arguments)}{extra})"
        )
        return str(self.chain(steps, "stdout"))
