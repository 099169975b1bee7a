"""A disk that turns read-only while an engine works on it: told with the next step, and over when it can be written to."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engine import Engine
from session import GraphQLError

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a disk")

NEXT_STEP = "the engine's root must be writable"


def mount(*arguments: object) -> None:
    done = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"cannot be mounted here: {done.stderr}")


def write_something(q: Any, mark: str, tmp_path: Path) -> dict[str, str]:
    """One call of each kind that makes the engine write; gives what became of it."""
    (tmp_path / "host").mkdir(exist_ok=True)
    (tmp_path / "host" / "large").write_bytes(os.urandom(200_000))

    def use_volume() -> None:
        volume = q.id(f'cacheVolume(key: "volume {mark}")')
        q.sh(f"echo {mark} > /c/f", f'withMountedCache(path: "/c", cache: {volume})')

    asks = {
        "exec": lambda: q.sh(f"echo {mark} > /f"),
        "volume": use_volume,
        "host": lambda: q.session.query('{ host { directory(path: "host", noCache: true) { entries } } }'),
        "pull": lambda: q.session.chain('from(address: "busybox:1")\nwithExec(args: ["true"])', "stdout"),
    }
    said = {}
    for kind, ask in asks.items():
        try:
            ask()
            said[kind] = ""
        except GraphQLError as error:
            said[kind] = error.message
    return said


def test_a_mount_that_turns_read_only(make_engine: Any, asker: Any, tmp_path: Path) -> None:
    engine: Engine = make_engine()
    with engine.session(workdir=tmp_path) as session:
        q = asker(session)
        before = q.sh("cat /proc/sys/kernel/random/uuid")
        pid = engine.pid()
        # What is open for writing keeps a mount from being made read-only, so another one goes over it.
        mount("--bind", engine.root, engine.root)
        try:
            mount("-o", "remount,bind,ro", engine.root)
            assert q.sh("cat /proc/sys/kernel/random/uuid") == before, "what is known can be read"
            said = write_something(q, "while", tmp_path)
            for kind in ("exec", "volume", "host"):
                assert "Read-only file system" in said[kind] and NEXT_STEP in said[kind], said
                assert str(engine.root) in said[kind], said
        finally:
            subprocess.run(["umount", "-l", engine.root], check=True)
        # The same engine and the same session, at once.
        assert set(write_something(q, "after", tmp_path).values()) == {""}
        assert q.sh("cat /proc/sys/kernel/random/uuid") == before
        assert engine.pid() == pid
    assert engine.problems() == []


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, of the kind that goes read-only by itself when it has a fault."""
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("mkfs.ext4 is not installed")
    image, place = tmp_path / "image", tmp_path / "disk"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(120 << 20)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    mount("-o", "loop,errors=remount-ro", image, place)
    yield place
    subprocess.run(["umount", "-l", place], check=True)
    image.unlink()


def test_a_disk_with_a_fault(make_engine: Any, asker: Any, disk: Path, tmp_path: Path) -> None:
    """Not even the log can be written to then, nor the index."""
    engine: Engine = make_engine(KUKRI_ROOT=str(disk / "root"))
    engine.root = disk / "root"
    with engine.session(workdir=tmp_path) as session:
        q = asker(session)
        before = q.sh("cat /proc/sys/kernel/random/uuid")
        pid = engine.pid()
        # What is in memory only would be lost with the fault.
        os.sync()
        mount("-o", "remount,abort", disk)
        for _ in range(3):
            assert q.sh("cat /proc/sys/kernel/random/uuid") == before
            for kind, text in write_something(q, "while", tmp_path).items():
                assert text and "panic" not in text and "internal error" not in text, (kind, text)
                assert NEXT_STEP in text or "look at the disk" in text, (kind, text)
        for command in ("du", "verify", "prune", "gc"):
            done = engine.kukri("cache", command, "--json", check=False)
            assert (done.returncode == 0 and json.loads(done.stdout)) or "disk" in done.stderr, done
        assert engine.pid() == pid
    engine.stop()
    # As after a repair of the disk.
    image = disk.parent / "image"
    subprocess.run(["umount", disk], check=True)
    subprocess.run(["e2fsck", "-fy", image], capture_output=True, check=False)
    mount("-o", "loop", image, disk)
    with engine.session(workdir=tmp_path) as session:
        q = asker(session)
        assert q.sh("cat /proc/sys/kernel/random/uuid") == before
        assert set(write_something(q, "after", tmp_path).values()) == {""}
    assert engine.problems() == []
    engine.stop()
