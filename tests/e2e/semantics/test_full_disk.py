"""A full disk is told with the next step, and everything works again once there is room."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engine import Engine
from images import random_image
from registry import Registry
from session import GraphQLError

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a small disk")

#: What the store's disk holds.
DISK_MB = 40
NEXT_STEP = "free space on the disk of the engine's root, or run `kukri cache prune`"


@pytest.fixture(scope="module")
def small(make_engine: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine whose root is on a small disk of its own."""
    engine = make_engine()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", engine.root],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {done.stderr.decode()}")
    try:
        yield engine
    finally:
        engine.stop()
        subprocess.run(["umount", "-l", engine.root], check=True)


@pytest.fixture
def full(small: Engine, asker: Any, tmp_path: Path) -> Iterator[Any]:
    """A session on the small disk, and a second one which must not notice anything."""
    host = tmp_path / "host"
    host.mkdir()
    with small.session(workdir=host) as session, small.session(workdir=tmp_path) as other:
        q, witness = asker(session), asker(other)
        assert witness.sh("echo before") == "before\n"
        pid = small.pid()
        yield q
        # The other session goes on, with the same engine; what is cached needs no room.
        assert witness.sh("echo before") == "before\n"
        assert small.pid() == pid
    small.kukri("cache", "prune")
    room(small)
    with small.session(workdir=tmp_path) as session:
        assert asker(session).sh("head -c 9000000 /dev/zero > /f; wc -c < /f") == "9000000\n"
    small.kukri("cache", "prune")
    assert small.problems() == []


def room(engine: Engine, megabytes: int = DISK_MB // 2) -> None:
    """Waits until what was dropped is deleted."""
    deadline = time.monotonic() + 20
    while True:
        disk = os.statvfs(engine.root)
        if disk.f_bavail * disk.f_frsize > megabytes << 20:
            return
        assert time.monotonic() < deadline, f"{disk.f_bavail * disk.f_frsize} bytes are free after pruning"
        time.sleep(0.05)


def test_by_the_output_of_a_command(full: Any) -> None:
    error = full.fails("sh", "head -c 200000000 /dev/zero | tr '\\0' x")
    assert "the output of the command" in error.message and NEXT_STEP in error.message


def test_by_what_a_command_writes(full: Any) -> None:
    error = full.fails("sh", "head -c 200000000 /dev/zero > /big")
    assert "disk of the engine's root is full" in error.message and "cache prune" in error.message
    assert error.extensions["exitCode"] == 1


def test_by_a_command_that_does_not_mind(full: Any) -> None:
    """What it could not write is its own affair; what it wrote is kept, or it is told that it cannot be."""
    said = ""
    try:
        full.sh("head -c 30000000 /dev/urandom > /a; cat /a > /b; true", leaf="exitCode")
    except GraphQLError as error:
        said = error.message
    assert not said or NEXT_STEP in said


@pytest.mark.parametrize("many", [False, True])
def test_by_files_of_the_host(full: Any, tmp_path: Path, many: bool) -> None:
    for number in range(2000 if many else 1):
        size = 25_000 if many else 50_000_000
        (tmp_path / "host" / f"f{number}").write_bytes(os.urandom(size))
    error = full.fails("session_query", '{ host { directory(path: ".") { entries } } }')
    assert NEXT_STEP in error.message


def test_by_an_image(full: Any, registry: Registry, tmp_path: Path) -> None:
    registry.push("library/large:1", random_image(tmp_path / "image", [60_000_000]))
    error = full.fails("session_chain", 'from(address: "large:1")\nrootfs', "entries")
    assert "large" in error.message and NEXT_STEP in error.message


def test_by_an_archive(full: Any) -> None:
    error = full.fails(
        "sh",
        "head -c 15000000 /dev/urandom > /a",
        after="asTarball(forcedCompression: Uncompressed)",
        leaf="size",
    )
    assert NEXT_STEP in error.message


def test_the_disk_of_the_client(q: Any, tmp_path: Path) -> None:
    target = tmp_path / "small"
    target.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", target], check=True)
    try:
        error = q.fails(
            "sh",
            "head -c 5000000 /dev/urandom > /f",
            after='file(path: "/f")',
            leaf='export(path: "small/f")',
        )
        assert str(target / "f") in error.message and "free space on that disk" in error.message
        assert list(target.iterdir()) == [], "half of a file is left"
    finally:
        subprocess.run(["umount", "-l", target], check=True)
    assert q.sh("echo fine") == "fine\n"


def fill(engine: Engine) -> Path:
    """Leaves no room, also not that which the store has set aside."""
    (engine.root / "reserve").unlink(missing_ok=True)
    filler = engine.root / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    return filler


def test_pruning_waits_for_what_is_just_being_deleted(small: Engine, asker: Any, tmp_path: Path) -> None:
    """As the files of a command that filled the disk are, when its error is told."""
    with small.session(workdir=tmp_path) as session:
        asker(session).sh("head -c 3000000 /dev/urandom > /kept")
    filler = fill(small)
    deleter = threading.Timer(0.7, filler.unlink)
    deleter.start()
    try:
        dropped = json.loads(small.kukri("cache", "prune", "--json").stdout)["dropped"]
        assert any("kept" in entry["label"] for entry in dropped)
    finally:
        deleter.join()
    assert small.problems() == []


def test_the_engine_starts_on_a_full_disk(small: Engine, asker: Any, tmp_path: Path) -> None:
    with small.session(workdir=tmp_path) as session:
        before = asker(session).sh("cat /proc/sys/kernel/random/uuid")
    small.stop()
    filler = fill(small)
    try:
        with small.session(workdir=tmp_path) as session:
            assert asker(session).sh("cat /proc/sys/kernel/random/uuid") == before
    finally:
        filler.unlink()
    assert small.problems() == []


def test_what_takes_the_room_is_told_on_a_full_disk(small: Engine, asker: Any, tmp_path: Path) -> None:
    labels: list[str] = []
    with small.session(workdir=tmp_path) as session:
        asker(session).sh("head -c 3000000 /dev/urandom > /large")
    # The index of an engine that has just started has no room to write to that it took before.
    small.stop()
    with small.session(workdir=tmp_path) as session:
        asker(session).sh("head -c 3000000 /dev/urandom > /large")
        filler = fill(small)
        try:
            for _ in range(5):
                # A hit is a use, which cannot be noted now; somebody else tries that from time to time.
                with small.session(workdir=tmp_path) as again:
                    asker(again).sh("head -c 3000000 /dev/urandom > /large")
                    labels = [entry["label"] for entry in small.usage()["entries"]]
        finally:
            filler.unlink()
    assert any("large" in label for label in labels)
    small.kukri("cache", "prune")
    assert small.problems() == []


@pytest.mark.alone
def test_the_disk_is_not_filled_by_what_was_made_lately(small: Engine, asker: Any, tmp_path: Path) -> None:
    """A day's work on a small disk: what nobody is connected for any more makes room for what comes."""
    for number in range(8):
        with small.session(workdir=tmp_path) as session:
            asker(session).sh(f"head -c 7000000 /dev/urandom > /made; echo {number}")
        # By default, half of the disk for the store, and a fifth of it free.
        deadline = time.monotonic() + 120
        while small.usage()["totalBytes"] > DISK_MB << 19:
            assert time.monotonic() < deadline, "the store is larger than its limit, and stays so"
            time.sleep(0.1)
    with small.session(workdir=tmp_path) as session:
        before = asker(session).sh("head -c 7000000 /dev/urandom > /made; echo 7")
    assert before == "7\n"
    assert small.problems() == []
