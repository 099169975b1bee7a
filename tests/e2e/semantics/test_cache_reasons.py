"""Why a step ran: in the progress of a run, and later by `kukri cache why`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine import Engine


def chain(*commands: str, before: str = "") -> str:
    execs = [f'withExec(args: ["sh", "-c", {json.dumps(command)}])' for command in commands]
    steps = [step for step in ["container", 'from(address: "busybox")', before, *execs] if step]
    return "{ " + " { ".join(steps) + " { stdout }" + " }" * len(steps)


def reasons(engine: Engine, document: str) -> list[str]:
    """What is said of the commands that ran, in order."""
    lines = engine.kukri("query", document).stderr.splitlines()
    said = dict[str, str]()
    labels = dict[str, str]()
    for line in lines:
        number, _, text = line.partition(" ")
        if number.startswith("#"):
            labels.setdefault(number, text)
            if text.startswith("not cached: ") and labels[number].startswith("sh "):
                said[number] = text.removeprefix("not cached: ")
    return list(said.values())


def why(engine: Engine, part: str) -> list[str]:
    runs: list[dict[str, Any]] = json.loads(engine.kukri("cache", "why", part, "--json").stdout)["runs"]
    return [run["why"] for run in runs]


def test_a_step_of_a_chain_with_another_command_names_the_one_before(fresh: Engine) -> None:
    first, second, third = ("echo first > /first", "sort /first > /second", "cat /second")
    assert reasons(fresh, chain(first, second, third)) == ["first run"] * 3
    assert reasons(fresh, chain(first, second, third)) == []
    changed = "sort -r /first > /second; echo >> /second"
    said = f"changed: command (compared with: sh -c '{second}')"
    assert reasons(fresh, chain(first, changed, third)) == [said, "changed: root file system"]
    assert why(fresh, "sort -r") == [said]
    # The very first one, with a variable that is new as well.
    variable = 'withEnvVariable(name: "A", value: "1")'
    assert reasons(fresh, chain("echo first > /f1", before=variable)) == [
        f"changed: command, variable A (compared with: sh -c '{first}')"
    ]


def test_another_command_on_the_same_files_is_a_first_run(fresh: Engine) -> None:
    assert reasons(fresh, chain("echo one > /one")) == ["first run"]
    assert reasons(fresh, chain("find / -name passwd | wc -l")) == ["first run"]
    assert why(fresh, "find") == ["first run that is known"]


def test_transfers_are_no_steps(fresh: Engine, tmp_path: Path) -> None:
    """They happen every time, and do not make a run look less cached than it is."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a").write_text("a")
    with fresh.session(workdir=tmp_path) as session:
        found = session.query('{ host { directory(path: "src") { id } } }')
    source = json.dumps(found["host"]["directory"]["id"])
    document = f"""{{ container {{ from(address: "busybox") {{ withDirectory(path: "/src", source: {source}) {{
        withExec(args: ["cp", "/src/a", "/b"]) {{ file(path: "/b") {{ export(path: "out") }} }} }} }} }} }}"""
    for summary in ["2 steps, 1 transfer, ", "1 step, 1 cached (100%), 1 transfer, 1 B moved "]:
        said = fresh.kukri("query", document, cwd=tmp_path).stderr
        assert any(line.startswith(summary) for line in said.splitlines()), said
    assert (tmp_path / "out").read_text() == "a"
