"""What each `--progress` shows, in CI as well; no way of it shows a secret."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from engine import ROOT, Engine, binary
from registry import Registry

MODES = ["auto", "tty", "plain", "json", "dots", "logs", "report", "none"]


def steps(*scripts: str) -> str:
    """A document that runs scripts, each in a container of its own; they may fail."""
    execs = (
        f'a{at}: container {{ from(address: "busybox") {{ '
        f'withExec(args: ["sh", "-c", {json.dumps(script)}]) {{ stdout }} }} }}'
        for at, script in enumerate(scripts)
    )
    return f"{{ {' '.join(execs)} }}"


def progress(engine: Engine, document: str, mode: str, **variables: str) -> str:
    """What is shown, without what the command itself says of the failure."""
    env = {**engine.env, "KUKRI_PROGRESS": mode, "TERM": "xterm", **variables}
    done = engine.kukri("query", document, env=env, check=False)
    return re.split(r"^(?:stdout:|stderr:|error:)", done.stderr, maxsplit=1, flags=re.MULTILINE)[0]


def unique() -> str:
    """A word that makes a step new."""
    return uuid.uuid4().hex[:8]


def test_dots(engine: Engine) -> None:
    known = f"echo known {unique()}"
    progress(engine, steps(known), "none")
    shown = progress(engine, steps(known), "dots")
    assert shown.splitlines()[0] == "c", "a step that is known needs no image"
    shown = progress(engine, steps(f"echo seen {unique()}; exit 3"), "dots")
    first, failed, *rest = shown.splitlines()
    assert first == "cF" and failed.startswith("✗ ")
    assert "  │ seen " in shown and "  └ exit code 3" in rest
    assert "1 failed" in shown


@pytest.mark.parametrize("mode", [*MODES, "-s"])
@pytest.mark.parametrize("command", ["query", "core"])
def test_a_failure_is_told_once_in_every_mode(engine: Engine, mode: str, command: str) -> None:
    """Command, status, the end of the output, and the place in the API."""
    word = unique()
    script = f"echo out of {word}; seq 30 >&2; exit 42"
    arguments = ["query", steps(script)]
    if command == "core":
        exec_ = ["with-exec", f"--args={json.dumps(['sh', '-c', script])}", "stdout"]
        arguments = ["core", "container", "from", "--address=busybox", *exec_]
    flags = [mode] if mode == "-s" else [f"--progress={mode}"]
    done = engine.kukri(
        *arguments[:1], *flags, *arguments[1:], env={**engine.env, "TERM": "xterm"}, check=False
    )
    assert done.returncode == 42
    place = "a0.from.withExec.stdout" if command == "query" else "container from with-exec stdout"
    before, error = done.stderr.split("error: ")
    assert error.startswith(f"exit code: 42\nat: {place}\n"), done.stderr
    # The command is in the error, or just above it with all that it wrote.
    block = f"✗ sh -c '{script}'"
    if mode in ("tty", "dots", "report"):
        assert before.count(block) == 1 and f"  │ out of {word}\n" in before and "  │ 30\n" in before
        assert "command:" not in error and word not in error
    else:
        assert block not in before
        assert f"command: sh -c '{script}'\n" in error
        assert f"stdout:\n  out of {word}\n" in error
        assert "stderr, the last 20 of 30 lines:\n  11\n" in error and error.endswith("  30\n")


def test_where_a_document_is_wrong(engine: Engine) -> None:
    done = engine.kukri("query", "{\n  version\n  nope\n}", check=False)
    assert "\nat: line 3, column 3\n" in done.stderr
    done = engine.kukri("query", '{ b: directory { file(path: "no") { contents } } }', check=False)
    assert "no: no such file or directory\nat: b.file" in done.stderr


def test_logs(engine: Engine) -> None:
    word = unique()
    shown = progress(engine, steps(f": {word}; echo one; echo two >&2"), "logs")
    assert sorted(shown.splitlines()) == [
        f"#2 sh -c ': {word}; echo one; echo two >… | {n}" for n in ("one", "two")
    ]


def test_report(engine: Engine) -> None:
    known = f"echo known {unique()}"
    progress(engine, steps(known), "none")
    shown = progress(engine, steps(known, f"sleep 0.2; echo seen {unique()}; exit 3"), "report")
    assert re.search(r"^✓ sh -c 'echo known \w+'  cached$", shown, re.MULTILINE)
    assert re.search(
        r"^✗ sh -c 'sleep .*'  0\.\ds  first run\n  │ seen \w+\n  └ exit code 3$", shown, re.MULTILINE
    )
    assert re.search(r"^\d steps, \d cached \(\d+%\), 1 failed", shown, re.MULTILINE)


def test_plain_can_be_searched(engine: Engine) -> None:
    shown = progress(
        engine, steps(f"echo {unique()}; sleep 0.1; echo end", f"echo other {unique()}"), "plain"
    )
    number = next(line.split()[0] for line in shown.splitlines() if "sleep 0.1" in line)
    mine = [line for line in shown.splitlines() if line.startswith(f"{number} ")]
    assert mine[1] == f"{number} not cached: first run"
    assert re.fullmatch(rf"{number} 0\.\d\d\d end", mine[3])
    assert re.fullmatch(rf"{number} DONE \d\.\ds", mine[4])


def test_json_is_events_only(engine: Engine) -> None:
    for variables in ({}, {"GITHUB_ACTIONS": "true"}):
        script = f"echo '##[error]{unique()}'"
        lines = progress(engine, steps(script), "json", **variables).splitlines()
        events = [json.loads(line) for line in lines]
        assert {"span_started", "span_log", "span_finished"} <= {event["event"] for event in events}
        assert any(event.get("text", "").startswith("##[error]") for event in events)
        assert not variables or not any("##[" in line for line in lines)


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "none"])
def test_secrets_are_not_shown(engine: Engine, mode: str) -> None:
    """Whole, in pieces, coloured, in the arguments, on either stream, of a step that fails."""
    value = f"hidden-{unique()}"
    with engine.session() as session:
        secret = session.query('{ secret(uri: "env://HIDDEN") { id } }')["secret"]["id"]
    coloured = """printf '%s\\033[1m%s\\000%s\\n' hid den "${TOKEN#hidden}" >&2"""
    script = (
        'echo "A=$TOKEN"; printf "${TOKEN%?????}"; sleep 0.1; echo "${TOKEN#??????????}"; echo $TOKEN >&2; '
        f"{coloured}; exit 7"
    )
    document = (
        '{ container { from(address: "busybox") { '
        f'withSecretVariable(name: "TOKEN", secret: {json.dumps(secret)}) {{ '
        f'withExec(args: ["sh", "-c", {json.dumps(script)}, "{value}"]) {{ stdout }} }} }} }} }}'
    )
    for variables in ({}, {"GITHUB_ACTIONS": "true"}, {"GITLAB_CI": "true"}):
        env = {**engine.env, "KUKRI_PROGRESS": mode, "TERM": "xterm", "HIDDEN": value, **variables}
        done = engine.kukri("query", document, env=env, check=False)
        assert "exit code: 7" in done.stderr and value not in done.stdout + done.stderr
        assert "A=***" in done.stderr, "and it was there to be shown"


def test_groups_and_annotations(engine: Engine) -> None:
    word = unique()
    document = steps(f"echo {word}; echo '::error::x'; echo 'y ##[add-mask]z' >&2; exit 4")
    done = engine.kukri("query", document, env={**engine.env, "GITHUB_ACTIONS": "true"}, check=False)
    lines = done.stderr.splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith(f"::group::#2 sh -c 'echo {word};"))
    end = lines.index("::endgroup::")
    assert any(line.endswith(f" {word}") for line in lines[start:end])
    assert lines[end + 1] == "#2 ERROR exit code 4"
    assert re.match(rf"::error title=sh -c 'echo {word};.*::exit code 4%0A.*{word}", lines[end + 2])
    # What the runner takes for commands is ours, also in what is said of the failure.
    token = None
    for line in lines:
        if token:
            token = None if line == f"::{token}::" else token
        elif line.startswith("::stop-commands::"):
            token = line.removeprefix("::stop-commands::")
            assert len(token) == 32
        elif line.startswith("::"):
            assert re.match(r"::(group::#2|endgroup::|error title=sh)", line), line
        else:
            assert "##[" not in line, line
    assert token is None

    names = set()
    for _ in range(2):
        names.add(in_gitlab(engine, document, word))
    assert len(names) == 2, "a job may have several runs"


def in_gitlab(engine: Engine, document: str, word: str) -> str:
    """The name of the section that a run has."""
    done = engine.kukri("query", document, env={**engine.env, "GITLAB_CI": "true"}, check=False)
    section = re.search(
        r"\x1b\[0Ksection_start:(\d{10}):(\w+)\[collapsed=true\][\r\n]\x1b\[0K#2 sh(.*?)\x1b\[0Ksection_end:(\d{10}):\2[\r\n]\x1b\[0K",
        done.stderr,
        re.DOTALL,
    )
    assert section and word in section[3]
    assert "\x1b[31;1mERROR: sh -c" in done.stderr[section.end() :]
    return section[2]


def test_terminals_that_cannot_move_their_cursor_get_lines(engine: Engine) -> None:
    for mode, terminal in (("tty", "dumb"), ("tty", ""), ("auto", "xterm")):
        shown = progress(engine, steps(f"echo {unique()}"), mode, TERM=terminal)
        assert "\x1b" not in shown and re.search(r"^#2 DONE", shown, re.MULTILINE), (mode, terminal)


def test_unknown_values_are_refused(engine: Engine) -> None:
    done = engine.kukri("query", "{ version }", "--progress=bar", check=False)
    assert done.returncode == 2 and all(mode in done.stderr for mode in MODES)


def test_bytes_of_a_pull_add_up(fresh: Engine) -> None:
    """All of it is downloaded and unpacked in the end, and nothing goes backwards."""
    lines = progress(fresh, steps("true"), "json").splitlines()
    told = [event for line in lines if (event := json.loads(line))["event"] == "span_progress"]
    last = told[-1]
    assert last["total"] > 100_000 and last["current"] == last["extracted"] == last["total"]
    for before, after in itertools.pairwise(told):
        assert before["current"] <= after["current"] and before["extracted"] <= after["extracted"]
        assert before["time_ns"] < after["time_ns"]


def test_events_are_those_of_the_guide(engine: Engine, tmp_path: Path) -> None:
    """Names and fields."""
    table = (ROOT / "docs/guides/progress.md").read_text().partition("## Events")[2].partition("## In CI")[0]
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*) \|", table, re.MULTILINE)
    documented = {
        name: {*re.findall(r"`(\w+)`", fields), "event"} for name, fields in rows if name != "event"
    }
    good = steps(f"echo {unique()}")
    (tmp_path / "f").write_text("x")
    good = good.replace("{", '{ host { directory(path: ".", noCache: true) { entries } }', 1)
    env = {**engine.env, "KUKRI_PROGRESS": "json"}
    seen: set[str] = set()
    for document in (good, good, steps(f"exit 3; {unique()}")):
        done = engine.kukri("query", document, env=env, check=False, cwd=tmp_path)
        for line in done.stderr.splitlines():
            if line.startswith("{"):
                event = json.loads(line)
                seen.add(event["event"])
                assert set(event) <= documented[event["event"]], event
    # The two that are left are told by SDKs, and of what belongs to no step.
    assert seen >= documented.keys() - {"message", "span_source"}, seen


def told(engine: Engine, document: str, workdir: Path) -> dict[str, list[dict[str, Any]]]:
    """How far steps told that they had got, by label."""
    env = {**engine.env, "KUKRI_PROGRESS": "json"}
    done = engine.kukri("query", document, env=env, cwd=workdir)
    events = [json.loads(line) for line in done.stderr.splitlines()]
    labels = {event["id"]: event["label"] for event in events if event["event"] == "span_started"}
    found: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        if event["event"] == "span_progress":
            found.setdefault(labels[event["id"]], []).append(event)
    return found


def test_every_transfer_tells_how_far_it_is(fresh: Engine, registry: Registry, tmp_path: Path) -> None:
    """In one form: bytes done, in all, those that need not be moved, files; and with the right numbers."""
    source = tmp_path / "src"
    source.mkdir()
    for number in range(50):
        (source / f"f{number}").write_bytes(os.urandom(1_000))
    (source / "large").write_bytes(os.urandom(3_000_000))
    size, files = 3_050_000, 51
    name = f"127.0.0.1:{registry.port}/moved/{unique()}:1"
    with fresh.session(workdir=tmp_path) as session:
        directory = session.query('{ host { directory(path: "src") { id } } }')["host"]["directory"]["id"]

    def image(step: str) -> str:
        return (
            f'{{ container {{ withDirectory(path: "/d", source: {json.dumps(directory)}) {{ {step} }} }} }}'
        )

    # What was taken over is not taken over again, and is as many files.
    again = told(fresh, '{ host { directory(path: "src", noCache: true) { entries } } }', tmp_path)
    (last,) = again["sync src"]
    assert (last["current"], last["total"], last["files"]) == (0, 0, files)
    (source / "large").write_bytes(os.urandom(3_000_000))
    (source / "f0").write_bytes(os.urandom(1_000))
    last = told(fresh, '{ host { directory(path: "src", noCache: true) { entries } } }', tmp_path)[
        "sync src"
    ][-1]
    assert (last["current"], last["total"], last["files"]) == (3_001_000, 3_001_000, files)

    out = tmp_path / "out"
    document = f'{{ host {{ directory(path: "src") {{ export(path: "{out}") }} }} }}'
    last = told(fresh, document, tmp_path)[f"export directory to {out}"][-1]
    assert (last["current"], last["total"], last["files"]) == (size, size, files)
    # Only what differs is written.
    (out / "f1").write_text("spoiled")
    last = told(fresh, document, tmp_path)[f"export directory to {out}"][-1]
    assert (last["current"], last["total"], last["files"]) == (1_000, 1_000, 1)

    document = f'{{ host {{ file(path: "src/large") {{ export(path: "{tmp_path}/one") }} }} }}'
    last = told(fresh, document, tmp_path)[f"export file to {tmp_path}/one"][-1]
    assert (last["current"], last["total"], last.get("files")) == (3_000_000, 3_000_000, None)

    # An archive: layers are packed, which has no end that is known, then written; then the archive goes to the host.
    archive = told(fresh, image(f'export(path: "{tmp_path}/image.tar")'), tmp_path)
    made = archive["write image"]
    packed = [event for event in made if event.get("phase") == "pack"]
    assert all("total" not in event for event in packed)
    assert made[-1]["phase"] == "archive" and made[-1]["current"] == made[-1]["total"] > 3_000_000
    # Neither is moved: it stays on the engine's disk.
    made = progress(fresh, image("asTarball(mediaTypes: OCI) { size }"), "plain")
    assert re.search(r"^\d steps?.* in ", made, re.MULTILINE) and "moved" not in made, made
    last = archive[f"export file to {tmp_path}/image.tar"][-1]
    assert last["current"] == last["total"] == (tmp_path / "image.tar").stat().st_size

    # To a registry, and once more: then nothing has to go.
    publish = image(f'publish(address: "{name}")')
    first, second = (told(fresh, publish, tmp_path)[f"publish {name}"][-1] for _ in range(2))
    assert first["current"] == first["total"] > 3_000_000 and "present" not in first
    assert second["current"] == second["total"] == second["present"] == first["total"]

    # Layers of an archive are there, and are unpacked.
    with fresh.session(workdir=tmp_path) as session:
        file = session.query('{ host { file(path: "image.tar") { id } } }')["host"]["file"]["id"]
    document = f"{{ container {{ import(source: {json.dumps(file)}) {{ rootfs {{ entries }} }} }} }}"
    last = told(fresh, document, tmp_path)["import image"][-1]
    assert last["current"] == last["total"] == last["present"] == last["extracted"] > 3_000_000


def sleeping(word: str) -> str:
    """A chain of two steps, a step beside it, and one that needs both: as a document."""

    def step(name: str, seconds: float) -> str:
        return f'withExec(args: ["sh", "-c", ": {word} {name}; sleep {seconds}; echo > /{name}"])'

    base = 'container { from(address: "busybox")'
    return (
        f"{{ left: {base} {{ {step('first', 0.3)} {{ {step('second', 0.9)} {{ sync }} }} }} }} "
        f"right: {base} {{ {step('beside', 0.7)} {{ sync }} }} }} }}"
    )


def summary(text: str) -> tuple[str, dict[str, list[tuple[float, str]]]]:
    """The first line of a summary, and what is below each of its headings, in seconds."""
    start = re.search(r"^\d+ steps?", text, re.MULTILINE)
    assert start, text
    lines = text[start.start() :].splitlines()
    parts: dict[str, list[tuple[float, str]]] = {}
    name = ""
    for line in lines[1:]:
        if line and not line.startswith(" "):
            name = line
            parts[name] = []
        elif took := re.match(r" +([\d.]+)s  (.*)$", line):
            parts[name].append((float(took[1]), took[2]))
    return lines[0], parts


def test_a_step_that_two_wait_for_begins_once_and_when_it_has_its_turn(fresh: Engine) -> None:
    word = unique()

    def branch(last: str) -> str:
        """A chain whose first two steps are those of the other branch, too."""
        first, second, third = (
            f'withExec(args: ["sh", "-c", ": {word} {name}; sleep {seconds}; echo > /{name}"])'
            for name, seconds in (("first", 1), ("second", 0.2), (last, 0.1))
        )
        return (
            f'container {{ from(address: "busybox") {{ {first} {{ {second} {{ {third} {{ sync }} }} }} }} }}'
        )

    document = f"{{ left: {branch('left')} right: {branch('right')} }}"
    events = [json.loads(line) for line in progress(fresh, document, "json").splitlines()]
    started = [event for event in events if event["event"] == "span_started"]
    steps = {
        name: event
        for event in started
        for name in ("pull", "first", "second", "left", "right")
        if re.search(rf"^pull |{word} ", event["label"]) and re.search(rf"^{name} |{name};", event["label"])
    }
    assert len(steps) == 5
    assert len({event["id"] for event in started}) == len(started), "none begins twice"
    ended = {event["id"]: event["time_ns"] for event in events if event["event"] == "span_finished"}
    took = {name: (ended[event["id"]] - event["time_ns"]) / 1e9 for name, event in steps.items()}
    assert took["first"] >= 1 and 0.2 <= took["second"] < 0.9, took
    needed = [("first", "pull"), ("second", "first"), ("left", "second"), ("right", "second")]
    for name, before in needed:
        assert steps[before]["id"] in steps[name]["inputs"], (name, steps[name])
        assert steps[name]["time_ns"] >= ended[steps[before]["id"]] - 1e7, name

    first, parts = summary(progress(fresh, document.replace(word, unique()), "plain"))
    (path,) = [name for name in parts if name.startswith("critical path:")]
    whole = re.search(r" in (\d+\.\d)s", first)
    assert whole, first
    assert 1.2 <= float(path.removeprefix("critical path: ").rstrip("s")) <= float(whole[1]) + 0.1


@pytest.mark.parametrize("first_leaves", [False, True])
def test_what_two_sessions_wait_for_is_told_to_both(engine: Engine, first_leaves: bool) -> None:
    """Each sees it begin, its output and its end, also where the session that asked first has left."""
    word = unique()
    document = steps(f"echo {word} begins; sleep 2; echo {word} goes on")
    command = [binary(), "query", document]
    env = {**engine.env, "KUKRI_PROGRESS": "json"}

    def until(client: subprocess.Popen[str], found: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        assert client.stderr is not None
        for line in client.stderr:
            event: dict[str, Any] = json.loads(line)
            seen[client].append(event)
            if found(event):
                return event
        raise AssertionError(seen[client])

    def begins(event: dict[str, Any]) -> bool:
        return event["event"] == "span_started" and word in event["label"]

    with ExitStack() as stack:
        clients = []
        seen: dict[subprocess.Popen[str], list[dict[str, Any]]] = {}
        for _ in range(2):
            client = stack.enter_context(
                subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            )
            clients.append(client)
            seen[client] = []
            until(client, begins)
        first = clients[0]
        if first_leaves:
            first.send_signal(signal.SIGTERM)
            assert first.wait(20) != 0
        for client in clients[first_leaves:]:
            out, err = client.communicate(timeout=20)
            assert client.returncode == 0, err
            assert f"{word} goes on" in out
            events = [*seen[client], *map(json.loads, err.splitlines())]
            (step,) = [event["id"] for event in events if begins(event)]
            told = [event for event in events if event.get("id") == step]
            assert "goes on" in "".join(
                event.get("text", "") for event in told if event["event"] == "span_log"
            )
            (ended,) = [event for event in told if event["event"] == "span_finished"]
            assert told[-1] is ended, told


@pytest.mark.alone
def test_the_summary_is_right(fresh: Engine) -> None:
    """Steps, share, time saved, bytes, the critical path, the slowest: of a run, and of one that finds results."""
    word = unique()
    document = sleeping(word)
    first, parts = summary(progress(fresh, document, "plain"))
    counted = re.fullmatch(r"4 steps, ([\d.]+) MB moved in (\d\.\d)s", first)
    assert counted and float(counted[1]) > 0.5, first
    assert 1.2 <= float(counted[2]) < 10
    (longest, second, third) = parts["slowest:"]
    assert "second" in longest[1] and 0.9 <= longest[0] < 1.5
    assert "beside" in second[1] and 0.7 <= second[0] < 1.3
    assert third[0] < 0.7
    # Not the slowest steps, but those of which each needed the one before it.
    (path,) = [name for name in parts if name.startswith("critical path:")]
    names = [re.sub(r".* (first|second|beside);.*", r"\1", label) for _, label in parts[path]]
    assert names[-2:] == ["first", "second"] and "beside" not in names, parts
    took = float(path.removeprefix("critical path: ").rstrip("s"))
    assert abs(took - sum(seconds for seconds, _ in parts[path])) < 0.2
    assert took <= float(counted[2]) + 0.1

    # The last steps are found; those before them are not even looked at, and their time is saved too, each once.
    again, parts = summary(progress(fresh, document, "plain"))
    found = re.fullmatch(r"2 steps, 2 cached \(100%\) in \d\.\ds, (\d\.\d)s saved", again)
    assert found, again
    saved = float(found[1])
    assert 1.9 <= saved < 5, saved
    assert parts == {}
    # One is new, the other is found: half of the steps. What both need was pulled, and that was not needed again.
    changed = document.replace("beside;", "beside; :;")
    third_run, _ = summary(progress(fresh, changed, "plain"))
    found = re.match(r"3 steps, 2 cached \(66%\).*, (\d\.\d)s saved$", third_run)
    assert found, third_run
    assert 1.2 <= float(found[1]) < saved
