"""Signals that come to `kukri run`: the program gets each of them once, and its end is the end of the command."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from engine import Engine, binary

#: Says that it is up, and a little after the first signal which of them it got.
_COUNTS = """
import os, signal, sys, time
if "own-group" in sys.argv:
    os.setpgid(0, 0)
got = []
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM, signal.SIGUSR1):
    signal.signal(number, lambda number, _: got.append(signal.Signals(number).name))
print("up", flush=True)
deadline = time.monotonic() + 20
while not got and time.monotonic() < deadline:
    time.sleep(0.01)
time.sleep(0.5)
print("got", *got, flush=True)
sys.exit(9)
"""

#: Takes connections on a socket, and never answers.
_SILENT = """
import socket, sys, time
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
connection = listener.accept()
print("asked", flush=True)
time.sleep(60)
"""


def start(engine: Engine, *program: str, before: Callable[[], object] | None = None) -> subprocess.Popen[str]:
    """`kukri run` with a program that has said that it is up."""
    process = subprocess.Popen(
        [binary(), "run", *program],
        env=engine.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=before,
    )
    assert process.stdout is not None and process.stdout.readline() == "up\n"
    return process


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1"])
def test_what_is_sent_to_it_alone_is_passed_on(engine: Engine, name: str) -> None:
    process = start(engine, sys.executable, "-c", _COUNTS)
    process.send_signal(signal.Signals[name])
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (9, f"got {name}\n"), err


@pytest.mark.parametrize(
    ("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_program_that_it_ends(engine: Engine, sent: signal.Signals, status: int) -> None:
    process = start(engine, "sh", "-c", "echo up; exec sleep 60")
    process.send_signal(sent)
    _, err = process.communicate(timeout=10)
    assert process.returncode == status, err


@pytest.mark.parametrize("group", ["same-group", "own-group"])
@pytest.mark.parametrize(("key", "name"), [(b"\x03", "SIGINT"), (b"\x1c", "SIGQUIT")])
def test_what_a_terminal_sends_comes_once(engine: Engine, group: str, key: bytes, name: str) -> None:
    """A program that has left the group of its terminal gets nothing from that, and would not end."""
    child, terminal = pty.fork()
    if child == 0:  # the terminal's foreground process
        words = [binary(), "run", "--progress", "plain", sys.executable, "-c", _COUNTS, group]
        os.execvpe(words[0], words, engine.env)
    seen = read_until(terminal, "up")
    os.write(terminal, key)
    seen += read_until(terminal, "the end that never comes")
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert f"got {name}\r\n" in seen, seen
    assert os.waitstatus_to_exitcode(status) == 9


def test_what_is_ignored_stays_so(engine: Engine) -> None:
    """As after `nohup`."""
    process = start(
        engine,
        "sh",
        "-c",
        "echo up; sleep 1; kill -HUP $$; echo still here",
        before=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    process.send_signal(signal.SIGHUP)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "still here\n"), err


def test_before_the_program_begins(engine: Engine, tmp_path: Path) -> None:
    """Nothing is run any more."""
    # Its socket is taken by one who does not answer.
    silent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            _SILENT,
            str(tmp_path / "socket"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 10
    while not (tmp_path / "socket").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process = subprocess.Popen(
        [binary(), "run", "touch", str(tmp_path / "ran")],
        env={**engine.env, "KUKRI_SOCKET": str(tmp_path / "socket")},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert silent.stdout is not None and silent.stdout.readline() == "asked\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 130 and "interrupted" in err
    assert not (tmp_path / "ran").exists()
    silent.kill()
    silent.communicate()


def read_until(terminal: int, *parts: str) -> str:
    """What is written on a terminal, up to texts that come one after the other."""
    seen = b""
    deadline = time.monotonic() + 30
    while True:
        at = 0
        for part in parts:
            at = seen.find(part.encode(), at)
            if at < 0:
                break
        if at >= 0:
            return seen.decode()
        assert time.monotonic() < deadline, seen
        try:
            seen += os.read(terminal, 4096)
        except OSError:
            return seen.decode()
