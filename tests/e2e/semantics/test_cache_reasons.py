"""Why a step ran: in the progress of a run, and later by `kukri cache why`."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from engine import Engine
from images import random_image
from registry import Registry
from session import GraphQLError


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


def on_busybox(*steps: str) -> str:
    """A document that runs one command after these steps."""
    chain = ["container", 'from(address: "busybox")', *steps, 'withExec(args: ["sh", "-c", "true"])', "sync"]
    return "{ " + " { ".join(chain) + " }" * len(chain)


def test_names_of_steps_that_are_kept_have_no_secrets(engine: Engine) -> None:
    """What `cache` lists later was masked when it was kept: nobody knows the secrets then."""
    value = f"s3cr3t-{time.time_ns()}"
    command = f"true {value} kept"
    with engine.session() as session:
        secret = session.query(f'{{ setSecret(name: "kept", plaintext: "{value}") {{ id }} }}')
        before = f'withSecretVariable(name: "S", secret: {json.dumps(secret["setSecret"]["id"])})'
        session.query(chain(command, before=before))
        with pytest.raises(GraphQLError):
            session.query(chain(f"false {value} kept", before=before))
    for arguments in [("why", "kept"), ("why", "kept", "--json"), ("du", "--json"), ("du",)]:
        listed = engine.kukri("cache", *arguments).stdout
        assert value not in listed, arguments
        assert "*** kept" in listed or arguments == ("du",), arguments


def said_of(engine: Engine, document: str, label: str) -> list[str]:
    """What is said of steps whose label starts so: why they ran, or that they were cached."""
    said, labels = list[str](), dict[str, str]()
    for line in engine.kukri("query", document).stderr.splitlines():
        number, _, text = line.partition(" ")
        if labels.setdefault(number, text).startswith(label) and text.startswith(("not cached: ", "CACHED")):
            said.append(text.removeprefix("not cached: "))
    return said


def variable(name: str, value: str) -> str:
    return f'withEnvVariable(name: "{name}", value: "{value}")'


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


def test_a_step_that_failed_is_compared_with(fresh: Engine) -> None:
    """Its next run says that it failed, or what changed since; also after a restart, and of a command that was put right."""

    def failing(command: str, *steps: str) -> str:
        exec_ = f'withExec(args: ["sh", "-c", {json.dumps(command)}])'
        chain = ["container", 'from(address: "busybox")', *steps, exec_, "sync"]
        return "{ " + " { ".join(chain) + " }" * len(chain)

    def said(document: str, status: int) -> str:
        done = fresh.kukri("query", document, check=False)
        assert done.returncode == status, done.stderr
        (reason,) = re.findall(r"^#\d+ not cached: (.*)$", done.stderr.partition("#2 ")[2], re.MULTILINE)
        return str(reason)

    one, two = variable("A", "1"), variable("A", "2")
    known = 'if [ "$A" = 3 ]; then exit 0; fi; exit 5'
    assert said(failing(known, one), 5) == "first run"
    assert said(failing(known, one), 5) == "the same step failed last time"
    fresh.stop()
    assert said(failing(known, one), 5) == "the same step failed last time"
    assert said(failing(known, two), 5) == "changed: variable A"
    assert said(failing(known, one), 5) == "the same step failed last time"
    # What went well is a result.
    three = variable("A", "3")
    assert said(failing(known, three), 0) == "changed: variable A"
    assert said_of(fresh, failing(known, three), "sh") == ["CACHED"]
    # The command is put right.
    right = known.replace("exit 5", "exit 0")
    assert said(failing(right, two), 0) == f"changed: command (compared with: sh -c '{known}')"

    runs = json.loads(fresh.kukri("cache", "why", "exit 5", "--json").stdout)["runs"]
    assert [(run["failed"], run["why"]) for run in runs] == [
        (False, "changed: variable A"),
        (True, "the same step failed last time"),
        (True, "changed: variable A"),
        (True, "first run that is known"),
    ]
    shown = fresh.kukri("cache", "why", "exit 5").stdout.splitlines()
    assert shown[1] == "  changed: variable A"
    assert shown[3] == "  the same step failed last time; it failed"
    fresh.kukri("cache", "prune")
    assert fresh.kukri("cache", "why", "exit 5", check=False).returncode == 1
    assert said(failing(known, one), 5) == "first run"


def test_a_changed_command_is_compared_with_its_nearest_run(fresh: Engine) -> None:
    """The latest run of the command before had another variable; an earlier one had not."""
    one, two = variable("A", "1"), variable("A", "2")
    for before in (one, two):
        assert len(reasons(fresh, chain("sort /etc/passwd", before=before))) == 1
    said = "changed: command (compared with: sh -c 'sort /etc/passwd')"
    assert reasons(fresh, chain("sort -r /etc/passwd", before=one)) == [said]
    assert why(fresh, "sort -r") == [said]


def test_another_order_is_said(fresh: Engine) -> None:
    a, b, c = variable("A", "1"), variable("B", "2"), variable("C", "3")
    assert said_of(fresh, on_busybox(a, b, c), "sh") == ["first run"]
    said = "changed: order of variable B, variable A"
    assert said_of(fresh, on_busybox(b, a, c), "sh") == [said]
    assert why(fresh, "true") == [said, "first run that is known"]
    one, two = "withExposedPort(port: 1)", "withExposedPort(port: 2)"
    assert said_of(fresh, on_busybox(one, two), "sh") == [
        "changed: exposed port 1/tcp, exposed port 2/tcp, variable B, variable A, variable C"
    ]
    assert said_of(fresh, on_busybox(two, one), "sh") == ["CACHED"], "nothing sees the order of ports"
    assert said_of(fresh, on_busybox('withExposedPort(port: 1, description: "x")', two), "sh") == [
        "changed: exposed port 1/tcp"
    ]


def test_each_of_many_variants_is_compared_with_itself(fresh: Engine) -> None:
    """More variants of one command than are compared in full."""
    variants = [[variable("V", str(number)), variable("W", "1")] for number in range(20)]
    for steps in variants:
        said_of(fresh, on_busybox(*steps), "sh")
    for steps, value in ((variants[0], "2"), (variants[19], "3")):
        assert said_of(fresh, on_busybox(steps[0], variable("W", value)), "sh") == ["changed: variable W"]
    assert why(fresh, "true")[:2] == ["changed: variable W"] * 2


def test_images_that_are_written_and_read_name_what_changed(fresh: Engine) -> None:
    def written(contents: str, label: str) -> str:
        steps = (
            f"""withNewFile(path: "/a", contents: "{contents}") {{ withLabel(name: "l", value: "{label}")"""
        )
        return (
            f'{{ container {{ from(address: "busybox") {{ {steps} {{ asTarball {{ id size }} }} }} }} }} }}'
        )

    assert said_of(fresh, written("1", "1"), "write image") == ["first run"]
    assert said_of(fresh, written("1", "1"), "write image") == ["CACHED"]
    assert said_of(fresh, written("2", "1"), "write image") == ["changed: layers"]
    assert said_of(fresh, written("2", "2"), "write image") == ["changed: configuration"]
    assert said_of(fresh, written("3", "3"), "write image") == ["changed: layers, configuration"]
    assert why(fresh, "write image")[:2] == ["changed: layers, configuration", "changed: configuration"]

    with fresh.session() as session:
        archives = [
            session.query(written(contents, "1"))["container"]["from"]["withNewFile"]["withLabel"][
                "asTarball"
            ]
            for contents in ("1", "2")
        ]
    for archive, said in zip(archives, ["first run", "changed: archive"], strict=True):
        read = f"{{ container {{ import(source: {json.dumps(archive['id'])}) {{ rootfs {{ entries }} }} }} }}"
        assert said_of(fresh, read, "import image") == [said]


def test_a_tag_that_moved_is_said(fresh: Engine, registry: Registry, tmp_path: Path) -> None:
    document = '{ container { from(address: "moves:1") { rootfs { entries } } } }'
    for name, said in [("first", "first run"), ("second", "changed: digest")]:
        registry.push("library/moves:1", random_image(tmp_path / name, [10]))
        assert said_of(fresh, document, "pull docker.io/library/moves:1@") == [said]


def test_another_command_on_the_same_files_is_a_first_run(fresh: Engine) -> None:
    assert reasons(fresh, chain("echo one > /one")) == ["first run"]
    assert reasons(fresh, chain("find / -name passwd | wc -l")) == ["first run"]
    assert why(fresh, "find") == ["first run that is known"]


def test_transfers_are_no_steps(fresh: Engine, tmp_path: Path) -> None:
    """They are looked at every time, and do not make a run look less cached than it is. What is there is not moved again."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a").write_text("a")
    with fresh.session(workdir=tmp_path) as session:
        found = session.query('{ host { directory(path: "src") { id } } }')
    source = json.dumps(found["host"]["directory"]["id"])
    document = f"""{{ container {{ from(address: "busybox") {{ withDirectory(path: "/src", source: {source}) {{
        withExec(args: ["cp", "/src/a", "/b"]) {{ file(path: "/b") {{ export(path: "out") }} }} }} }} }} }}"""
    for summary in ["2 steps, 1 transfer, ", "1 step, 1 cached (100%), 1 transfer in "]:
        said = fresh.kukri("query", document, cwd=tmp_path).stderr
        assert any(line.startswith(summary) for line in said.splitlines()), said
    assert (tmp_path / "out").read_text() == "a"


def test_another_network_is_told(fresh: Engine) -> None:
    """What a step sees of the network belongs to it: a result with another is not taken for it."""
    modes = ["bridge", "none", "host"]
    document = chain("ls /sys/class/net")

    def in_mode(mode: str) -> tuple[list[str], str]:
        fresh.stop()
        fresh.env["KUKRI_NETWORK"] = mode
        return said_of(fresh, document, "sh "), fresh.kukri("query", document).stdout

    first = [in_mode(mode) for mode in modes]
    assert [said for said, _ in first] == [["first run"], ["changed: network"], ["changed: network"]]
    interfaces = [answer.count("\\n") for _, answer in first]
    assert interfaces[:2] == [2, 1], first
    assert [in_mode(mode) for mode in modes] == [(["CACHED"], answer) for _, answer in first]
    assert why(fresh, "class/net") == ["changed: network"] * 2 + ["first run that is known"]
