"""The settings file that the reference shows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from blocks import shown
from engine import Engine


def test_the_file_that_is_shown(make_engine: Callable[[], Engine], tmp_path: Path) -> None:
    """An engine takes it, and pulls from the mirror that it names: here, the one of the tests."""
    (text,) = shown("docs/reference/settings.md", "tests/docs/test_settings.py::test_the_file_that_is_shown")
    assert set(json.loads(text)) == {"registries", "gc"}
    engine = make_engine()
    assert "mirror.example:5000" in text
    path = tmp_path / "engine.json"
    path.write_text(text.replace("mirror.example:5000", engine.env["REGISTRY"]))
    del engine.env["KUKRI_REGISTRY_MIRRORS"]
    engine.env["KUKRI_CONFIG"] = str(path)
    query = '{ container { from(address: "alpine") { withExec(args: ["uname"]) { stdout } } } }'
    answer = json.loads(engine.kukri("query", query).stdout)
    assert answer["container"]["from"]["withExec"]["stdout"] == "Linux\n"
