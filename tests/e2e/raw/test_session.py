"""`kukri session`: the line, authentication, and how it ends."""

import http.client
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from engine import Engine, alive, binary
from session import Session


def test_prints_one_line_with_two_keys(session: Session) -> None:
    answer = json.loads(session.line)
    assert list(answer) == ["port", "session_token"]
    assert isinstance(answer["port"], int) and answer["session_token"]
    assert session.line == json.dumps(answer, separators=(",", ":")) + "\n"


def test_serves_on_loopback_only(session: Session) -> None:
    sockets = Path("/proc/net/tcp").read_text().splitlines()
    listening = [line.split()[1] for line in sockets[1:] if line.split()[3] == "0A"]
    assert f"0100007F:{session.port:04X}" in listening
    assert session.query("{ version }")["version"].startswith("v")


@pytest.mark.parametrize("token", ["", "wrong", "wrong:"])
def test_refuses_a_wrong_token(session: Session, token: str) -> None:
    status, headers, body = session.request(b'{"query":"{version}"}', token=token)
    assert status == 401
    assert headers["www-authenticate"] == 'Basic realm="Access to the Dagger engine session"'
    assert b"version" not in body


def test_refuses_a_request_without_authorization(session: Session) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", session.port, timeout=10)
    connection.request("POST", "/query", b'{"query":"{version}"}', {"Content-Type": "application/json"})
    assert connection.getresponse().status == 401
    connection.close()


def test_ends_with_status_0_when_standard_input_ends(engine: Engine) -> None:
    with engine.session() as session:
        session.query("{ version }")
        assert session.close(5) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ends_with_status_0_on_signals(engine: Engine, number: int) -> None:
    with engine.session() as session:
        # Right after the line, which is when a hasty SDK would do it.
        session.process.send_signal(number)
        assert session.process.wait(5) == 0


def test_ends_while_work_is_under_way(engine: Engine) -> None:
    with engine.session() as session:
        connection = http.client.HTTPConnection("127.0.0.1", session.port)
        document = '{container{from(address:"busybox"){withExec(args:["sleep","300"]){sync}}}}'
        connection.request("POST", "/query", json.dumps({"query": document}), session.headers())
        time.sleep(0.5)
        session.process.send_signal(signal.SIGTERM)
        assert session.process.wait(10) == 0
        connection.close()


def test_takes_the_flags_of_all_sdks(engine: Engine, tmp_path: Path) -> None:
    flags = ["--workdir", str(tmp_path), "--project", str(tmp_path), "--label", "dagger.io/sdk.name:python"]
    flags += [
        "--label=dagger.io/sdk.version:0.21.11",
        "--load-workspace-modules",
        "-v",
        "--version",
        "v0.21.8",
    ]
    with engine.session(*flags) as session:
        (tmp_path / "here").write_text("x")
        assert session.query('{host{directory(path:"."){entries}}}')["host"]["directory"]["entries"] == [
            "here"
        ]


def test_a_failed_start_prints_no_line(engine: Engine, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    done = subprocess.run(
        [binary(), "session"],
        env={**engine.env, "KUKRI_ROOT": str(blocked / "root")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    assert done.stdout == ""
    assert str(blocked) in done.stderr


def test_run_gives_variables_and_passes_the_exit_status_on(engine: Engine) -> None:
    done = engine.kukri(
        "run", "sh", "-c", 'echo "$DAGGER_SESSION_PORT $DAGGER_SESSION_TOKEN"; exit 7', check=False
    )
    assert done.returncode == 7
    port, token = done.stdout.split()
    assert port.isdigit() and token


def test_run_keeps_standard_input_and_output_apart(engine: Engine) -> None:
    done = engine.kukri("run", "cat", input="for the program")
    assert done.stdout == "for the program"


def test_query_prints_data(engine: Engine) -> None:
    done = engine.kukri("query", input='{ container { from(address: "busybox") { platform } } }')
    assert json.loads(done.stdout)["container"]["from"]["platform"].startswith("linux/")


def test_nothing_of_a_session_stays_behind(engine: Engine) -> None:
    with engine.session() as session:
        session.run("true")
        pid = session.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        session.close()
    assert not alive(pid)
    assert not [child for child in children if alive(int(child)) and int(child) != engine.pid()]


def test_a_starting_sdk_that_dies_takes_its_session_along(engine: Engine) -> None:
    read, write = os.pipe()
    process = subprocess.Popen([binary(), "session"], env=engine.env, stdin=read, stdout=subprocess.PIPE)
    os.close(read)
    os.close(write)
    assert process.wait(15) == 0
