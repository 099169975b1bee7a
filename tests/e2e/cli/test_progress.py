"""What each `--progress` shows, in CI as well; no way of it shows a secret."""

from __future__ import annotations

import itertools
import json
import re
import uuid

import pytest
from engine import Engine

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
    """Whole, in pieces, in the arguments, on either stream, of a step that fails."""
    value = f"hidden-{unique()}"
    with engine.session() as session:
        secret = session.query('{ secret(uri: "env://HIDDEN") { id } }')["secret"]["id"]
    script = 'echo "A=$TOKEN"; printf "${TOKEN%?????}"; sleep 0.1; echo "${TOKEN#??????????}"; echo $TOKEN >&2; exit 7'
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

    done = engine.kukri("query", document, env={**engine.env, "GITLAB_CI": "true"}, check=False)
    section = re.search(
        r"\x1b\[0Ksection_start:(\d{10}):(\w+)\[collapsed=true\][\r\n]\x1b\[0K#2 sh(.*?)\x1b\[0Ksection_end:(\d{10}):\2[\r\n]\x1b\[0K",
        done.stderr,
        re.DOTALL,
    )
    assert section and word in section[3]
    assert "\x1b[31;1mERROR: sh -c" in done.stderr[section.end() :]


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
