"""`kukri listen`: a session at an address, for any client that knows its token."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from engine import Engine, binary, wait_gone
from session import GraphQLError, Session

ECHO = '{ container { from(address: "busybox") { withExec(args: ["echo", "hi"]) { stdout } } } }'
PROGRAM = """
import asyncio, dagger
from dagger import dag
async def main():
    async with dagger.connection():
        print(await dag.container().from_("busybox").with_exec(["echo", "hi"]).stdout(), end="")
        print(await dag.host().directory(".").entries())
asyncio.run(main())
"""


class Listening(Session):
    """A running `kukri listen`, as somebody finds it who reads what it prints."""

    def __init__(self, engine: Engine, *flags: str, name: str = "", **variables: str) -> None:
        address = () if "--listen" in flags else ("--listen", "127.0.0.1:0")
        command = [name or binary(), "listen", *address, *flags]
        super().__init__(command, {**engine.env, **variables})
        self.token = variables.get("DAGGER_SESSION_TOKEN", "")
        self.printed: dict[str, str] = {}

    def __enter__(self) -> Listening:
        self._stderr = tempfile.TemporaryFile()
        lines = [self._start(subprocess.DEVNULL)]
        if not self.token:
            lines.append(self._read())
        for line in lines:
            name, _, value = line.strip().partition("=")
            assert name, f"{self.process.wait()}\n{self.stderr()}"
            self.printed[name] = value
        self.port = int(self.printed["DAGGER_SESSION_PORT"])
        self.token = self.token or self.printed["DAGGER_SESSION_TOKEN"]
        return self

    def close(self, seconds: float = 20, number: int = signal.SIGTERM) -> int:
        """Ends it as a service manager does."""
        self.process.send_signal(number)
        return self.process.wait(seconds)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_raw_client(engine: Engine, number: int) -> None:
    with Listening(engine) as server:
        assert list(server.printed) == ["DAGGER_SESSION_PORT", "DAGGER_SESSION_TOKEN"]
        assert server.query(ECHO)["container"]["from"]["withExec"]["stdout"] == "hi\n"
        assert server.request(b'{"query": "{version}"}', token="x")[0] == 401
        assert server.request(b'{"query": "{version}"}', token="")[0] == 401
        assert server.close(number=number) == 0
        assert f"listening on http://127.0.0.1:{server.port}/query" in server.stderr()
        assert server.process.stdout is not None and server.process.stdout.read() == b""


def test_the_other_name(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "dagger").symlink_to(Path(binary()).resolve())
    with Listening(engine, "--silent", name=str(tmp_path / "dagger")) as server:
        assert server.query("{ version }")["version"].startswith("v0.21")
        assert server.close() == 0
    assert "127.0.0.1:8080" in engine.kukri("l", "--help").stdout


def test_a_token_of_ones_own_is_not_shown(engine: Engine) -> None:
    with Listening(engine, DAGGER_SESSION_TOKEN="precious?>~") as server:
        assert list(server.printed) == ["DAGGER_SESSION_PORT"]
        assert server.query("{ version }")
        assert server.close() == 0
        assert "precious" not in server.stderr()


def test_official_client(engine: Engine, official_python: str, tmp_path: Path) -> None:
    run_program(engine, official_python, tmp_path, {"PYTHONPATH": ""})


def test_own_client(engine: Engine, own_python: str, tmp_path: Path) -> None:
    run_program(engine, own_python, tmp_path, {})


def run_program(engine: Engine, python: str, directory: Path, variables: dict[str, str]) -> None:
    (directory / "seen").write_text("")
    with Listening(engine, "--workdir", str(directory)) as server:
        env = {**engine.env, **server.printed, **variables, "_EXPERIMENTAL_DAGGER_CLI_BIN": "/nope"}
        done = subprocess.run(
            [python, "-c", PROGRAM],
            env=env,
            cwd="/",
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (done.stdout, done.returncode) == ("hi\n['seen']\n", 0), done.stderr
        # It is still there for the next one.
        assert server.query("{ version }")
        assert server.close() == 0


def test_clients_share_it(engine: Engine) -> None:
    """All of them are in one session, with its working directory and what it knows."""
    with Listening(engine) as server:
        name = json.dumps("t" + os.urandom(8).hex())
        secret = server.query(f'{{ setSecret(name: {name}, plaintext: "value") {{ id }} }}')["setSecret"][
            "id"
        ]
        steps = f'from(address: "busybox") withSecretVariable(name: "S", secret: "{secret}")'
        steps = steps.replace(") with", ")\nwith") + '\nwithExec(args: ["sh", "-c", "echo ${#S}"])'
        assert server.chain(steps, "stdout") == "5\n"


def test_a_port_that_is_taken(fresh: Engine) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = fresh.kukri("listen", "--listen", address, check=False)
    assert done.returncode == 1 and done.stdout == ""
    assert f"cannot listen on {address}" in done.stderr and "hint: choose another port" in done.stderr
    # Told before anything was started.
    assert fresh.pid() is None


def test_addresses_that_others_can_reach(engine: Engine) -> None:
    for address in ("0.0.0.0:0", ":0", "[::]:0"):
        done = engine.kukri("listen", "--listen", address, check=False)
        assert done.returncode == 2 and "no token" in done.stderr, address
    # The token of a session around it is not meant for this one.
    done = engine.kukri("run", binary(), "listen", "--listen", ":0", check=False)
    assert done.returncode == 2 and "no token" in done.stderr
    with Listening(engine, "--listen", ":0", DAGGER_SESSION_TOKEN="precious") as server:
        assert server.query("{ version }")
        assert server.close() == 0
        assert "note: who knows the token" in server.stderr()


def test_inside_of_a_session_it_has_a_token_of_its_own(engine: Engine, session: Session) -> None:
    inherited = {"DAGGER_SESSION_PORT": str(session.port), "DAGGER_SESSION_TOKEN": session.token}
    env = {**engine.env, **inherited}
    process = subprocess.Popen(
        [binary(), "listen", "--listen", "127.0.0.1:0"], env=env, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    printed = dict(process.stdout.readline().decode().strip().split("=") for _ in range(2))
    process.terminate()
    assert process.wait(20) == 0
    process.stdout.close()
    assert all(printed[name] != inherited[name] for name in inherited)


@pytest.mark.parametrize("allowed", [True, False])
def test_pages_in_a_browser(engine: Engine, allowed: bool) -> None:
    with Listening(engine, *(["--allow-cors"] if allowed else [])) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        asks = {
            "Origin": "http://page.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        }
        connection.request("OPTIONS", "/query", headers=asks)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == (204 if allowed else 401)
        connection.close()
        _, headers, _ = server.request(b'{"query": "{version}"}', headers={"Origin": "http://page.example"})
        assert headers.get("access-control-allow-origin") == ("*" if allowed else None)
        status, _, body = server.request(b'{"query": "{version}"}', token="x")
        assert status == 401 and b"version" not in body


@pytest.mark.parametrize(
    "document",
    [
        '{ host { directory(path: ".") { entries } } }',
        '{ host { file(path: "/etc/passwd") { contents } } }',
        '{ host { findUp(name: "etc") } }',
        '{ directory { withNewFile(path: "a", contents: "") { export(path: "a") } } }',
        '{ secret(uri: "env://HOME") { plaintext } }',
        '{ secret(uri: "file:///etc/passwd") { plaintext } }',
        '{ secret(uri: "cmd://id") { plaintext } }',
    ],
)
def test_this_machine_can_be_left_out(engine: Engine, document: str) -> None:
    with Listening(engine, "--disable-host-read-write") as server:
        with pytest.raises(GraphQLError, match="--disable-host-read-write"):
            server.query(document)
        assert server.query(ECHO)


def test_the_end_of_the_engine_is_a_failure(make_engine: Callable[..., Any]) -> None:
    engine: Engine = make_engine()
    with Listening(engine) as server:
        assert server.query("{ version }")
        wait_gone(engine.kill())
        assert server.process.wait(20) == 1
        assert "error: the engine ended unexpectedly; its log is" in server.stderr()
