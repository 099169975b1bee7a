"""Addresses: texts that stand for other objects (protocol section 5.17)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from engine import Engine


def address(q: Any, value: str, leaf: str) -> Any:
    return q.session.query(f"{{ address(value: {json.dumps(value)}) {{ {leaf} }} }}")["address"]


def fails(q: Any, value: str, leaf: str) -> str:
    document = f"{{ address(value: {json.dumps(value)}) {{ {leaf} }} }}"
    return str(q.fails("session_query", document).message)


@pytest.mark.parametrize(
    "value",
    ["foo", "123", "env://DEBUG", "https://example.com/a", "tcp://localhost:4242", "unix:///run/x.sock", ""],
)
def test_the_value_is_the_text(q: Any, value: str) -> None:
    assert address(q, value, "value") == {"value": value}


def test_an_image(q: Any) -> None:
    """The same as `from`: also in the eyes of the cache."""
    found = address(q, "busybox", "container { imageRef platform }")["container"]
    assert found["imageRef"] == q.ask("", "imageRef")
    stamp = 'withExec(args: ["cat", "/proc/sys/kernel/random/uuid"]) { stdout }'
    assert address(q, "busybox", f"container {{ {stamp} }}")["container"]["withExec"]["stdout"] == q.ask(
        'withExec(args: ["cat", "/proc/sys/kernel/random/uuid"])', "stdout"
    )
    assert "UPPER case" in fails(q, "UPPER case", "container { imageRef }")


@pytest.mark.parametrize("prefix", ["./", "{}/", "file://{}/"])
def test_files_and_directories_of_the_client(q: Any, tmp_path: Path, prefix: str) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "hello.txt").write_text("hello there")
    (tmp_path / "sub" / "b.log").write_text("")
    place = prefix.format(tmp_path)
    assert address(q, place + "sub/hello.txt", "file { name contents }")["file"] == {
        "name": "hello.txt",
        "contents": "hello there",
    }
    assert address(q, place + "sub", "directory { entries }")["directory"]["entries"] == [
        "b.log",
        "hello.txt",
    ]
    for filters in ['exclude: ["*.log"]', 'include: ["*.txt"]']:
        found = address(q, place + "sub", f"directory({filters}) {{ entries }}")
        assert found["directory"]["entries"] == ["hello.txt"]
    assert "no such file" in fails(q, place + "none", "directory { entries }").lower()


def test_the_client_is_looked_at_again_only_if_asked(q: Any, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    assert address(q, "d", "directory { entries }")["directory"]["entries"] == []
    (tmp_path / "d" / "new").write_text("")
    assert address(q, "d", "directory { entries }")["directory"]["entries"] == []
    assert address(q, "d", "directory(noCache: true) { entries }")["directory"]["entries"] == ["new"]


def test_secrets(engine: Engine, asker: Any, tmp_path: Path) -> None:
    other = Engine(engine.root, None)
    other.env = {**engine.env, "KUKRI_TEST_HELLO": "kitty"}
    with other.session(workdir=tmp_path) as session:
        q = asker(session)
        for value, uri, plaintext in [
            ("env://KUKRI_TEST_HELLO", "env://KUKRI_TEST_HELLO", "kitty"),
            ("env://KUKRI_TEST_HELLO?cacheKey=x", "env://KUKRI_TEST_HELLO", "kitty"),
            ("cmd://echo hello there", "cmd://echo hello there", "hello there\n"),
            ("cmd://echo foo?cacheKey=y", "cmd://echo foo", "foo\n"),
        ]:
            assert address(q, value, "secret { uri plaintext name }")["secret"] == {
                "uri": uri,
                "plaintext": plaintext,
                "name": "",
            }
        assert "malformed id" in fails(q, "no-scheme", "secret { uri }")


@pytest.mark.parametrize(
    ("value", "leaf"),
    [
        ("https://example.com/a.git", "gitRepository { url }"),
        ("https://example.com/a.git#main", "gitRef { commit }"),
        ("https://example.com/a.git#main:sub", "directory { entries }"),
        ("git@example.com:a/b.git", "file { contents }"),
        ("tcp://localhost:80", "service { hostname }"),
    ],
)
def test_what_is_not_there_yet_is_said(q: Any, value: str, leaf: str) -> None:
    assert "yet" in fails(q, value, leaf)
