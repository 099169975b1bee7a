"""Changes of paths that are not text."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


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
