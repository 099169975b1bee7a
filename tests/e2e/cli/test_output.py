"""Standard output that cannot be written to, or that nobody reads: never a success where something was to be printed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from engine import Engine, binary

RUN = '{ container { from(address: "busybox") { withExec(args: ["sh", "-c", "true"]) { stdout } } } }'

#: Commands that print on standard output.
PRINTING = [
    ["--help"],
    ["--version"],
    ["version"],
    ["version", "--json"],
    ["help"],
    ["help", "environment"],
    ["help", "KUKRI_ROOT"],
    ["run", "--help"],
    ["query", "{ version }"],
    ["core", "--help"],
    ["core", "container", "--help"],
    ["core", "version"],
    ["core", "--json", "version"],
    ["listen", "--listen=127.0.0.1:0"],
    ["session"],
    ["engine", "status"],
    ["engine", "status", "--json"],
    ["cache", "du"],
    ["cache", "du", "--json"],
    ["cache", "gc"],
    ["cache", "prune", "--dry-run"],
    ["cache", "verify"],
    ["cache", "verify", "--json"],
    ["cache", "why", "true"],
    ["trace", "ls"],
    ["trace", "show"],
    ["trace", "show", "--json"],
    ["trace", "open"],
    ["doctor"],
    ["doctor", "--json"],
    ["completion", "bash"],
    # The program writes there, and its status is passed on.
    ["run", "sh", "-c", "echo hi; exit $?"],
]

#: Commands without a line above, and why.
SILENT = {
    "man": "writes files, and says so on standard error",
    "engine stop": "prints nothing",
    "engine": "in the foreground it writes its log, on standard error",
}

#: How standard output can be of no use, as a shell writes it.
USELESS = {"full": ">/dev/full", "closed": ">&-", "for reading": "1</dev/null"}


def quiet(engine: Engine) -> dict[str, str]:
    """The environment in which nothing but the command itself writes anything; there is no browser to open."""
    env = {name: value for name, value in engine.env.items() if name not in ("BROWSER", "DISPLAY")}
    return {**env, "KUKRI_PROGRESS": "none"}


def printed(engine: Engine, command: list[str], redirection: str) -> subprocess.CompletedProcess[str]:
    """Runs a command as a shell does, with its standard output redirected."""
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", binary(), *command],
        env=quiet(engine),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture(scope="module")
def ran(engine: Engine) -> Engine:
    """An engine of which a run is kept."""
    engine.kukri("query", RUN)
    return engine


@pytest.mark.parametrize("useless", USELESS)
@pytest.mark.parametrize("command", PRINTING, ids=" ".join)
def test_output_that_cannot_be_written(ran: Engine, command: list[str], useless: str) -> None:
    done = printed(ran, command, USELESS[useless])
    assert done.returncode == 1, done.stderr
    assert "panicked" not in done.stderr
    if command[:2] != ["run", "sh"]:
        named = "No space left on device" if useless == "full" else "closed, or not open for writing"
        assert done.stderr.startswith("error: standard output") and named in done.stderr


@pytest.mark.parametrize("command", [["version"], ["--help"], ["query", "{ version }"], ["trace", "ls"]])
def test_output_that_nobody_wants(ran: Engine, command: list[str]) -> None:
    """`/dev/null` is no failure, also where it is open for reading as well, as what Python has for it."""
    assert printed(ran, command, ">/dev/null").returncode == 0
    assert printed(ran, command, "1<>/dev/null").returncode == 0


@pytest.mark.parametrize("path", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_a_closed_output_by_its_name(ran: Engine, path: str) -> None:
    """By whichever name it is opened again, it does not become what takes everything."""
    done = printed(ran, ["core", "-o", path, "version"], ">&-")
    assert done.returncode == 1 and path in done.stderr, done.stderr


def printed_to(output: int, engine: Engine, command: list[str]) -> subprocess.CompletedProcess[str]:
    """Runs a command whose standard output is this open file."""
    return subprocess.run(
        [binary(), *command],
        env=quiet(engine),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_file_is_written_to_the_output(ran: Engine, tmp_path: Path) -> None:
    """The name stays what it is: it is not replaced by the file."""
    chain = ["directory", "with-new-file", "--path=a", "--contents=told", "file", "--path=a"]
    # Where a file with that name could be made, this would break the machine that it is wrong on.
    for path in ("/dev/fd/1", "/proc/self/fd/1"):
        assert printed(ran, ["core", "-o", path, *chain], ">&-").returncode == 1
        with (tmp_path / "output").open("wb") as output:
            done = printed_to(output.fileno(), ran, ["core", "-o", path, *chain])
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "output").read_text() == "told"


def test_no_output_is_needed_where_nothing_is_printed(ran: Engine, tmp_path: Path) -> None:
    for command in (
        ["core", "-o", str(tmp_path / "version"), "version"],
        ["man", str(tmp_path / "man")],
        ["run", "true"],
    ):
        done = printed(ran, command, ">&-")
        assert done.returncode == 0, done.stderr
    # With all three closed, what is opened next must not become one of them.
    assert printed(ran, ["version"], "0<&- 1>&- 2>&-").returncode == 1


def test_each_command_is_known_to_print_or_not(engine: Engine, tmp_path: Path) -> None:
    engine.kukri("man", str(tmp_path))
    pages = {path.stem.removeprefix("kukri-") for path in tmp_path.iterdir()}
    known = {"-".join(command[:count]) for command in PRINTING for count in (1, 2)}
    known |= {command.replace(" ", "-") for command in SILENT}
    assert len(pages) > 20 and pages - known == {"kukri"}


@pytest.mark.parametrize("command", PRINTING, ids=" ".join)
def test_nobody_reads(ran: Engine, command: list[str]) -> None:
    """A pipe whose other end is closed, as after `| head -1`: not an error to tell, and not a success either."""
    reading, writing = os.pipe()
    os.close(reading)
    done = printed_to(writing, ran, command)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")
