"""Operations on trees and configurations need no root, no mount and no process: an engine that runs as nobody, and whose
runtime only notes that it was called, does all of them."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engine import Engine, binary

NOBODY = 65534

OPERATIONS = """{
  made: directory {
    withNewFile(path: "src/a.py", contents: "one\\ntwo\\n") { withNewFile(path: "src/b.txt", contents: "x", permissions: 256) {
      withNewDirectory(path: "empty", permissions: 448) { withSymlink(target: "a.py", linkName: "src/l") {
        withTimestamps(timestamp: 5) { chown(path: "src", owner: "7:8") {
          digest entries glob(pattern: "**/*.py") findUp(name: "empty", start: "src")
          search(pattern: "t.o") { filePath lineNumber }
          stat(path: "src/b.txt") { permissions size } exists(path: "src/l", expectedType: SYMLINK_TYPE, doNotFollowSymlinks: true)
          filter(exclude: ["empty"]) { withoutFile(path: "src/*.txt") { glob(pattern: "**") } }
          file(path: "src/l") { contents withReplaced(search: "two", replacement: "2") { contents digest } }
          withPatch(patch: "--- a/src/a.py\\n+++ b/src/a.py\\n@@ -1,2 +1,2 @@\\n-one\\n+1\\n two\\n") { file(path: "src/a.py") { contents } }
          asTree: directory(path: "src") { name entries }
        } }
      } }
    } }
  }
  values: file(name: "v.json", contents: "{\\"a\\": [1]}") { asJSON { field(path: ["a"]) { asArray { asInteger } } } }
  variables: file(name: ".env", contents: "A=1\\nB=$A-2\\n") { asEnvFile { get(name: "B") } }
  configured: container(platform: "linux/arm64") {
    withEnvVariable(name: "A", value: "1") { withLabel(name: "l", value: "2") { withEntrypoint(args: ["x"]) {
      withNewFile(path: "/etc/x", contents: "y", owner: "1:2") {
        platform envVariable(name: "A") label(name: "l") entrypoint exists(path: "/etc/x")
        rootfs { glob(pattern: "**") } asTarball { name }
      }
    } } }
  }
}"""


@pytest.fixture
def ground() -> Iterator[Path]:
    """A directory that nobody owns; those of pytest let only their owner in."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        shutil.copy(binary(), root / "kukri")
        (root / "engine").mkdir()
        (root / "work").mkdir()
        (root / "runtime").write_text(f'#!/bin/sh\necho "$@" >> {root}/engine/called\nexit 1\n')
        for path in [root / "kukri", root / "runtime"]:
            path.chmod(0o755)
        for path in [root / "engine", root / "work"]:
            os.chown(path, NOBODY, NOBODY)
        yield root


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become nobody")
def test_an_engine_without_any_rights(ground: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUKRI_BIN", str(ground / "kukri"))
    engine = Engine(
        ground / "engine",
        None,
        KUKRI_NETWORK="none",
        KUKRI_OCI_RUNTIME=str(ground / "runtime"),
        HOME=str(ground),
    )
    nobody: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": [], "cwd": ground / "work"}
    try:
        found = json.loads(engine.kukri("query", OPERATIONS, **nobody).stdout)
        made = found["made"]
        for _ in range(6):
            made = next(iter(made.values()))
        assert made["entries"] == ["empty/", "src/"]
        assert made["digest"].startswith("sha256:")
        assert made["glob"] == ["src/a.py"]
        assert made["findUp"] == "empty"
        assert made["search"] == [{"filePath": "src/a.py", "lineNumber": 2}]
        assert made["stat"] == {"permissions": 0o400, "size": 1}
        assert made["exists"] is True
        assert made["filter"]["withoutFile"]["glob"] == ["src/", "src/a.py", "src/l"]
        assert made["file"]["withReplaced"]["contents"] == "one\n2\n"
        assert made["withPatch"]["file"]["contents"] == "1\ntwo\n"
        assert made["asTree"] == {"name": "src/", "entries": ["a.py", "b.txt", "l"]}
        assert found["values"]["asJSON"]["field"]["asArray"] == [{"asInteger": 1}]
        assert found["variables"]["asEnvFile"]["get"] == "1-2"
        container = found["configured"]["withEnvVariable"]["withLabel"]["withEntrypoint"]["withNewFile"]
        assert container == {
            "platform": "linux/arm64", "envVariable": "1", "label": "2", "entrypoint": ["x"], "exists": True,
            "rootfs": {"glob": ["etc/", "etc/x"]}, "asTarball": {"name": "container.tar"},
        }  # fmt: skip

        def directory(text: str) -> str:
            document = f'{{ directory {{ withNewFile(path: "f", contents: "{text}") {{ id }} }} }}'
            answer = json.loads(engine.kukri("query", document, **nobody).stdout)
            return json.dumps(answer["directory"]["withNewFile"]["id"])

        document = f"""{{ directory {{ withDirectory(path: "", source: {directory("1")}) {{
            changes(from: {directory("2")}) {{ modifiedPaths diffStats {{ addedLines }} asPatch {{ size }} export(path: "out") }}
            diff(other: {directory("3")}) {{ entries }}
        }} }} }}"""
        compared = json.loads(engine.kukri("query", document, **nobody).stdout)["directory"]["withDirectory"]
        assert compared["changes"]["modifiedPaths"] == ["f"]
        assert compared["diff"] == {"entries": ["f"]}
        assert (ground / "work" / "out" / "f").read_text() == "1"

        # The engine has mounted nothing, and nobody works for it.
        pid = json.loads(engine.kukri("engine", "status", "--json", **nobody).stdout)["pid"]
        assert Path(f"/proc/{pid}/status").stat().st_uid == NOBODY
        assert Path(f"/proc/{pid}/mountinfo").read_text() == Path("/proc/self/mountinfo").read_text()
        assert "".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")) == ""
        assert not (ground / "engine" / "called").exists()

        # A command is another matter.
        step = '{ container { withNewDirectory(path: "/x") { withExec(args: ["/x"]) { sync } } } }'
        assert engine.kukri("query", step, check=False, **nobody).returncode != 0
    finally:
        engine.kukri("engine", "stop", check=False, **nobody)
