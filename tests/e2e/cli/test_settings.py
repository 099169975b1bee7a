"""Settings whose value means nothing: one rule for all that the reference lists."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine import ROOT, Engine, binary

#: What means nothing, by the start of the column "value".
NONSENSE = {
    "size": "much",
    "duration": "soon",
    "number": "few",
    "`1`, `true`": "maybe",
    "`true`": "maybe",
    "`auto`": "nope",
    "`bridge`": "nope",
    "`HOST=URL`": "nope",
    "`FILTER`": "a=b=c",
    "`VERSION:MIN-MAX`": "nope",
    "directory": "/proc/nope",
    "path": "/proc/nope",
}

#: Variables that can have any value, or whose value something else than reading it judges, and why.
FREE = {
    "KUKRI_ROOT": "the directory is made",
    "KUKRI_SOCKET": "the socket is made",
    "KUKRI_TRACE": "the file is written: that it cannot be is no mistake of the setting",
    "KUKRI_OCI_RUNTIME": "the engine finds out whether the machine has it",
    "DAGGER_TRACE_NAME": "a name",
    "VAULT_PATH_PREFIX": "a name",
    "GCP_PROJECT_ID": "a name",
    "GOOGLE_CLOUD_PROJECT": "a name",
    "GCLOUD_PROJECT": "a name",
    "DAGGER_SESSION_TOKEN": "any text",
    "_EXPERIMENTAL_DAGGER_CLI_BIN": "SDKs alone read it",
    "TRACEPARENT": "the standard wants it ignored",
    "TRACESTATE": "the standard wants it ignored",
    "BAGGAGE": "the standard wants it ignored",
}

#: Sections of the reference where the rule does not hold, and why.
OTHERS = {
    "Telemetry": "a warning, as the standard wants it",
    "The command line": "other programs read them as well",
    "Variables that many programs share": "as their name says",
}

#: What opens a session; each looks at all variables.
OPENING = [
    ["run", "echo", "begun"],
    ["query", "{ version }"],
    ["core", "version"],
    ["listen", "--listen=127.0.0.1:0"],
    ["session"],
]


def rows() -> Iterator[tuple[str, str, str]]:
    """Section, variable and value of all settings of the reference."""
    section, columns = "", []
    for line in (ROOT / "docs" / "reference" / "settings.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" |")]
        if line.startswith("## "):
            section = line[3:]
        elif "variable" in cells:
            columns = cells
        elif line.startswith("|---") or not line.startswith("|") or "value" not in columns:
            columns = columns if line.startswith("|") else []
        else:
            for name in re.findall(r"`(\w+)`", cells[columns.index("variable")]):
                yield section, name, cells[columns.index("value")]


CASES = [
    (section, name, nonsense)
    for section, name, value in rows()
    if section not in OTHERS and name not in FREE
    for nonsense in [next((text for start, text in NONSENSE.items() if value.startswith(start)), "")]
]


def test_all_of_them_are_looked_at() -> None:
    names = {name for _, name, _ in CASES}
    assert {"KUKRI_MAX_SIZE", "DAGGER_PROGRESS", "KUKRI_RUNS", "DAGGER_SESSION_PORT"} <= names
    assert len(names) > 18
    assert [name for _, name, nonsense in CASES if not nonsense] == []
    listed = {(section, name) for section, name, _ in rows()}
    assert {name for _, name in listed} >= FREE.keys() and {section for section, _ in listed} >= OTHERS.keys()


@pytest.mark.parametrize(("section", "name", "nonsense"), CASES, ids=[case[1] for case in CASES])
def test_a_value_that_means_nothing(
    fresh: Engine, tmp_path: Path, section: str, name: str, nonsense: str
) -> None:
    commands = list(OPENING)
    if section == "The engine":
        commands.append(["engine"])
    if name == "DAGGER_SESSION_PORT":
        # The others open a session of their own.
        commands = OPENING[:3]
    # It wins over the older name.
    env = {other: value for other, value in fresh.env.items() if other != "KUKRI_PROGRESS"}
    for command in commands:
        done = subprocess.run(
            [binary(), *command],
            env={**env, name: nonsense, "KUKRI_ROOT": str(tmp_path / "root")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 2, (command, done)
        assert done.stdout == "" and done.stderr.count("error:") == 1, (command, done)
        assert done.stderr.startswith(f"error: {name}={nonsense}: "), (command, done)
        why = done.stderr.split(": ", 2)[2]
        assert re.search(r"expected|hint: |no such file|No such file", why, re.IGNORECASE), done.stderr
        assert not (tmp_path / "root").exists(), "an engine was started"


def test_relative_paths_count_from_where_the_command_is_called(fresh: Engine, tmp_path: Path) -> None:
    """Also for the engine that it starts, which works elsewhere."""
    place = tmp_path / "p"
    (place / "sub").mkdir(parents=True, mode=0o700)
    (place / "engine.json").write_text('{"gc": {"minFreeSpace": 4096}}')
    (place / "ca.pem").write_text("")
    env = {
        **fresh.env,
        "KUKRI_ROOT": "root",
        "KUKRI_SOCKET": "s.sock",
        "KUKRI_CONFIG": "engine.json",
        "KUKRI_CA_BUNDLE": "sub/../ca.pem",
    }
    try:
        fresh.kukri("query", "{ version }", env=env, cwd=place)
        told = json.loads(fresh.kukri("engine", "status", "--json", env=env, cwd=place).stdout)
        assert told["socket"] == str(place / "s.sock"), told
        assert (place / "root" / "store").is_dir() and not Path("/root/store").exists()
        # The same engine, by other words.
        env.update(KUKRI_SOCKET="../s.sock", KUKRI_ROOT="../root", KUKRI_CONFIG="../engine.json")
        env.pop("KUKRI_CA_BUNDLE")
        again = json.loads(fresh.kukri("engine", "status", "--json", env=env, cwd=place / "sub").stdout)
        assert again["pid"] == told["pid"]
    finally:
        fresh.kukri("engine", "stop", env={**env, "KUKRI_SOCKET": str(place / "s.sock")}, cwd=place / "sub")


def test_a_runtime_by_a_relative_path(fresh: Engine, tmp_path: Path) -> None:
    """The engine looks for it where the command was called, and says that it is not there."""
    env = {**fresh.env, "KUKRI_OCI_RUNTIME": "./none"}
    query = '{ container { from(address: "busybox") { withExec(args: ["true"]) { stdout } } } }'
    done = fresh.kukri("query", query, env=env, cwd=tmp_path, check=False)
    assert done.returncode == 1 and str(tmp_path / "none") in done.stderr, done.stderr


def test_a_flag_that_is_given_twice(engine: Engine) -> None:
    """It is told as that, not as a variable that is set; by its short name as well."""
    told = [engine.kukri("run", flag, flag, "true", check=False) for flag in ("--silent", "-s")]
    assert [done.returncode for done in told] == [2, 2]
    assert told[0].stderr == told[1].stderr and "DAGGER_SILENT" not in told[0].stderr, told


@pytest.mark.parametrize(("value", "shown"), [("on", False), ("YES", False), ("", True), ("off", True)])
def test_switches(engine: Engine, value: str, shown: bool) -> None:
    query = '{ container { from(address: "busybox") { withExec(args: ["echo", "said"]) { stdout } } } }'
    done = engine.kukri("query", query, env={**engine.env, "DAGGER_SILENT": value, "KUKRI_PROGRESS": "plain"})
    assert bool(done.stderr) == shown, done.stderr
