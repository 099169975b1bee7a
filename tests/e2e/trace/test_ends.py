"""Runs that go on, were killed, or ended in the middle of a step."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from engine import Engine, binary

#: One step that does not end; ends itself in the middle of it as soon as there is a file.
_PROGRAM = """
import os
import sys
import threading
import time

import dagger

with dagger.connect() as dag:
    step = dag.container().from_("alpine:3.20").with_exec(["sh", "-c", f"echo {sys.argv[1]} began; sleep 600"])
    threading.Thread(target=step.sync, daemon=True).start()
    while not os.path.exists(sys.argv[2]):
        time.sleep(0.01)
    os._exit(0)
"""


@contextmanager
def going_on(
    engine: Engine, python: str, directory: Path, *flags: str
) -> Iterator[tuple[subprocess.Popen[str], float]]:
    """A run whose step is known to go on, and when that was seen."""
    word = f"word-{time.monotonic_ns()}"
    words = [binary(), "run", *flags, python, "-c", _PROGRAM, word, str(directory / "leave")]
    with subprocess.Popen(words, env=engine.env, stderr=subprocess.PIPE, text=True) as process:
        try:
            deadline = time.monotonic() + 60
            while f"    {word} began\n" not in show(engine, "--step", word):
                assert time.monotonic() < deadline and process.poll() is None
                time.sleep(0.05)
            yield process, time.monotonic()
        finally:
            process.kill()
            # The program outlives the command that is killed.
            (directory / "leave").touch()


def show(engine: Engine, *arguments: str) -> str:
    """What is said about the latest run; there may be none yet, or none with such a step."""
    done = engine.kukri("trace", "show", *arguments, check=False)
    assert done.returncode == 0 or "no run is kept" in done.stderr or "no step of" in done.stderr, done.stderr
    return done.stdout


def test_a_run_can_be_looked_at_while_it_goes_on_and_when_it_was_killed(
    fresh: Engine, own_python: str, tmp_path: Path
) -> None:
    with going_on(fresh, own_python, tmp_path, "--progress", "none") as (process, _):
        (listed,) = json.loads(fresh.kukri("trace", "ls", "--json").stdout)
        *_, line, last = show(fresh).splitlines()
        assert " unfinished " in line and "sleep 600" in line
        assert ", 1 unfinished" in last and last.endswith(", as far as is known: it goes on, or was killed")
        process.kill()
        process.wait()
    assert show(fresh).splitlines()[-1] == last
    step = next(step for step in shown(fresh) if step["kind"] == "exec")
    assert step["state"] == "unfinished" and "began" in step["log"][0][2]
    assert listed["elapsed_ns"] >= step["log"][0][1] > step["start"]
    # A run of which nothing was written is no run, though it is the latest.
    empty = fresh.root / "state/kukri/runs/99991231-235959-1.jsonl"
    empty.touch()
    assert show(fresh).splitlines()[-1] == last
    page = tmp_path / "page.html"
    fresh.kukri("trace", "open", "-o", str(page))
    assert '"state":"unfinished"' in page.read_text()
    for path in empty.parent.iterdir():
        path.write_text("")
    assert "no run is kept" in fresh.kukri("trace", "show", check=False).stderr


@pytest.mark.parametrize("how", ["terminated", "leaves"])
@pytest.mark.parametrize("progress", ["none", "json", "plain"])
def test_what_the_end_cancels(
    engine: Engine, own_python: str, tmp_path: Path, progress: str, how: str
) -> None:
    """It is the same in every way of showing, and in the page."""
    page = tmp_path / "page.html"
    flags = ["--progress", progress, "--trace", str(page)]
    with going_on(engine, own_python, tmp_path, *flags) as (process, began):
        time.sleep(0.5)
        took = (time.monotonic() - began) * 1e9
        if how == "terminated":
            process.send_signal(signal.SIGTERM)
        else:
            (tmp_path / "leave").touch()
        _, said = process.communicate(timeout=30)
        assert process.returncode == (143 if how == "terminated" else 0), said
    step = next(step for step in shown(engine) if step["kind"] == "exec")
    assert step["state"] == "cancelled" and step["end"] - step["start"] > took
    *_, last = show(engine).splitlines()
    assert ", 1 cancelled" in last and "unfinished" not in last
    assert '"state":"unfinished"' not in page.read_text()
    if progress == "json":
        events = [json.loads(line) for line in said.splitlines()]
        (end,) = [
            event for event in events if event["event"] == "span_finished" and event["id"] == step["id"]
        ]
        assert end["outcome"] == {"status": "cancelled"}
    if progress == "plain":
        assert f"{last.split(' in ')[0]} in " in said and " cancelled " in said


def shown(engine: Engine) -> list[Any]:
    """Steps of the latest run."""
    return list(json.loads(show(engine, "--json"))["steps"])
