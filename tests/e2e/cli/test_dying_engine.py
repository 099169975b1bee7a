"""A command that meets an engine which is just ending starts another."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import threading
from pathlib import Path

from engine import Engine


def test_a_question_to_an_engine_that_is_killed(fresh: Engine, tmp_path: Path) -> None:
    """Its socket takes connections until the kernel has closed it, and nothing is answered."""
    with fresh.session(workdir=tmp_path):
        pass
    fresh.stop()
    path = fresh.root / "run" / "engine.sock"
    path.unlink(missing_ok=True)
    asked = []

    def end() -> None:
        with socket.socket(socket.AF_UNIX) as dying:
            dying.bind(str(path))
            dying.listen()
            dying.settimeout(30)
            ready.set()
            while not asked:
                connection, _ = dying.accept()
                with connection, contextlib.suppress(ConnectionError):
                    # Who only looks whether somebody is there says nothing.
                    asked.extend([data] if (data := connection.recv(4096)) else [])
                    if asked:
                        path.unlink()

    ready = threading.Event()
    thread = threading.Thread(target=end)
    thread.start()
    assert ready.wait(10)
    done = fresh.kukri("cache", "verify", "--json")
    thread.join(30)
    assert b"/v1/ping" in asked[0]
    assert json.loads(done.stdout)["problems"] == []


def test_a_command_right_after_the_kill(fresh: Engine, tmp_path: Path) -> None:
    """The same with a real one."""
    for _ in range(5):
        with fresh.session(workdir=tmp_path):
            pass
        pid = fresh.pid()
        assert pid is not None
        # Nobody waits until it is gone.
        os.kill(pid, signal.SIGKILL)
        assert json.loads(fresh.kukri("cache", "verify", "--json").stdout)["problems"] == []
