"""Manual pages: written for each command, and readable by `man`."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from engine import Engine


def test_manual(engine: Engine, tmp_path: Path) -> None:
    engine.kukri("man", str(tmp_path / "new" / "man1"))
    pages = {path.name for path in (tmp_path / "new" / "man1").iterdir()}
    assert {"kukri.1", "kukri-run.1", "kukri-core.1", "kukri-cache-prune.1"} <= pages
    (tmp_path / "file").write_text("")
    assert engine.kukri("man", str(tmp_path / "file"), check=False).returncode == 1
