"""What a session waits for is shown to it also where all of it was begun for another one."""

from __future__ import annotations

import json
import subprocess
import time
import uuid

import pytest
from engine import Engine, binary

IMAGE = 'from(address: "busybox")'


def step(script: str, then: str) -> str:
    """A command on what comes before it."""
    return f"withExec(args: {json.dumps(['sh', '-c', script])}) {{ {then} }}"


def begin(engine: Engine, document: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [binary(), "query", document],
        env={**engine.env, "KUKRI_PROGRESS": "plain"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until_shown(process: subprocess.Popen[str], text: str) -> str:
    """Reads until a line has this text."""
    assert process.stderr is not None
    read = ""
    for line in process.stderr:
        read += line
        if text in line:
            break
    return read


def alike(first: str) -> str:
    """A chain of which all but the first command is the same."""
    return f"{{ container {{ {IMAGE} {{ {step(first, step('echo after', 'stdout'))} }} }} }}"


@pytest.mark.parametrize("status", [0, 9])
def test_a_step_below_the_one_that_is_joined(engine: Engine, status: int) -> None:
    name = uuid.uuid4().hex
    document = alike(f"echo begins {name}; sleep 3; echo ends {name}; exit {status}")
    first = begin(engine, document)
    until_shown(first, f"begins {name}")
    second = begin(engine, document)
    started = time.monotonic()
    shown = until_shown(second, f"sleep 3; echo ends {name}")
    assert time.monotonic() - started < 2.5, f"shown when it was over: {shown}"
    ends = [process.communicate() for process in (first, second)]
    shown += ends[1][1]
    assert f" ends {name}" in shown, "its output, from then on"
    if status == 0:
        assert "2 steps" in shown
        assert json.loads(ends[1][0])["container"]["from"]["withExec"]["withExec"]["stdout"] == "after\n"
    else:
        assert "ERROR" in shown and f"exit code {status}" in shown
        assert second.returncode == status
        runs = json.loads(engine.kukri("trace", "ls", "--json").stdout)
        assert sum(run["failed"] for run in runs[:2]) == 2, "both are written down"


def test_a_run_of_another_recipe_that_is_joined(engine: Engine) -> None:
    """The second gets to the same content in another way: its command is the first one's run."""
    name = uuid.uuid4().hex
    command = step(f"echo begins {name}; sleep 3; exit 7", "stdout")
    first = begin(
        engine, f'{{ container {{ {IMAGE} {{ withNewFile(path: "/f", contents: "1") {{ {command} }} }} }} }}'
    )
    until_shown(first, f"begins {name}")
    edits = 'withNewFile(path: "/f", contents: "0") { withNewFile(path: "/f", contents: "1")'
    second = begin(engine, f"{{ container {{ {IMAGE} {{ {edits} {{ {command} }} }} }} }} }}")
    shown = until_shown(second, f"echo begins {name}")
    shown += second.communicate()[1]
    first.communicate()
    assert "ERROR" in shown and "exit code 7" in shown, shown
