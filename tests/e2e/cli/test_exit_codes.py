"""What commands end with: never 0 where something failed, and the documented status for each way to fail."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from engine import Engine, binary
from session import Session

EXEC = '{ container { from(address: "busybox") { withExec(args: ["sh", "-c", "%s"]) { stdout } } } }'

#: Longer than the path of a socket can be.
LONG = f"/nope/{'x' * 110}"

#: Name, arguments, variables, status as kukri, status as dagger, part of standard error.
CASES: list[tuple[str, list[str], dict[str, str], int, int, str]] = [
    ("exec", ["query", EXEC % "echo told >&2; exit 42"], {}, 42, 42, "told"),
    ("exec by a signal", ["query", EXEC % "kill -9 $$"], {}, 137, 137, "exit code"),
    (
        "no image",
        ["query", '{ container { from(address: "none.invalid/x") { id } } }'],
        {},
        1,
        1,
        "none.invalid",
    ),
    ("unknown field", ["query", "{ nope }"], {}, 1, 1, "nope"),
    ("not a document", ["query", "{ nope"], {}, 1, 1, "error:"),
    ("empty document", ["query"], {}, 2, 1, "no document was given"),
    ("empty variable", ["query", "{ version }"], {"KUKRI_ROOT": ""}, 2, 1, "KUKRI_ROOT is set, but empty"),
    ("empty runtime", ["query", "{ version }"], {"KUKRI_OCI_RUNTIME": ""}, 2, 1, "is set, but empty"),
    (
        "long socket",
        ["query", "{ version }"],
        {"KUKRI_SOCKET": LONG},
        2,
        1,
        f"error: KUKRI_SOCKET={LONG}: longer",
    ),
    (
        "engine: long socket",
        ["engine", "--socket", LONG],
        {},
        2,
        1,
        "'--socket <PATH>': longer than the 107 bytes",
    ),
    (
        "long root",
        ["query", "{ version }"],
        {"KUKRI_ROOT": LONG},
        2,
        1,
        "hint: set KUKRI_SOCKET to a shorter",
    ),
    ("count in words", ["engine", "--parallelism", "x"], {}, 2, 1, "not a whole number"),
    ("a mutation", ["query", "mutation { x }"], {}, 1, 1, "not configured for mutations"),
    ("a document that begins wrong", ["query", "version }"], {}, 1, 1, "error:"),
    ("no document file", ["query", "--doc", "/nope/doc"], {}, 2, 1, "/nope/doc"),
    ("bad variable", ["query", "--var", "nope", "{ version }"], {}, 2, 1, "NAME=VALUE"),
    ("bad variables", ["query", "--var-json", "[]", "{ version }"], {}, 2, 1, "JSON object"),
    (
        "export",
        ["query", '{ directory { withNewFile(path: "a", contents: "") { export(path: "/proc/nope/x") } } }'],
        {},
        1,
        1,
        "/proc/nope",
    ),
    ("no command", [], {}, 2, 1, "Usage: "),
    ("unknown command", ["nope"], {}, 2, 1, "nope"),
    ("absent command", ["call", "build"], {}, 2, 1, "core"),
    ("listen nowhere", ["listen", "--listen", "nope"], {}, 2, 1, "ADDRESS:PORT"),
    ("listen for all", ["listen", "--listen", ":0"], {}, 2, 1, "DAGGER_SESSION_TOKEN"),
    (
        "listen elsewhere",
        ["listen", "--listen", "192.0.2.1:0"],
        {"DAGGER_SESSION_TOKEN": "x"},
        1,
        1,
        "192.0.2.1",
    ),
    ("unknown flag", ["query", "--nope"], {}, 2, 1, "--nope"),
    ("missing argument", ["run"], {}, 2, 1, "COMMAND"),
    ("unknown topic", ["help", "nope"], {}, 2, 1, "environment"),
    ("bad flag variable", ["query", "{ version }"], {"KUKRI_PROGRESS": "nope"}, 2, 1, "nope"),
    ("workdir", ["query", "--workdir", "/proc/nope", "{ version }"], {}, 2, 1, "/proc/nope"),
    ("program fails", ["run", "sh", "-c", "exit 7"], {}, 7, 7, ""),
    ("program by a signal", ["run", "sh", "-c", "kill -TERM $$"], {}, 143, 143, ""),
    ("no program", ["run", "/nope/program"], {}, 127, 127, "/nope/program"),
    ("no such name", ["run", "kukri-no-such-program"], {}, 127, 127, "kukri-no-such-program"),
    ("not executable", ["run", "/etc/passwd"], {}, 126, 126, "/etc/passwd"),
    ("a flag that run has not", ["run", "--progres", "plain", "true"], {}, 2, 1, "run has no flag --progres"),
    ("bad duration", ["run", "--cleanup-timeout", "soon", "true"], {}, 2, 1, "--cleanup-timeout"),
    ("half a session", ["query", "{ version }"], {"DAGGER_SESSION_PORT": "1"}, 2, 1, "DAGGER_SESSION_TOKEN"),
    (
        "lost session",
        ["query", "{ version }"],
        {"DAGGER_SESSION_PORT": "1", "DAGGER_SESSION_TOKEN": "x"},
        1,
        1,
        "DAGGER_SESSION_PORT",
    ),
    ("prune by nonsense", ["cache", "prune", "--max-size", "much"], {}, 2, 1, "--max-size"),
    ("prune of an age", ["cache", "prune", "--keep", "old"], {}, 2, 1, "--keep"),
    ("program killed", ["run", "sh", "-c", "kill -KILL $$"], {}, 137, 137, ""),
    ("a directory as program", ["run", "/tmp"], {}, 126, 126, "/tmp"),
    (
        "a wrong chain in a document",
        ["query", '{ directory { file(path: "no") { contents } } }'],
        {},
        1,
        1,
        "no: no such file",
    ),
    ("operation of no document", ["query", "--doc", "/dev/stdin", "Nope"], {}, 2, 1, "no document was given"),
    (
        "no port",
        ["query", "{ version }"],
        {"DAGGER_SESSION_PORT": "x", "DAGGER_SESSION_TOKEN": "x"},
        2,
        1,
        "port",
    ),
    ("core without a function", ["core"], {}, 2, 1, "--help"),
    ("core: no such function", ["core", "contaner"], {}, 2, 1, "contaner"),
    ("core: no such flag", ["core", "directory", "--nope"], {}, 2, 1, "--nope"),
    ("core: a required flag", ["core", "container", "from"], {}, 2, 1, "--address"),
    (
        "core: exec",
        ["core", "container", "from", "--address=busybox", "with-exec", "--args=sh,-c,exit 9", "stdout"],
        {},
        9,
        9,
        "exit code: 9",
    ),
    (
        "core: a text that cannot be written",
        ["core", "-o", "/proc/nope/x", "version"],
        {},
        1,
        1,
        "/proc/nope/x",
    ),
    (
        "core: a file that cannot be written",
        [
            "core",
            "-o",
            "/proc/nope/x",
            "directory",
            "with-new-file",
            "--path=a",
            "--contents=b",
            "file",
            "--path=a",
        ],
        {},
        1,
        1,
        "/proc/nope/x",
    ),
    ("page nowhere", ["run", "--trace", "/proc/nope/page.html", "echo", "not run"], {}, 1, 1, "/proc/nope"),
    ("number of runs", ["query", "{ version }"], {"KUKRI_RUNS": "few"}, 2, 1, "KUKRI_RUNS"),
    ("no such run", ["trace", "show", "nope"], {}, 1, 1, "nope"),
    (
        "run as a page nowhere",
        ["trace", "open", "-o", "/proc/nope/x"],
        {"XDG_STATE_HOME": "/proc/nope"},
        1,
        1,
        "no run",
    ),
    ("why of an unknown step", ["cache", "why", "nosuch"], {}, 1, 1, "`kukri trace show`"),
    ("why of an unknown step in JSON", ["cache", "why", "nosuch", "--json"], {}, 1, 1, "`kukri trace show`"),
    (
        "core: an object of an operation that is not there",
        ["core", "git", "--url=x"],
        {},
        1,
        1,
        "git sources are not supported yet",
    ),
    (
        "core: an object that cannot be made",
        ["core", "--json", "json", "with-contents", "--contents={"],
        {},
        1,
        1,
        "invalid JSON",
    ),
    ("manual nowhere", ["man", "/proc/nope"], {}, 1, 1, "/proc/nope"),
    ("no such shell", ["completion", "tcsh"], {}, 2, 1, "tcsh"),
    ("engine: no such network", ["engine", "--network", "nope"], {}, 2, 1, "nope"),
    ("engine: no size", ["engine", "--max-size", "much"], {}, 2, 1, "--max-size"),
    ("engine: no number", ["engine", "--parallelism", "many"], {}, 2, 1, "--parallelism"),
    ("engine: no settings", ["engine", "--config", "/nope"], {}, 2, 1, "/nope"),
    ("engine: no containers", ["engine", "--parallelism=0"], {}, 2, 1, "expected at least 1"),
    (
        "engine: no containers, by a variable",
        ["engine"],
        {"KUKRI_PARALLELISM": "0"},
        2,
        1,
        "KUKRI_PARALLELISM=0",
    ),
    ("no containers", ["query", "{ version }"], {"KUKRI_PARALLELISM": "0"}, 2, 1, "KUKRI_PARALLELISM=0"),
    ("engine: fewer processes than none", ["engine", "--pids-max=-1"], {}, 2, 1, "--pids-max"),
    ("engine: more processes than possible", ["engine", "--pids-max=9999999"], {}, 2, 1, "at most 4194304"),
    ("engine: no memory", ["engine", "--memory-max=0"], {}, 2, 1, "too little for any command"),
    (
        "engine: memory by shares",
        ["engine", "--memory-max=20%"],
        {},
        2,
        1,
        "expected for instance 512MB or 10GiB)",
    ),
    ("engine: no cache", ["engine", "--max-size=0"], {}, 2, 1, "would keep nothing"),
    (
        "engine: more cache than possible",
        ["engine", "--max-size=99999999TB"],
        {},
        2,
        1,
        "more than there can be",
    ),
    ("engine: a cache by a variable", ["engine"], {"KUKRI_MAX_SIZE": "much"}, 2, 1, "KUKRI_MAX_SIZE=much: "),
    (
        "a cache by a variable",
        ["query", "{ version }"],
        {"KUKRI_MAX_SIZE": "much"},
        2,
        1,
        "KUKRI_MAX_SIZE=much: ",
    ),
    ("engine: nothing free", ["engine", "--min-free=-1"], {}, 2, 1, "--min-free"),
    ("engine: results of no time", ["engine", "--keep=0"], {}, 2, 1, "would drop each result at once"),
    ("engine: too patient", ["engine", "--idle-timeout=99999d"], {}, 2, 1, "at most 36500d"),
    ("engine: a log of nonsense", ["engine"], {"KUKRI_LOG": "a=b=c"}, 2, 1, "KUKRI_LOG=a=b=c: "),
    ("run: too patient", ["run", "--cleanup-timeout=99999999999d", "true"], {}, 2, 1, "at most 36500d"),
    (
        "mode by a variable",
        ["query", "{ version }"],
        {"KUKRI_PROGRESS": "tyt"},
        2,
        1,
        "KUKRI_PROGRESS=tyt: not valid",
    ),
]


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The command under both of its names."""
    other = tmp_path_factory.mktemp("bin") / "dagger"
    other.symlink_to(Path(binary()).resolve())
    return {"kukri": binary(), "dagger": str(other)}


@pytest.mark.parametrize("name", ["kukri", "dagger"])
@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_failures(
    engine: Engine, names: dict[str, str], name: str, case: tuple[object, ...], tmp_path: Path
) -> None:
    _, arguments, variables, own, other, part = case
    assert isinstance(arguments, list) and isinstance(variables, dict)
    done = subprocess.run(
        [names[name], *arguments],
        env={**engine.env, **variables},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == (own if name == "kukri" else other), done.stdout + done.stderr
    assert str(part) in done.stderr
    assert done.stderr.count("error:") <= 1, done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("gc", "part"),
    [
        ({"maxUsedSpace": 0}, "gc.maxUsedSpace: 0 would keep nothing"),
        ({"maxUsedSpace": "much"}, 'gc.maxUsedSpace: "much" is not a size'),
        ({"maxUsedSpace": []}, 'gc.maxUsedSpace: "[]" is not a size'),
        ({"minFreeSpace": -5}, 'gc.minFreeSpace: "-5" is not a size'),
        ({"minFreeSpace": "200%"}, 'gc.minFreeSpace: "200%" is not a size'),
        ("much", "invalid type"),
    ],
)
def test_a_settings_file_that_is_wrong(fresh: Engine, tmp_path: Path, gc: object, part: str) -> None:
    path = tmp_path / "engine.json"
    path.write_text(json.dumps({"gc": gc}))
    done = fresh.kukri("engine", "--config", str(path), check=False)
    assert done.returncode == 1 and f"settings file {path}: {part}" in done.stderr, done.stderr


def test_names_of_files_are_harmless(engine: Engine) -> None:
    """Whoever chose them: the terminal does nothing that an error says."""
    path = r"a\u001b[2J\u001b]0;x\u0007\u202eb"
    done = engine.kukri("query", f'{{ directory {{ file(path: "{path}") {{ contents }} }} }}', check=False)
    assert done.returncode == 1 and "error: ab: no such file or directory" in done.stderr, done.stderr
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize("command", [["query", "{ version }"], ["session"], ["run", "true"], ["cache", "du"]])
def test_an_engine_that_cannot_start(
    make_engine: Callable[..., Engine], tmp_path: Path, command: list[str]
) -> None:
    (tmp_path / "file").write_text("")
    engine = make_engine(KUKRI_ROOT=str(tmp_path / "file" / "below"))
    done = engine.kukri(*command, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 1 and "error:" in done.stderr


def test_an_engine_that_is_not_there(fresh: Engine) -> None:
    for command in (["engine", "status"], ["engine", "status", "--json"], ["engine", "stop"]):
        assert fresh.kukri(*command, check=False).returncode == 1, command


@pytest.mark.parametrize(("sent", "own", "other"), [(signal.SIGINT, 130, 2), (signal.SIGTERM, 143, 2)])
@pytest.mark.parametrize("name", ["kukri", "dagger"])
def test_interrupted(
    engine: Engine,
    names: dict[str, str],
    session: Session,
    name: str,
    sent: signal.Signals,
    own: int,
    other: int,
) -> None:
    """The status says so, and what ran does not go on."""
    mark = f"sleep 62.{os.getpid()}{sent.value}{len(name)}"
    process = subprocess.Popen(
        [names[name], "query", EXEC % f"{mark}; true"], env=engine.env, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    deadline = time.monotonic() + 20
    while not processes(mark):
        assert time.monotonic() < deadline and process.poll() is None, "the command did not start"
        time.sleep(0.02)
    process.send_signal(sent)
    assert process.wait(10) == (own if name == "kukri" else other)
    assert "interrupted" in process.stderr.read()
    process.stderr.close()
    while processes(mark):
        assert time.monotonic() < deadline, "it still runs in the engine"
        time.sleep(0.02)


def test_run_ends_what_does_not_end(engine: Engine) -> None:
    """SIGTERM is passed on; a program that stays is killed after the time that was given."""
    process = subprocess.Popen(
        [
            binary(),
            "run",
            "--cleanup-timeout",
            "1s",
            "sh",
            "-c",
            "trap '' TERM; echo up; while :; do sleep 0.1; done",
        ],
        env=engine.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "up\n"
    process.terminate()
    started = time.monotonic()
    assert process.wait(10) == 128 + signal.SIGKILL
    assert 0.8 < time.monotonic() - started < 5
    process.stdout.close()


def test_a_second_engine(engine: Engine) -> None:
    with engine.session():
        done = engine.kukri("engine", check=False)
    assert done.returncode == 1 and "in use by another engine" in done.stderr


@pytest.mark.parametrize(("status", "expected"), [(0, 1), (7, 7)])
def test_a_page_that_cannot_be_written_at_the_end(
    engine: Engine, tmp_path: Path, status: int, expected: int
) -> None:
    """The work is done, but not all that was asked for; where the work fails, its status is what counts."""
    (tmp_path / "gone").mkdir()
    program = f"rm -r gone; echo done; exit {status}"
    done = engine.kukri("run", "--trace", "gone/page.html", "sh", "-c", program, check=False, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (expected, "done\n")
    assert "error: cannot write the trace to gone/page.html" in done.stderr


def test_a_page_of_a_query_that_cannot_be_written_at_the_end(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    process = subprocess.Popen(
        [binary(), "query", "--trace", "gone/page.html", EXEC % "sleep 2; echo done"],
        env=engine.env,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 20
    while not (tmp_path / "gone" / "page.html").exists():
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    (tmp_path / "gone" / "page.html").unlink()
    (tmp_path / "gone").rmdir()
    printed, said = process.communicate(timeout=60)
    assert process.returncode == 1 and "cannot write the trace" in said
    assert "done" in printed


def test_damage_is_a_failure(fresh: Engine) -> None:
    with fresh.session() as session:
        session.run("sh", "-c", "head -c 100000 /dev/urandom | base64 > /made")
    fresh.stop()
    fresh.damage()
    for flags in ([], ["--json"]):
        done = fresh.kukri("cache", "verify", "--deep", *flags, check=False)
        assert done.returncode == 1 and done.stdout, done.stderr


def processes(part: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if part in line and "query" not in line and "pytest" not in line:
            found.append(line)
    return found


def test_a_working_directory_that_is_gone(engine: Engine, tmp_path: Path) -> None:
    """It is named, as one that `--workdir` gives and that is not there."""
    script = 'mkdir gone; cd gone; rmdir ../gone; exec "$0" query "{ version }"'
    done = subprocess.run(
        ["sh", "-c", script, binary()],
        env=engine.env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and "working directory" in done.stderr and "--workdir" in done.stderr
