"""`--json`: one document on standard output with the keys of the reference, also where something failed."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from engine import ROOT, Engine

_PAGE = ROOT / "docs" / "reference" / "json.md"

_SCRIPT = '{ container { from(address: "busybox") { withExec(args: ["sh", "-c", "%s"]) { stdout } } } }'

#: The command, and its section in the reference.
COMMANDS = [
    (["version"], "version"),
    (["doctor"], "doctor"),
    (["engine", "status"], "engine status"),
    (["cache", "du"], "cache du"),
    (["cache", "gc"], "cache prune"),
    (["cache", "prune", "--dry-run"], "cache prune"),
    (["cache", "verify"], "cache verify"),
    (["cache", "why", "echo told"], "cache why"),
    (["trace", "ls"], "trace ls"),
    (["trace", "show"], "trace show"),
    (["trace", "show", "--step", "echo"], "trace show"),
    (["core", "container", "from", "--address=busybox"], "core"),
]


def documented(section: str) -> tuple[set[str], set[str]]:
    """Keys of a section: all, and those that are always there."""
    text = re.split(r"^## kukri ", _PAGE.read_text(), flags=re.MULTILINE)
    (body,) = [part for part in text if part.startswith(f"{section}\n")]
    everything, always = set(), set()
    for cell, what in re.findall(r"^\| (`[^|]*`) \| (.*) \|$", body, re.MULTILINE):
        keys = set(re.findall(r"`([^`]+)`", cell))
        everything |= keys
        always |= keys if "*if known*" not in what else set()
    return everything, always


def paths(value: Any, path: str = "") -> set[str]:
    """Where in a document there is something that is neither an object nor a list of objects."""
    if isinstance(value, dict) and value:
        return set().union(*(paths(below, f"{path}.{key}".lstrip(".")) for key, below in value.items()))
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return set().union(*(paths(below, f"{path}[]") for below in value))
    return {path}


@pytest.fixture(scope="module")
def used(engine: Engine) -> Engine:
    """An engine that has done something: a failed step, one that ran, and in the latest run one that was cached."""
    engine.kukri("query", _SCRIPT % "exit 3", check=False)
    for _ in range(2):
        engine.kukri("query", _SCRIPT % "echo told")
    return engine


@pytest.mark.parametrize(("command", "section"), COMMANDS, ids=["-".join(command) for command, _ in COMMANDS])
def test_keys(used: Engine, command: list[str], section: str) -> None:
    with used.session():
        flag = command[:1] + ["--json"] + command[1:] if command[0] == "core" else [*command, "--json"]
        found = paths(json.loads(used.kukri(*flag).stdout))
    everything, always = documented(section)
    unknown = {
        path
        for path in found
        if path not in everything
        and not any(re.fullmatch(re.escape(key).replace(r"\*", r"[^.]+"), path) for key in everything)
    }
    # A list that is empty has none of what its elements have.
    assert not {path for path in unknown if not any(key.startswith(f"{path}[]") for key in everything)}, found
    wanted = {key.replace("*", "results") for key in always}
    missing = {key for key in wanted - found if not any(key.startswith(f"{path}[]") for path in found)}
    assert not missing, found


@pytest.mark.parametrize(
    ("command", "status", "part"),
    [
        (["cache", "why", "nosuch", "--json"], 1, "nosuch"),
        (["trace", "show", "nosuch", "--json"], 1, "nosuch"),
        (["trace", "show", "--step", "nosuch", "--json"], 1, "nosuch"),
        (["cache", "prune", "--max-size", "much", "--json"], 2, "--max-size"),
        (["core", "--json", "directory", "file", "--path=no", "contents"], 1, "no such file"),
        (["version", "--json", "--nope"], 2, "--nope"),
    ],
)
def test_a_failure_is_told_on_standard_error(
    used: Engine, command: list[str], status: int, part: str
) -> None:
    done = used.kukri(*command, check=False)
    assert (done.returncode, done.stdout) == (status, "")
    assert part in done.stderr


def test_what_was_found_is_printed_where_it_is_bad(fresh: Engine) -> None:
    """A document, though the status says that something is wrong."""
    done = fresh.kukri("engine", "status", "--json", check=False)
    assert (done.returncode, json.loads(done.stdout)) == (1, {"running": False})
    env = {**fresh.env, "KUKRI_ROOT": "/proc/nope"}
    done = fresh.kukri("doctor", "--json", check=False, env=env)
    told = json.loads(done.stdout)
    assert done.returncode == 1 and told["ok"] is False
    (failed,) = [check for check in told["checks"] if not check["ok"]]
    assert "/proc/nope" in failed["what"] and "KUKRI_ROOT" in failed["next"]


def test_a_status_says_where_things_are(engine: Engine) -> None:
    with engine.session():
        told = json.loads(engine.kukri("engine", "status", "--json").stdout)
    assert told["running"] is True
    assert told["data"] == str(engine.root) and told["log"] == f"{engine.root}/engine.log"


def test_steps_are_chosen_in_json_too(used: Engine) -> None:
    used.kukri("query", _SCRIPT % "echo told")
    told = json.loads(used.kukri("trace", "show", "--step", "echo told", "--json").stdout)
    assert [step["label"] for step in told["steps"]] == ["sh -c 'echo told'"]
