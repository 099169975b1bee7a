"""Commands that answer, and what they share: JSON, colours, the session they run in, the other name."""

from __future__ import annotations

import json
import os
import pty
import re
import socket
import subprocess
from pathlib import Path

import pytest
from engine import Engine, binary


@pytest.mark.parametrize(
    "command",
    [
        ["version", "--json"],
        ["doctor", "--json"],
        ["engine", "status", "--json"],
        ["cache", "du", "--json"],
        ["cache", "gc", "--json"],
        ["cache", "verify", "--json"],
        ["cache", "prune", "--dry-run", "--json"],
        ["query", "{ version }"],
    ],
)
def test_json(engine: Engine, command: list[str]) -> None:
    with engine.session():
        assert isinstance(json.loads(engine.kukri(*command).stdout), dict)


def test_the_version_names_the_platform_like_the_api(engine: Engine) -> None:
    with engine.session() as session:
        platform = session.query("{ defaultPlatform }")["defaultPlatform"]
    assert engine.kukri("version").stdout.endswith(f" {platform}\n")
    told = json.loads(engine.kukri("version", "--json").stdout)
    assert f"{told['os']}/{told['arch']}" == platform


def test_why(engine: Engine) -> None:
    with engine.session() as session:
        session.run("echo", "why it ran")
        for flags in ([], ["--json"]):
            assert "why it ran" in engine.kukri("cache", "why", "why it ran", *flags).stdout


def test_queries_inside_a_session_use_it(engine: Engine, tmp_path: Path) -> None:
    """Then relative paths count from the directory of the session that is there."""
    (tmp_path / "seen").write_text("")
    document = '{ host { directory(path: ".") { entries } } }'
    inner = f"env -C / {binary()} query '{document}'"
    done = engine.kukri("run", "--workdir", str(tmp_path), "sh", "-c", inner)
    assert json.loads(done.stdout)["host"]["directory"]["entries"] == ["seen"]
    refused = engine.kukri("run", binary(), "query", "--workdir", "/", document, check=False)
    assert refused.returncode == 2 and "--workdir" in refused.stderr


def on_terminal(engine: Engine, *command: str, **variables: str) -> str:
    """What a command writes on a terminal."""
    main, other = pty.openpty()
    process = subprocess.Popen(
        [binary(), *command], env={**engine.env, "TERM": "xterm", **variables}, stdout=other, stderr=other
    )
    os.close(other)
    text = b""
    while True:
        try:
            part = os.read(main, 65536)
        except OSError:
            break
        if not part:
            break
        text += part
    process.wait()
    os.close(main)
    return text.decode()


@pytest.mark.parametrize(
    "command", [["--help"], ["nope"], ["query", "{ nope }"], ["query", "--progress=tty", "{version}"]]
)
def test_colours(engine: Engine, command: list[str]) -> None:
    colour = re.compile(r"\x1b\[[0-9;]*m")
    if "--progress=tty" not in command:
        assert colour.search(on_terminal(engine, *command))
    plain = on_terminal(engine, *command, NO_COLOR="1")
    # Bold and underlined are no colours.
    assert not re.search(r"\x1b\[[0-9;]*[34][0-7]m", plain), repr(plain)


@pytest.mark.parametrize("command", [["--help"], ["nope"], ["query", "{ nope }"], ["help", "run"]])
@pytest.mark.parametrize(
    ("variables", "coloured"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"CLICOLOR_FORCE": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colours_where_there_is_no_terminal(
    engine: Engine, command: list[str], variables: dict[str, str], coloured: bool
) -> None:
    done = engine.kukri(*command, env={**engine.env, **variables}, check=False)
    assert ("\x1b[" in done.stdout + done.stderr) is coloured


@pytest.mark.parametrize("variables", [{"FORCE_COLOR": "0"}, {"CLICOLOR": "0"}, {"TERM": "dumb"}])
@pytest.mark.parametrize("command", [["--help"], ["query", "{ nope }"]])
def test_no_colours_on_a_terminal(engine: Engine, command: list[str], variables: dict[str, str]) -> None:
    assert not re.search(r"\x1b\[[0-9;]*[34][0-7]m", on_terminal(engine, *command, **variables))


def test_base_directories_are_absolute(engine: Engine, tmp_path: Path) -> None:
    """Others are ignored, as the XDG specification wants it: they would be elsewhere for each command."""
    env = {
        **engine.env,
        "HOME": str(tmp_path / "home"),
        "XDG_STATE_HOME": "state",
        "XDG_CACHE_HOME": "./cache",
    }
    (tmp_path / "file").write_text("")
    document = '{ container { from(address: "busybox") { withExec(args: ["true"]) { exitCode } } } }'
    engine.kukri("query", document, env=env, cwd=tmp_path)
    sync = '{ host { directory(path: ".") { entries } } }'
    engine.kukri("query", sync, env=env, cwd=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "home"]
    assert list((tmp_path / "home/.local/state/kukri/runs").iterdir())


def test_older_name_of_a_variable(engine: Engine) -> None:
    env = {key: value for key, value in engine.env.items() if key != "KUKRI_PROGRESS"}
    document = '{ container { from(address: "busybox") { withExec(args: ["true"]) { stdout } } } }'
    for value, shown in (("report", True), ("none", False)):
        done = engine.kukri("query", document, env={**env, "DAGGER_PROGRESS": value})
        assert bool(done.stderr) is shown
    # The newer name wins.
    done = engine.kukri("query", document, env={**env, "DAGGER_PROGRESS": "plain", "KUKRI_PROGRESS": "none"})
    assert done.stderr == ""


def test_help_has_every_topic(engine: Engine) -> None:
    assert "KUKRI_ROOT=DIR  --root" in engine.kukri("help", "environment").stdout
    assert "127" in engine.kukri("help", "exit-codes").stdout
    assert "--deep" in engine.kukri("help", "cache", "verify").stdout
    assert engine.kukri("help", "DAGGER_PROGRESS").stdout.startswith("KUKRI_PROGRESS, else DAGGER_PROGRESS=")


def test_under_the_other_name(engine: Engine, tmp_path: Path) -> None:
    """What scripts that know the original write, with its global flags before the command."""
    (tmp_path / "dagger").symlink_to(Path(binary()).resolve())

    def dagger(*arguments: str) -> str:
        return subprocess.run(
            [tmp_path / "dagger", *arguments],
            env=engine.env,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout

    assert re.fullmatch(r"dagger v0\.21\.8 \(unix://.*\) linux/(amd64|arm64)\n", dagger("version"))
    assert dagger("--progress", "plain", "-s", "run", "echo", "hi") == "hi\n"
    assert json.loads(dagger("-s", "query", "{ version }"))["version"].startswith("v0.21")
    assert "Usage: dagger" in dagger("--help")


@pytest.mark.slow
def test_what_accepts_and_says_nothing_is_no_engine(engine: Engine, tmp_path: Path) -> None:
    """As an engine that is stopped, or a socket that is something else's."""
    path = str(tmp_path / "silent")
    env = {**engine.env, "KUKRI_SOCKET": path}
    commands = [["engine", "stop"], ["engine", "status"], ["cache", "du"], ["doctor"]]
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(path)
        silent.listen()
        running = [
            subprocess.Popen([binary(), *command], env=env, stdout=-1, stderr=-1, text=True)
            for command in commands
        ]
        for command, process in zip(commands, running, strict=True):
            out, err = process.communicate(timeout=60)
            text = (out if command == ["doctor"] else err).strip()
            assert f"the engine at {path} did not answer within 10 s" in text, command
            assert process.returncode == 1, command
