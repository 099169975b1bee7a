"""Digests against an implementation of the algorithm of its own (protocol section 5.18)."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

TYPES = {"file": b"0", "dir": b"5", "link": b"2", "char": b"3", "block": b"4", "fifo": b"6"}


def header(
    kind: str,
    mode: int,
    owner: tuple[int, int] = (0, 0),
    size: int = 0,
    target: bytes = b"",
    device: tuple[int, int] = (0, 0),
) -> bytes:
    """The header of a node: keys and values without anything in between."""
    fields = [
        (b"name", b""), (b"mode", str(mode).encode()), (b"uid", str(owner[0]).encode()),
        (b"gid", str(owner[1]).encode()), (b"size", str(size).encode()), (b"typeflag", TYPES[kind]),
        (b"linkname", target), (b"uname", b""), (b"gname", b""), (b"devmajor", str(device[0]).encode()),
        (b"devminor", str(device[1]).encode()),
    ]  # fmt: skip
    return b"".join(key + value for key, value in fields)


def text(digest: bytes) -> bytes:
    """`sha256:` and hexadecimal digits."""
    return b"sha256:" + digest.hex().encode()


def sha(data: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(data).digest()


def file(content: bytes, mode: int = 0o644, owner: tuple[int, int] = (0, 0)) -> bytes:
    """Digest of a file."""
    return sha(header("file", mode, owner, len(content)) + content)


def directory(children: dict[str, bytes], mode: int = 0o755, owner: tuple[int, int] = (0, 0)) -> bytes:
    """Digest of a directory."""
    data = b"\0" + text(sha(header("dir", mode, owner)))
    for name in sorted(children, key=os.fsencode):
        data += b"\0" + os.fsencode(name) + text(children[name])
    return sha(data)


def test_5_18_the_algorithm_here_gives_the_recorded_values() -> None:
    hello = b"Hello, World!"
    assert text(directory({})) == b"sha256:0e5db88383bce812f795689f5318a2b2f4fde740ef31c2a2365a46368aafddd2"
    assert (
        text(directory({"foo.txt": file(hello)}))
        == b"sha256:48ac4b4b73af8a75a3c77e9dc6211d89321c6ed4f13c6987c6837ac58645bd89"
    )
    assert text(file(hello)) == b"sha256:8a887cdd3e476c79e1a14a65a6c401673b56071a24561dadb5e152605e72a613"
    assert text(sha(sha(hello))) == b"sha256:042a7d64a581ef2ee983f21058801cc35663b705e6c55f62fa8e0f18ecc70989"


@pytest.mark.parametrize("content", ["", "x", "two\nlines\n", "\u00e4\U0001f600", "x" * 100_000])
def test_5_18_files(q: Any, content: str) -> None:
    root = f'file(name: "f", contents: {json.dumps(content)}, permissions: 384)'
    found = q.session.query(f"{{ {root} {{ digest plain: digest(excludeMetadata: true) }} }}")["file"]
    data = content.encode()
    assert found == {"digest": text(file(data, 0o600)).decode(), "plain": text(sha(sha(data))).decode()}


def test_5_18_names_do_not_count_for_files(q: Any) -> None:
    one = q.session.chain("", "digest", root='file(name: "a", contents: "x")')
    other = q.session.chain('withName(name: "b")', "digest", root='file(name: "a", contents: "x")')
    assert one == other == text(file(b"x")).decode()


def test_5_18_nested_directories_in_the_order_of_bytes(q: Any) -> None:
    names = ["b", "a-b", "a", "a.txt", "\u00e4", "Z"]
    steps = "\n".join(
        f"withNewFile(path: {json.dumps(f'd/{name}')}, contents: {json.dumps(name)})" for name in names
    )
    inner = directory({name: file(name.encode()) for name in names})
    assert q.dir(steps, "digest") == text(directory({"d": inner})).decode()
    assert q.dir(steps, 'directory(path: "d") { digest }')["digest"] == text(inner).decode()


def test_5_18_owners_modes_and_links(q: Any) -> None:
    steps = """
        withNewDirectory(path: "d", permissions: 448)
        withNewFile(path: "d/f", contents: "x", permissions: 2541)
        withSymlink(target: "../some/where", linkName: "d/l")
        withNewFile(path: "g", contents: "")
        chown(path: "d", owner: "3:4")
    """
    link = sha(header("link", 0o777, (3, 4), target=b"../some/where"))
    inner = directory({"f": file(b"x", 0o4755, (3, 4)), "l": link}, 0o700, (3, 4))
    assert q.dir(steps, "digest") == text(directory({"d": inner, "g": file(b"")})).decode()


def test_5_18_what_a_command_makes(q: Any) -> None:
    script = "mkdir /x && cd /x && mkfifo -m 640 p && mknod -m 600 c c 1 3 && chmod 1777 . && ln -s p l && echo hi > f"
    before = f'withExec(args: ["sh", "-c", {json.dumps(script)}], insecureRootCapabilities: true)'
    children = {
        "p": sha(header("fifo", 0o640)),
        "c": sha(header("char", 0o600, device=(1, 3))),
        "l": sha(header("link", 0o777, target=b"p")),
        "f": file(b"hi\n"),
    }
    assert (
        q.ask(before, 'directory(path: "/x") { digest }')["digest"]
        == text(directory(children, 0o1777)).decode()
    )


def test_5_18_directories_of_the_host(q: Any, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir(mode=0o755)
    (tmp_path / "d").chmod(0o750)
    (tmp_path / "d/f").write_bytes(bytes(range(256)))
    (tmp_path / "d/f").chmod(0o600)
    (tmp_path / "l").symlink_to("d/f")
    tmp_path.chmod(0o755)
    found = q.session.query('{ host { directory(path: ".") { digest directory(path: "d") { digest } } } }')
    inner = directory({"f": file(bytes(range(256)), 0o600)}, 0o750)
    whole = directory({"d": inner, "l": sha(header("link", 0o777, target=b"d/f"))})
    assert found["host"]["directory"] == {
        "digest": text(whole).decode(),
        "directory": {"digest": text(inner).decode()},
    }


def test_5_18_times_do_not_count(q: Any) -> None:
    steps = 'withNewFile(path: "f", contents: "x")'
    assert (
        q.dir(steps + "\nwithTimestamps(timestamp: 1)", "digest")
        == text(directory({"f": file(b"x")})).decode()
    )
