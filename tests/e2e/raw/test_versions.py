"""A client and an engine of different versions work together, and neither ends what the other runs.

The versions are pretended: `KUKRI_PRETEND_VERSION` is what client or engine say of themselves when they meet, the rest of
the negotiation is the real one. With `KUKRI_OLD_BIN`, an older build takes part as well; without one, `test_wire.py`
speaks as the first version did.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from engine import Engine, alive, binary
from session import Session

OLD, NEW, FAR, LAST = "0.0.1:1-1", "9.9.9:1-7", "10.0.0:2-7", "0.0.0:0-0"
_OLD_BUILD = os.environ.get("KUKRI_OLD_BIN")
_NEEDS_OLD = pytest.mark.skipif(not _OLD_BUILD, reason="KUKRI_OLD_BIN names no older build")

Pair = tuple[Engine, Callable[[Path], Session], str]


def _pretending(engine: Engine, version: str) -> dict[str, str]:
    return {**engine.env, "KUKRI_PRETEND_VERSION": version}


@pytest.fixture(
    params=[
        "an older client",
        "a newer client",
        pytest.param("an older build as client", marks=_NEEDS_OLD),
        pytest.param("an older build as engine", marks=_NEEDS_OLD),
    ]
)
def pair(request: pytest.FixtureRequest, make_engine: Callable[..., Engine]) -> Iterator[Pair]:
    """A running engine, how a client of another version opens a session, and the engine's version."""
    engine = make_engine()
    engines, program = engine.env, binary()
    clients = (engine.env, binary())
    if request.param == "an older client":
        engines, clients = _pretending(engine, NEW), (_pretending(engine, OLD), binary())
    elif request.param == "a newer client":
        engines, clients = _pretending(engine, OLD), (_pretending(engine, NEW), binary())
    elif request.param == "an older build as client":
        clients = (engine.env, str(_OLD_BUILD))
    else:
        program = str(_OLD_BUILD)
    version = engines.get("KUKRI_PRETEND_VERSION", "").partition(":")[0]
    process = _start(engine, program, engines)
    yield engine, lambda workdir: Session([clients[1], "session"], env=clients[0], workdir=workdir), version
    engine.stop()
    process.wait(10)


def _start(engine: Engine, program: str, env: dict[str, str]) -> subprocess.Popen[bytes]:
    with (engine.root / "engine.log").open("ab") as log:
        process = subprocess.Popen(
            [program, "engine"], env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    deadline = time.monotonic() + 20
    while not (engine.root / "run" / "engine.sock").exists():
        assert process.poll() is None and time.monotonic() < deadline, engine.log()
        time.sleep(0.01)
    return process


def test_they_work_together(pair: Pair, tmp_path: Path) -> None:
    engine, client, version = pair
    (tmp_path / "f").write_text("of the host")
    before = engine.pid()
    with client(tmp_path) as session:
        assert session.run("echo", "hello") == "hello\n"
        read = '{ host { directory(path: ".") { file(path: "f") { contents } } } }'
        assert session.query(read)["host"]["directory"]["file"]["contents"] == "of the host"
        session.chain('withNewFile(path: "g", contents: "back")', 'export(path: "out")', root="directory")
        assert (tmp_path / "out" / "g").read_text() == "back"
        assert engine.pid() == before is not None
        if version:
            assert version in engine.kukri("engine", "status").stdout
        assert session.close() == 0
    assert engine.pid() == before


def test_work_of_one_goes_on_while_the_other_comes_and_goes(pair: Pair, tmp_path: Path) -> None:
    engine, client, _ = pair

    def same(workdir: Path) -> Session:
        return engine.session(workdir=workdir)

    before = engine.pid()
    for first, second in ((same, client), (client, same)):
        with first(tmp_path) as working:
            thread, outputs = _work(working)
            for _ in range(3):
                with second(tmp_path) as session:
                    assert session.run("echo", "short") == "short\n"
            thread.join(30)
            assert outputs == ["done\n"]
    assert engine.pid() == before


def _work(session: Session) -> tuple[threading.Thread, list[str]]:
    """A step of two seconds that has just begun, and where its output will be."""
    outputs: list[str] = []
    script = f"sleep 2; echo done # {time.monotonic()}"
    thread = threading.Thread(target=lambda: outputs.append(session.run("sh", "-c", script)))
    thread.start()
    time.sleep(0.3)
    return thread, outputs


@pytest.mark.parametrize(
    ("client", "server", "advice"), [(FAR, OLD, "update the engine"), (LAST, NEW, "update the client")]
)
def test_those_that_cannot_understand_each_other_say_so_and_leave_it_at_that(
    make_engine: Callable[..., Engine], tmp_path: Path, client: str, server: str, advice: str
) -> None:
    engine = make_engine()
    process = _start(engine, binary(), _pretending(engine, server))
    with Session([binary(), "session"], env=_pretending(engine, server), workdir=tmp_path) as working:
        thread, outputs = _work(working)
        for command in (["session"], ["query", "{version}"]):
            done = engine.kukri(
                *command, check=False, env=_pretending(engine, client), stdin=subprocess.DEVNULL
            )
            assert done.returncode == 1
            assert advice in done.stderr, done.stderr
            assert client.partition(":")[0] in done.stderr and server.partition(":")[0] in done.stderr
            assert str(engine.root / "engine.log") in done.stderr
        thread.join(30)
    assert outputs == ["done\n"]
    assert alive(process.pid)
    engine.stop()
    process.wait(10)
