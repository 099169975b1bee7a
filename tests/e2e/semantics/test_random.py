"""Random queries over HTTP, some with commands: the engine lives, and nothing of them is left. Part of protocol 1.6 and 2.

`KUKRI_RANDOM_SEED` repeats a run, as far as the order of answers allows, `KUKRI_RANDOM_QUERIES` makes it longer.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from engine import Engine
from randomly import Generator
from session import Session

#: Clients that ask at the same time.
CLIENTS = 8

#: Of so many queries one runs a command.
ONE_COMMAND_IN = 20

#: Most that memory may grow by in the second half, in bytes. Tables that are bounded fill meanwhile.
MOST_GROWTH = 96 << 20


#: What commands need of the image.
PROGRAMS = ["etc", *(f"bin/{name}" for name in ("cat", "echo", "head", "ls", "sh", "sleep", "true", "yes"))]

#: Threads for work that blocks come with the load and go ten seconds later.
MOST_THREADS = 100


class State:
    """What a process has: tasks, threads, open files, memory."""

    def __init__(self, engine: Engine) -> None:
        status = json.loads(engine.kukri("engine", "status", "--json").stdout)
        self.pid: int = status["pid"]
        self.tasks: int = status["tasks"]
        process = Path(f"/proc/{self.pid}")
        self.threads = len(list((process / "task").iterdir()))
        # The index keeps a pool of connections that fills by and by.
        self.open = sorted(each for each in _targets(process / "fd") if "index.db" not in each)
        self.files = len(self.open)
        self.children = (process / f"task/{self.pid}/children").read_text().split()
        self.memory = int((process / "statm").read_text().split()[1]) * 4096

    def __str__(self) -> str:
        return f"{self.tasks} tasks, {self.threads} threads, {self.files} files, {self.memory >> 20} MB"


def _targets(folder: Path) -> Iterator[str]:
    """What is open; some of it may be closed meanwhile."""
    for each in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            yield os.readlink(each)


def ask(session: Session, document: str, patience: float, took: list[tuple[float, str]]) -> Any:
    """The answer, checked; nothing where the client goes away before. `took` gets the seconds."""
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", session.port, timeout=patience)
    try:
        connection.request("POST", "/query", json.dumps({"query": document}), session.headers())
        answer = connection.getresponse()
        text, status = answer.read(), answer.status
    except TimeoutError:
        assert patience < 1, f"no answer within {patience} s:\n{document}"
        return None
    finally:
        connection.close()
        took.append((time.monotonic() - began, document))
    found = json.loads(text)
    assert status in (200, 422), (status, text[:500], document)
    if found.get("errors"):
        (error,) = found["errors"]
        assert found["data"] is None and error["message"] and "defect" not in error["message"], (
            found,
            document,
        )
        extensions = error.get("extensions")
        assert extensions is None or extensions.get("_type") == "EXEC_ERROR" or status == 422, (
            found,
            document,
        )
    else:
        assert status == 200 and isinstance(found["data"], dict), (found, document)
    return found


@pytest.mark.slow
def test_random_queries_over_http(make_engine: Any, tmp_path: Path) -> None:
    engine: Engine = make_engine()
    seed = int(os.environ.get("KUKRI_RANDOM_SEED", time.time_ns() % 2**32))
    queries = int(os.environ.get("KUKRI_RANDOM_QUERIES", "3000"))
    print(f"KUKRI_RANDOM_SEED={seed}")
    took: list[tuple[float, str]] = []
    counts = {"failed": 0, "commands": 0, "commands that ran": 0, "given up": 0}

    def some(generator: Generator, count: int) -> None:
        """Queries in sessions that come and go."""
        while count > 0:
            with engine.session(workdir=tmp_path) as session, ThreadPoolExecutor(CLIENTS) as pool:
                for _ in range(5):
                    asked = []
                    for _ in range(CLIENTS * 8):
                        command = generator.random.randrange(ONE_COMMAND_IN) == 0
                        document = generator.command() if command else generator.document()
                        hurried = generator.random.random() < 0.03
                        patience = generator.random.uniform(0.001, 0.03) if hurried else 60
                        asked.append((command, pool.submit(ask, session, document, patience, took)))
                    count -= len(asked)
                    for command, future in asked:
                        counts["commands"] += command
                        found = future.result()
                        if found is None:
                            counts["given up"] += 1
                            continue
                        errors = found.get("errors", [])
                        ran = not errors or "_type" in errors[0].get("extensions", {})
                        counts["failed"] += bool(errors)
                        counts["commands that ran"] += command and ran
                        generator.learn(found["data"])

    started = time.monotonic()
    with engine.session(workdir=tmp_path) as staying:
        # Without the 270 names that the program has as well: each is a file of 2 MB for patches and archives.
        rootfs = staying.chain(
            f'from(address: "busybox")\nrootfs\nfilter(include: {json.dumps(PROGRAMS)})', "id"
        )
        generator = Generator(staying, seed, rootfs)
        some(generator, queries // 2)
        before = settled(engine, None)
        some(generator, queries - queries // 2)
        after = settled(engine, before)
        assert staying.query("{ version }")["version"]
    print(
        f"{queries} queries in {time.monotonic() - started:.1f} s: {counts}; before: {before}; after: {after}"
    )
    for seconds, document in sorted(took, reverse=True)[:5]:
        print(f"{seconds:.2f} s: {document}")
    assert after.pid == before.pid, "the engine is another one"
    assert after.tasks <= before.tasks + 2, f"{before}; {after}"
    # Where each command or query left one, there would be many more.
    assert after.files <= before.files + 16, f"{before}: {before.open}\n{after}: {after.open}"
    assert after.threads <= MOST_THREADS, f"{before}; {after}"
    assert len(after.children) <= len(before.children), "a process of a command is left"
    assert after.memory <= before.memory + MOST_GROWTH, f"{before}; {after}"
    # Neither all nonsense nor all harmless.
    assert queries // 20 < counts["failed"] < queries * 19 // 20, counts
    assert counts["commands that ran"] > queries // ONE_COMMAND_IN // 4, counts


def settled(engine: Engine, before: State | None) -> State:
    """The state when what was asked is over; at most that of before, if it gets there."""
    deadline = time.monotonic() + 15
    state = State(engine)
    while time.monotonic() < deadline:
        time.sleep(0.3)
        last, state = state, State(engine)
        if before is None:
            if state.tasks >= last.tasks and state.files >= last.files:
                break
        elif state.tasks <= before.tasks and state.files <= before.files and not state.children:
            break
    return state
