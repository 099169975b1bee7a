"""Whatever sessions ask, and however they end, the engine is as it was before: protocol 1.4 and 1.6."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

from engine import ROOT, Engine
from session import Session

DOCUMENTS = sorted((ROOT / "fuzz/corpus/document").iterdir())


def files(pid: int) -> int:
    """Open files, without the index, whose connections are a pool that fills by and by."""
    count = 0
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            count += "index.db" not in os.readlink(entry)
    return count


def memory(pid: int) -> int:
    """Resident memory in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def ask_all(session: Session) -> None:
    """Every document of the corpus on one connection, and one request whose client does not wait."""
    connection = http.client.HTTPConnection("127.0.0.1", session.port, timeout=60)
    for document in DOCUMENTS:
        body = json.dumps({"query": document.read_text()})
        connection.request("POST", "/query", body, session.headers())
        answer = json.loads(connection.getresponse().read())
        assert (answer["data"] is None) == ("errors" in answer), document
    connection.close()
    away = http.client.HTTPConnection("127.0.0.1", session.port, timeout=60)
    document = '{ container { from(address: "busybox") { withExec(args: ["sleep", "600"]) { sync } } } }'
    away.request("POST", "/query", json.dumps({"query": document}), session.headers())
    time.sleep(0.05)
    away.close()


def test_sessions_leave_nothing_behind(make_engine: Any, tmp_path: Path) -> None:
    """1.4 and 1.6: 24 sessions, 8 at a time, a third of them killed, all with requests that nobody waits for."""
    engine: Engine = make_engine()

    def one(number: int) -> None:
        with engine.session(workdir=tmp_path) as session:
            ask_all(session)
            if number % 3 == 0:
                session.process.kill()
                session.process.wait()

    def some(count: int) -> None:
        for start in range(0, count, 8):
            threads = [threading.Thread(target=one, args=(start + n,)) for n in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    with engine.session(workdir=tmp_path) as staying:
        staying.run("true")
        some(8)
        pid = engine.pid()
        assert pid is not None
        status = json.loads(engine.kukri("engine", "status", "--json").stdout)
        time.sleep(2)
        before, bytes_before = files(pid), memory(pid)
        some(24)
        deadline = time.monotonic() + 20
        while files(pid) > before + 4 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert files(pid) <= before + 4
        assert memory(pid) <= bytes_before + (64 << 20)
        assert engine.pid() == pid, status
        while json.loads(engine.kukri("engine", "status", "--json").stdout)["sessions"] > 1:
            assert time.monotonic() < deadline, "a session did not end"
        while running := [p for p in Path("/proc").glob("[0-9]*") if is_sleep_of(p, pid)]:
            assert time.monotonic() < deadline, f"commands that nobody waits for still run: {running}"
            time.sleep(0.1)
        assert staying.query("{ version }") == {"version": "v0.21.8"}


def is_sleep_of(process: Path, engine: int) -> bool:
    """Whether it is the command of an exec of this engine."""
    try:
        if b"sleep" not in (process / "cmdline").read_bytes():
            return False
        while process.name not in ("0", "1"):
            parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
            if int(parent) == engine:
                return True
            process = process.parent / parent
    except (FileNotFoundError, ProcessLookupError):
        pass
    return False
