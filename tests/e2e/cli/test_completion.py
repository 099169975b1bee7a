"""Completion in the shells themselves: what they offer, and what they put into the line."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from engine import Engine, binary

#: What is written, and what stands in its place when the key for completion was pressed.
LINES = [
    ("kukri cach", "cache"),
    ("kukri r", "run"),
    ("kukri l --allow", "--allow-cors"),
    ("kukri listen --allow", "--allow-cors"),
    ("kukri run --progress pla", "plain"),
    ("kukri run --progress=pla", "--progress=plain"),
    ("kukri run --progress=plain --work", "--workdir"),
    ("kukri query --var=a=b --progress=pla", "--progress=plain"),
    ("kukri engine --network bri", "bridge"),
    ("kukri help KUKRI_PIDS", "KUKRI_PIDS_MAX"),
    ("kukri core container from --address=alpine:3.20 with-exe", "with-exec"),
    ("kukri core container with-exec --expect SUC", "SUCCESS"),
    ("kukri query --doc some-f", "some-file"),
    ("kukri help cache pru", "prune"),
    ("kukri run some-prog", "some-program"),
    ("kukri run --progress=plain -- some-program some-f", "some-file"),
    ("dagger core direct", "directory"),
]

#: What is written, and what it becomes in bash and in zsh: these differ in the blank at the end, and where nothing fits.
NAMES = [
    ("kukri query --doc my", [r"kukri query --doc my\ file "]),
    ("kukri query --doc=my", [r"kukri query --doc=my\ file "]),
    ("kukri query --doc 'my", ["kukri query --doc 'my file' "]),
    (r"kukri query --doc my\ f", [r"kukri query --doc my\ file "]),
    ("kukri query --doc z/", [r"kukri query --doc z/\$\(touch\ pwned\).txt "]),
    ("kukri query --doc a=", ["kukri query --doc a=", "kukri query --doc a=b "]),
    (
        "kukri core directory with-directory --path=/ --source=q",
        [
            r"kukri core directory with-directory --path=/ --source=q\;r/",
            r"kukri core directory with-directory --path=/ --source=q\;r",
        ],
    ),
    ("kukri run some-program my", [r"kukri run some-program my\ file "]),
    ("kukri run some-program --workd", ["kukri run some-program --workd"]),
    ("kukri man z", ["kukri man z/", "kukri man z"]),
]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with the command under both of its names, a program, and files."""
    for name in ("kukri", "dagger"):
        (tmp_path / name).symlink_to(Path(binary()).resolve())
    (tmp_path / "some-program").write_text("#!/bin/sh\n")
    (tmp_path / "some-program").chmod(0o755)
    (tmp_path / "z").mkdir()
    (tmp_path / "q;r").mkdir()
    for name in ("some-file", "my file", "z/$(touch pwned).txt", "a=b"):
        (tmp_path / name).write_text("")
    return tmp_path


def environment(place: Path) -> dict[str, str]:
    """Our command first, and no configuration of anybody."""
    return {"PATH": f"{place}:{os.environ['PATH']}", "HOME": str(place), "TERM": "dumb", "PS1": "% "}


def output(command: list[str], place: Path) -> str:
    done = subprocess.run(
        command, env=environment(place), cwd=place, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def in_bash(line: str, place: Path) -> str:
    return typed("bash", line, place).split()[-1]


def in_fish(line: str, place: Path) -> str:
    script = f"{line.split(maxsplit=1)[0]} completion fish | source; complete -C '{line}'"
    # Behind a tab there is what the word means.
    return "\n".join(
        row.partition("\t")[0] for row in output(["fish", "--no-config", "-c", script], place).splitlines()
    )


def in_zsh(line: str, place: Path) -> str:
    return typed("zsh", line, place).split()[-1]


#: How a shell is started for a terminal, and what makes a key print what stands in its line, in place of running it. The mark is
#: put together by the shell, so that the line as it is typed does not have it.
TYPED = {
    "bash": (
        ["bash", "--norc", "--noprofile", "-i"],
        (
            "bind 'set bell-style none'; bind 'set enable-bracketed-paste off'; source <(NAME completion bash); "
            'show() { echo; echo "=""<$READLINE_LINE>="; READLINE_LINE=; READLINE_POINT=0; }; bind -x \'"\\C-x": show\''
        ),
    ),
    "zsh": (
        ["zsh", "-f", "-i"],
        (
            "autoload -U compinit; compinit -u -D; source <(NAME completion zsh); "
            'show() { print; print -r -- "=""<$BUFFER>="; BUFFER=; zle accept-line }; zle -N show; bindkey \'^X\' show'
        ),
    ),
}


def typed(shell: str, line: str, place: Path) -> str:
    """What stands in the line editor after the key for completion."""
    command, start = TYPED[shell]
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(place)
        os.execvpe(shell, command, environment(place))
    shown = ""

    def until(what: str) -> None:
        nonlocal shown
        deadline = time.monotonic() + 30
        while what not in shown:
            assert time.monotonic() < deadline, shown
            if select.select([terminal], [], [], 0.1)[0]:
                shown += os.read(terminal, 65536).decode(errors="replace")

    try:
        start = start.replace("NAME", line.split(maxsplit=1)[0])
        os.write(terminal, f"{start}; echo rea''dy\n".encode())
        until("ready")
        shown = ""
        os.write(terminal, f"{line}\t\x18".encode())
        until(">=")
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)
    found = re.search(r"=<(.*?)>=", shown, re.DOTALL)
    assert found, shown
    return found[1]


@pytest.mark.parametrize(("line", "expected"), LINES)
@pytest.mark.parametrize("ask", [in_bash, in_fish, in_zsh], ids=["bash", "fish", "zsh"])
def test_shells(place: Path, ask: Callable[[str, Path], str], line: str, expected: str) -> None:
    shell = ask.__name__.removeprefix("in_")
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here; scripts/setup.sh installs it")
    found = ask(line, place)
    assert found == expected


@pytest.mark.parametrize(("line", "expected"), NAMES)
@pytest.mark.parametrize("shell", TYPED)
def test_names_are_quoted(place: Path, shell: str, line: str, expected: list[str]) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here; scripts/setup.sh installs it")
    assert typed(shell, line, place) in expected


def test_runs_are_offered(engine: Engine, place: Path) -> None:
    document = '{ container { from(address: "busybox") { withExec(args: ["true"]) { stdout } } } }'
    engine.kukri("query", document)
    names = [line.split()[0] for line in engine.kukri("trace", "ls").stdout.splitlines()[1:]]
    done = engine.kukri(
        "--", "kukri", "trace", "show", "", env={**engine.env, "KUKRI_COMPLETE": "fish"}, check=False
    )
    offered = [line.partition("\t")[0] for line in done.stdout.splitlines()]
    assert names and set(names) <= set(offered)


def test_shells_that_are_not_known(engine: Engine) -> None:
    for shell in ("powershell", "elvish"):
        assert "KUKRI_COMPLETE" in engine.kukri("completion", shell).stdout
    assert engine.kukri("completion", "tcsh", check=False).returncode == 2
