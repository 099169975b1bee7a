"""Changes of paths that are not text."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from session import GraphQLError


def test_a_removed_directory_whose_name_is_no_text(q: Any, tmp_path: Path) -> None:
    """It goes with all that is in it, as others do."""

    def host(path: str, *files: bytes) -> str:
        for name in files:
            file = os.fsencode(tmp_path / path) + b"/" + name
            os.makedirs(os.path.dirname(file), exist_ok=True)
            Path(os.fsdecode(file)).write_text("1")
        found = q.session_query(f"{{ host {{ directory(path: {json.dumps(path)}) {{ id }} }} }}")
        return json.dumps(found["host"]["directory"]["id"])

    before = host("before", b"bad\xff/a", b"kept")
    after = host("after", b"kept")
    onto = host("onto", b"bad\xff/a", b"bad\xff/b", b"kept")
    found = q.session_query(f"{{ loadDirectoryFromID(id: {after}) {{ changes(from: {before}) {{ id }} }} }}")
    changes = json.dumps(found["loadDirectoryFromID"]["changes"]["id"])
    found = q.session_query(
        f"{{ loadDirectoryFromID(id: {onto}) {{ withChanges(changes: {changes}) {{ entries }} }} }}"
    )
    assert found["loadDirectoryFromID"]["withChanges"]["entries"] == ["kept"]


def test_export_says_that_it_cannot_remove_what_is_no_text(q: Any, tmp_path: Path) -> None:
    """Clients are told the paths as text; a name that is none must not stay without a word."""

    def changes(name: bytes) -> str:
        for path, files in [("full", [name, b"kept"]), ("less", [b"kept"])]:
            (tmp_path / path).mkdir(exist_ok=True)
            for file in files:
                Path(os.fsdecode(os.fsencode(tmp_path / path) + b"/" + file)).write_text("1")
        ids = [
            json.dumps(
                q.session_query(
                    f"{{ host {{ directory(path: {json.dumps(path)}, noCache: true) {{ id }} }} }}"
                )["host"]["directory"]["id"]
            )
            for path in ["full", "less"]
        ]
        return f'{{ loadDirectoryFromID(id: {ids[1]}) {{ changes(from: {ids[0]}) {{ export(path: "full") }} }} }}'

    # The replacement character itself is as good a name as any.
    q.session_query(changes("a\ufffdb".encode()))
    assert os.listdir(tmp_path / "full") == ["kept"]
    with pytest.raises(GraphQLError, match="its name is not UTF-8"):
        q.session_query(changes(b"a\xffb"))
    assert sorted(os.listdir(os.fsencode(tmp_path / "full"))) == [b"a\xffb", b"kept"]
