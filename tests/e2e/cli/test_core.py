"""`kukri core`: chains of functions on the command line."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from engine import Engine, binary

ALPINE = ["container", "from", "--address=alpine"]


@pytest.fixture
def core(engine: Engine, tmp_path: Path) -> object:
    """Runs a chain in an empty directory; gives what it printed."""

    def run(*words: str, code: int = 0, **variables: str) -> str:
        done = subprocess.run(
            [binary(), "core", *words],
            env={**engine.env, **variables},
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stdout + done.stderr

    return run


def test_modes_of_files_are_octal(core, tmp_path: Path) -> None:
    for number, text in enumerate(("0755", "0o755", "0x1ed", "493")):
        file = ["--path=run.sh", "--contents=x", f"--permissions={text}"]
        core("directory", "with-new-file", *file, "-o", f"out{number}")
        assert (tmp_path / f"out{number}" / "run.sh").stat().st_mode & 0o7777 == 0o755, text


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([*ALPINE, "with-exec", "--args=echo,hi", "stdout"], "hi\n"),
        ([*ALPINE, "with-exec", "--args", "sh", "--args", "-c", "--args", '"printf a,b"', "stdout"], "a,b"),
        ([*ALPINE, "with-exec", '--args=["sh", "-c", "printf \\"a, b\\""]', "stdout"], "a, b"),
        ([*ALPINE, "with-exec", "--args=sh,-c,exit 3", "--expect=any", "exit-code"], "3\n"),
        ([*ALPINE, "with-exec", "--args=sh,-c", "--args=echo one\necho two\n", "stdout"], "one\ntwo\n"),
        (
            [
                "directory",
                "with-new-file",
                "--path=a",
                "--contents=x",
                "with-new-file",
                "--path=b",
                "--contents=",
                "entries",
            ],
            "a\nb\n",
        ),
        (
            [
                "directory",
                "with-new-file",
                "--path",
                "a",
                "--contents",
                "-n\né",
                "file",
                "--path=a",
                "contents",
            ],
            "-n\né",
        ),
        ([*ALPINE, "with-env-variable", "--name=A", "--value=1", "env-variable", "--name=A"], "1"),
        (["container", "with-env-variable", "--name=A", "--value=1", "env-variables", "name"], "A\n"),
        (["directory", "exists", "--path=a"], "false\n"),
        (["directory", "with-new-file", "--path=a", "--contents=x", "sync", "sync", "entries"], "a\n"),
    ],
)
def test_values(core, words: list[str], expected: str) -> None:
    assert core(*words) == expected
    assert core("--progress=plain", *words) == expected


def test_json(core) -> None:
    entries = ["directory", "with-new-file", "--path=a", "--contents=x", "entries"]
    assert json.loads(core("--json", *entries)) == ["a"]
    assert json.loads(core(*entries, "-j")) == ["a"]
    found = json.loads(core("directory", "-j"))
    assert found["type"] == "Directory" and found["id"].startswith("Directory.")


def test_objects(core) -> None:
    """One line that says which; lists have a mark; there is an ID to go on with."""
    assert re.fullmatch(r"Directory@[0-9a-f]{64}\n", core("directory"))
    lines = core("container", "with-env-variable", "--name=A", "--value=1", "env-variables")
    assert re.fullmatch(r"- EnvVariable@[0-9a-f]{64}\n", lines)
    made = core("directory", "with-new-file", "--path=a", "--contents=x", "id")
    assert (
        core("directory", "with-directory", "--path=/in", f"--source={made}", "glob", "--pattern=**")
        == "in/\nin/a\n"
    )
    assert "not of a File" in core("directory", "with-file", "--path=/in", f"--source={made}", code=2)


def test_an_object_at_the_end_is_evaluated(core) -> None:
    assert "told" in core(*ALPINE, "with-exec", "--args=sh,-c,echo told >&2; exit 9", code=9)


def test_objects_by_address(core, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "one").write_text("1")
    (tmp_path / "token").write_text("hidden words")
    assert core("directory", "with-directory", "--path=/", "--source=./src", "entries") == "one\n"
    assert core("directory", "with-files", "--path=/", "--sources=src/one,token", "entries") == "one\ntoken\n"
    cached = [*ALPINE, "with-mounted-cache", "--path=/c", "--cache=kept"]
    core(*cached, "with-exec", "--args=touch,/c/here", "sync")
    assert core(*cached, "with-exec", "--args=ls,/c", "stdout") == "here\n"
    show = ["with-exec", "--args=sh,-c,echo $T | rev", "stdout"]
    for secret in ("env://TOKEN", "file://token"):
        chain = [*ALPINE, "with-secret-variable", "--name=T", f"--secret={secret}", *show]
        assert core(*chain, TOKEN="hidden words") == "sdrow neddih\n"
    assert core("container", "with-rootfs", "--directory=src", "rootfs", "entries") == "one\n"
    error = core("directory", "with-directory", "--path=/", "--source=./nope", "entries", code=1)
    assert '--source "./nope"' in error


def test_output(core, engine: Engine, tmp_path: Path) -> None:
    made = ["directory", "with-new-file", "--path=a", "--contents=x"]
    core(*made, "-o", "out")
    assert (tmp_path / "out" / "a").read_text() == "x"
    core(*made, "file", "--path=a", "--output=b")
    assert (tmp_path / "b").read_text() == "x"
    core(*made, "file", "--path=a", "-o", "out/")
    core(*made, "entries", "-o", "list")
    assert (tmp_path / "list").read_text() == "a\n"
    core("-o", "data.json", "--json", *made, "entries")
    assert json.loads((tmp_path / "data.json").read_text()) == ["a"]
    core("container", "with-new-file", "--path=/x", "--contents=y", "-o", "image.tar")
    assert (tmp_path / "image.tar").stat().st_size > 100
    done = engine.kukri("core", *made, "-o", str(tmp_path / "said"))
    assert done.stdout == "" and f"saved to {tmp_path / 'said'}" in done.stderr
    (tmp_path / "file").write_text("")
    for words in (
        [*made, "-o", "file/below"],
        [*made, "entries", "-o", "file/below"],
        [*made, "file", "--path=a", "-o", "/proc/x"],
    ):
        core(*words, code=1)


def test_paths_that_are_not_text(engine: Engine, tmp_path: Path) -> None:
    """What can be named is read and written where it is; nothing comes into being beside it."""
    place = os.fsencode(tmp_path) + b"/bad\xffdir"
    os.mkdir(place)
    made = ["directory", "with-new-file", "--path=a", "--contents=x"]

    def run(*words: str | bytes, cwd: bytes = place, code: int = 0) -> str:
        done = subprocess.run(
            [binary(), "core", *words], env=engine.env, cwd=cwd, capture_output=True, timeout=120, check=False
        )
        assert done.returncode == code, done
        return done.stdout.decode() if code == 0 else done.stderr.decode()

    run(*made, "-o", "out")
    run(*made, "file", "--path=a", "-o", "out/sub/")
    run(*made, "entries", "-o", b"list\xff")
    run(
        "-y",
        "host",
        "directory",
        "--path=.",
        "with-new-file",
        "--path=c",
        "--contents=y",
        "changes",
        "--from=.",
    )
    assert sorted(os.listdir(place)) == [b"c", b"list\xff", b"out"]
    assert sorted(os.listdir(place + b"/out")) == [b"a", b"sub"]
    assert run("host", "directory", "--path=out", "glob", "--pattern=**") == "a\nsub/\nsub/a\n"
    assert run("host", "find-up", "--name=c") == "c"
    assert run("--workdir", place, "host", "file", "--path=c", "contents", cwd=b"/") == "y"
    for words in (["-o", b"no\xff"], ["-o", place + b"/no", "--workdir", "/"]):
        told = run(*words, *made, code=2)
        assert "--output" in told and "not UTF-8" in told and "hint:" in told
    assert sorted(os.listdir(place)) == [b"c", b"list\xff", b"out"]
    assert os.listdir(os.fsencode(tmp_path)) == [b"bad\xffdir"]


def test_changes(core, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("1")
    (tmp_path / "gone").write_text("2")
    here = ["host", "directory", "--path=."]
    changes = [
        *here,
        "with-new-file",
        "--path=new",
        "--contents=3",
        "without-file",
        "--path=gone",
        "changes",
        "--from=.",
    ]
    assert core(*changes) == "+ new\n- gone\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gone", "kept"]
    core(*changes, "-y")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "new"]
    assert core(*changes, "-y") == ""


def test_changes_elsewhere(engine: Engine, tmp_path: Path) -> None:
    """With `-o`, `-y` changes nothing in the working directory, and that is said."""
    changes = [
        "host",
        "directory",
        "--path=.",
        "with-new-file",
        "--path=new",
        "--contents=3",
        "changes",
        "--from=.",
    ]
    for flags, said in (((), False), (("-y",), True)):
        done = engine.kukri("core", *flags, *changes, "-o", "other", cwd=tmp_path)
        assert (tmp_path / "other" / "new").read_text() == "3" and not (tmp_path / "new").exists()
        assert ("-y" in done.stderr) == said, done.stderr


def test_changes_as_json(core, tmp_path: Path) -> None:
    """What is printed does not change what `-y` does."""
    here = ["host", "directory", "--path=."]
    for name in ("one", "two"):
        changes = [*here, "with-new-file", f"--path={name}", "--contents=3", "changes", "--from=."]
        assert json.loads(core("-j", *changes))["type"] == "Changeset"
        assert not (tmp_path / name).exists()
        words = ["-j", "-y", *changes] if name == "one" else [*changes, "--json", "--auto-apply"]
        assert json.loads(core(*words))["type"] == "Changeset"
        assert (tmp_path / name).read_text() == "3"
        # Nothing is left to change.
        assert json.loads(core(*words))["type"] == "Changeset"


def test_long_chains(core) -> None:
    words = [word for number in range(150) for word in ("with-new-file", f"--path=f{number}", "--contents=x")]
    assert len(core("directory", *words, "entries").split()) == 150


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["container", "form"], ["form", "from"]),
        (["container", "from", "--adress=x"], ["--adress", "--address"]),
        (["container", "from"], ["--address"]),
        (["container", "with-exec", "--args=a", "--expect=most"], ["most", "SUCCESS"]),
        (
            ["directory", "with-new-file", "--path=a", "--contents=b", "--permissions=x"],
            ["--permissions", "whole number"],
        ),
        (["directory", "entries", "more"], ["more"]),
        (["directory", "docker-build", "--build-args=x"], ["--build-args", "name, value"]),
        (["container", "with-exec", "--args=sh,-c,echo one\nexit 3"], ["--args: a line break", "JSON"]),
        (
            ["container", "with-exec", "--args=sh", "--args=-c", '--args="$HOME"/x'],
            ["--args:", "quotes", "JSON"],
        ),
        (["query"], ["query"]),
        ([], ["--help"]),
    ],
)
def test_mistakes(core, words: list[str], parts: list[str]) -> None:
    error = core(*words, code=2)
    assert all(part in error for part in parts), error


def test_help(core) -> None:
    assert "container" in core("--help")
    shown = core("container", "from", "--help")
    assert "--address <STRING>" in shown and "with-exec" in shown
    assert "kukri core container from" in shown
    shown = core("container", "with-directory", "--help")
    assert "--source <DIRECTORY>" in shown
    assert "not available" in core("git", "--help")


def test_the_other_name(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "dagger").symlink_to(Path(binary()).resolve())
    command = [tmp_path / "dagger", "-s", "core", "-M", "container", "form"]
    assert subprocess.run(command, env=engine.env, capture_output=True, check=False).returncode == 1
    command = [tmp_path / "dagger", "-s", "core", *ALPINE, "with-exec", "--args=echo,hi", "stdout"]
    assert (
        subprocess.run(command, env=engine.env, capture_output=True, text=True, check=True).stdout == "hi\n"
    )
