"""Machines that lack something: the error names it and the next step, and `kukri doctor` says the same."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engine import Engine
from refuse import refusing

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to take something away")

STEP = '{ container { from(address: "busybox") { withExec(args: ["cat", "/proc/uptime"]) { stdout } } } }'


@pytest.fixture
def native(make_engine: Any) -> Engine:
    """An engine that runs steps itself, whatever runs those of other tests: only then does it ask the kernel first."""
    engine: Engine = make_engine()
    engine.env.pop("KUKRI_OCI_RUNTIME", None)
    return engine


@pytest.mark.parametrize(
    ("call", "number"),
    [
        ("fsopen", errno.ENOSYS),
        ("fsopen", errno.EPERM),
        ("open_tree", errno.ENOSYS),
        ("move_mount", errno.ENOSYS),
        ("mount_setattr", errno.ENOSYS),
        ("mount_setattr", errno.EPERM),
        ("clone3", errno.ENOSYS),
    ],
)
def test_a_kernel_without_a_system_call(native: Engine, call: str, number: int) -> None:
    """As on an old kernel, or in a container whose filter does not know the call."""
    engine = native
    lacking = refusing([call], number)
    for command in (["query", STEP], ["doctor"]):
        done = engine.kukri(*command, check=False, preexec_fn=lacking)
        said = done.stdout + done.stderr
        assert done.returncode == 1, said
        assert f"the system call {call} is not available here" in said, said
        assert "Linux 5.12 or newer is needed" in said
        assert os.strerror(number) in said
    # The same root works where the kernel is complete.
    assert engine.kukri("query", STEP).stdout
    engine.stop()


@pytest.mark.parametrize(
    ("lost", "named", "step"),
    [
        ("sys_admin", "namespaces", "run the engine as root"),
        ("net_admin", "CAP_NET_ADMIN", "hint: --network host runs"),
    ],
)
def test_an_engine_without_privileges(native: Engine, lost: str, named: str, step: str) -> None:
    engine = native
    for command in (["query", STEP], ["doctor"]):
        without = ["setpriv", "--bounding-set", f"-{lost}", "--inh-caps", f"-{lost}"]
        done = subprocess.run(
            [*without, engine.env["_EXPERIMENTAL_DAGGER_CLI_BIN"], *command],
            env=engine.env,
            capture_output=True,
            text=True,
            check=False,
        )
        said = done.stdout + done.stderr
        assert done.returncode == 1, said
        assert named in said and step in said, said
        assert str(engine.root / "engine.log") in said
    if lost == "net_admin":
        # A network with nothing but loopback cannot be had either; that is told when it is asked for.
        done = subprocess.run(
            [*without, engine.env["_EXPERIMENTAL_DAGGER_CLI_BIN"], "query", STEP],
            env={**engine.env, "KUKRI_NETWORK": "none"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert "CAP_NET_ADMIN" in done.stderr and "--network host" in done.stderr, done.stderr
        engine.stop()
        # As the hint says.
        done = subprocess.run(
            [*without, engine.env["_EXPERIMENTAL_DAGGER_CLI_BIN"], "query", STEP],
            env={**engine.env, "KUKRI_NETWORK": "host"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        engine.stop()


def test_an_engine_of_another_user_than_root(make_engine: Any) -> None:
    """What is told is that, and not which of the many things that need it came first."""
    engine = make_engine()
    # Not below pytest's directories, which are closed for others.
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="kukri-nobody-") as scratch:
        program = shutil.copy(engine.env["_EXPERIMENTAL_DAGGER_CLI_BIN"], scratch)
        os.chown(scratch, 65534, 65534)
        for command in (["query", STEP], ["doctor"]):
            done = subprocess.run(
                [program, *command],
                env={
                    **engine.env,
                    "KUKRI_ROOT": f"{scratch}/root",
                    "HOME": scratch,
                    "XDG_STATE_HOME": scratch,
                },
                cwd="/",
                user=65534,
                group=65534,
                extra_groups=[],
                capture_output=True,
                text=True,
                check=False,
            )
            said = done.stdout + done.stderr
            assert done.returncode == 1, said
            assert "the engine needs root for now: run the program or the command as root" in said, said
            assert "--network" not in said, said


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, which may be made read-only."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", place], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {done.stderr.decode()}")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.parametrize("used", [False, True])
def test_a_root_that_cannot_be_written_to(make_engine: Any, disk: Path, used: bool) -> None:
    engine: Engine = make_engine(KUKRI_ROOT=str(disk / "root"))
    before = ""
    if used:
        before = engine.kukri("query", STEP).stdout
        engine.kukri("engine", "stop")
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    commands = [["query", STEP], ["session"], ["doctor"]]
    if used:
        # Of a root that is not there it only says so.
        commands.append(["cache", "du"])
    for command in commands:
        done = engine.kukri(*command, check=False, stdin=subprocess.DEVNULL)
        said = done.stdout + done.stderr
        if command == ["cache", "du"] and not used:
            assert done.returncode == 0 and f"nothing is kept in {disk / 'root'}" in said, said
            continue
        assert done.returncode == 1, said
        assert str(disk / "root") in said and "Read-only file system" in said, said
        assert "KUKRI_ROOT" in said or command == ["doctor"], said
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    after = engine.kukri("query", STEP).stdout
    assert not used or after == before, "what was finished is a hit"
    engine.kukri("engine", "stop")


def test_a_file_system_that_cannot_hold_layers(make_engine: Any, disk: Path) -> None:
    """An overlay, as the root of a container often is: told when the engine starts, not by the first step."""
    for name in ("lower", "upper", "work", "root"):
        (disk / name).mkdir()
    layers = f"lowerdir={disk / 'lower'},upperdir={disk / 'upper'},workdir={disk / 'work'}"
    subprocess.run(["mount", "-t", "overlay", "-o", layers, "overlay", disk / "root"], check=True)
    try:
        engine: Engine = make_engine(KUKRI_ROOT=str(disk / "root" / "kukri"))
        for command in (["query", "{ version }"], ["doctor"]):
            done = engine.kukri(*command, check=False)
            said = done.stdout + done.stderr
            assert done.returncode == 1, said
            assert str(disk / "root") in said and "set KUKRI_ROOT" in said, said
    finally:
        subprocess.run(["umount", "-l", disk / "root"], check=True)


@pytest.mark.parametrize("root", ["/proc/kukri", "/dev/null/kukri"])
def test_a_root_where_nothing_can_be_made(make_engine: Any, root: str) -> None:
    done = make_engine(KUKRI_ROOT=root).kukri("query", "{ version }", check=False)
    assert done.returncode == 1
    assert root in done.stderr and "set KUKRI_ROOT to a directory on a disk" in done.stderr
