"""Flags that scripts for the original carry: the same here, without effect, or refused with what to use instead."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from engine import ROOT, Engine, binary

QUIET = [
    ["-v"],
    ["-vvv"],
    ["-q"],
    ["-qq"],
    ["-s"],
    ["--silent"],
    ["-d"],
    ["--debug"],
    ["-M"],
    ["--no-mod"],
    ["-y"],
    ["--auto-apply"],
]
NOTED = [
    (["-i"], "--interactive"),
    (["--interactive"], "--interactive"),
    (["--interactive-command", "bash"], "--interactive-command"),
    (["-w"], "--trace FILE"),
    (["--web"], "--trace FILE"),
    (["-E"], "--no-exit"),
    (["--no-exit"], "--no-exit"),
    (["--allow-llm", "all"], "--allow-llm"),
    (["--eager-runtime"], "--eager-runtime"),
    (["--dot-focus-field=x", "--dot-show-internal"], "--dot-"),
]
REFUSED = [
    (["--cloud"], "without the flag steps run on this machine"),
    (["--scale-out"], "--parallelism"),
    (["-m", "."], "core"),
    (["--mod=github.com/x/y"], "core"),
    (["--dot-output", "graph.dot"], "--trace FILE"),
    (["--x-release", "v0.21.8"], "package"),
    (["--lock", "pinned"], "digests"),
]


@pytest.fixture(scope="module")
def dagger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command under its other name."""
    path = tmp_path_factory.mktemp("bin") / "dagger"
    path.symlink_to(Path(binary()).resolve())
    return path


def run(engine: Engine, *command: object) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in command]
    return subprocess.run(
        words,
        env={**engine.env, "KUKRI_PROGRESS": "none"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("flags", QUIET, ids=" ".join)
def test_without_effect(engine: Engine, dagger: Path, flags: list[str]) -> None:
    for words in ([*flags, "query"], ["query", *flags]):
        done = run(engine, dagger, *words, "{ version }")
        assert (done.returncode, done.stderr) == (0, ""), words
        assert "version" in json.loads(done.stdout)


def test_version_looks_for_no_newer_one(engine: Engine, dagger: Path) -> None:
    done = run(engine, dagger, "version", "--check")
    assert done.returncode == 0 and done.stdout == run(engine, dagger, "version").stdout
    assert done.stderr.startswith("note: --check "), done.stderr


@pytest.mark.parametrize(("flags", "said"), NOTED, ids=[" ".join(flags) for flags, _ in NOTED])
def test_with_a_note(engine: Engine, dagger: Path, flags: list[str], said: str) -> None:
    for words in ([*flags, "query"], ["query", *flags]):
        done = run(engine, dagger, *words, "{ version }")
        assert done.returncode == 0 and "version" in json.loads(done.stdout), done.stderr
        lines = done.stderr.splitlines()
        assert len(lines) == 1 and lines[0].startswith("note: ") and said in lines[0], done.stderr
    # Standard output of a program is its own, and so are its flags.
    done = run(engine, binary(), *flags, "run", "sh", "-c", 'echo "x $*"', "sh", *flags)
    assert done.stdout == f"x {' '.join(flags)}\n" and done.stderr.count("note: ") == 1


@pytest.mark.parametrize(("flags", "said"), REFUSED, ids=[" ".join(flags) for flags, _ in REFUSED])
def test_refused(engine: Engine, dagger: Path, flags: list[str], said: str) -> None:
    for name, status in ((str(dagger), 1), (binary(), 2)):
        for words in ([*flags, "run", "true"], ["run", *flags, "true"], ["core", *flags, "version"]):
            done = run(engine, name, *words)
            assert done.returncode == status and done.stdout == "", words
            assert " is a flag of another implementation" in done.stderr
            assert "hint: " in done.stderr and said in done.stderr


def test_the_directory_is_that_of_the_process(engine: Engine, dagger: Path, tmp_path: Path) -> None:
    """As the original does it: as if the command had been called there."""
    (tmp_path / "sub").mkdir()

    def at(name: object, *words: str, **variables: str) -> str:
        done = subprocess.run(
            [str(name), *words],
            env={**engine.env, "KUKRI_PROGRESS": "none", **variables},
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout.strip()

    sub = str(tmp_path / "sub")
    for words in (["run", "--workdir", sub], ["--workdir", "sub", "run"], ["run", "--workdir=sub/../sub"]):
        assert at(dagger, *words, "pwd") == sub
        assert at(binary(), *words, "pwd") == str(tmp_path)
    assert at(dagger, "run", "pwd", DAGGER_WORKDIR="sub") == sub
    assert at(dagger, "run", "--workdir", ".", "pwd", DAGGER_WORKDIR="sub") == str(tmp_path)
    at(dagger, "core", "--workdir", "sub", "version", "-o", "out.txt")
    (tmp_path / "sub" / "doc").write_text('{ host { directory(path: ".") { entries } } }')
    found = json.loads(at(dagger, "query", "--workdir", "sub", "--doc", "doc"))
    assert found["host"]["directory"]["entries"] == ["doc", "out.txt"]
    # Inside of its session the variable is no second step down.
    inner = f'"{dagger}" run pwd; "{dagger}" run --workdir .. pwd'
    assert at(dagger, "run", "sh", "-c", inner, DAGGER_WORKDIR="sub").split() == [sub, str(tmp_path)]
    done = run(engine, dagger, "run", "--workdir", "/proc/nope", "pwd")
    assert done.returncode == 1 and done.stdout == "" and "--workdir /proc/nope: " in done.stderr


def test_before_commands_without_a_session(engine: Engine, dagger: Path) -> None:
    done = run(engine, dagger, "-s", "--progress", "plain", "-i", "version")
    assert done.returncode == 0 and done.stdout.startswith("dagger v") and done.stderr == ""


def test_all_of_them_are_in_the_guide() -> None:
    guide = (ROOT / "docs" / "guides" / "command-line.md").read_text()
    flags = [*QUIET, *(flags for flags, _ in NOTED), *(flags for flags, _ in REFUSED)]
    for flag in (word.partition("=")[0] for words in flags for word in words if word.startswith("-")):
        name = flag if flag.startswith("--") else flag[:2]
        assert f"`{name}`" in guide, name
