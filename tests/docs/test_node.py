"""The program that the guide on other clients shows, with npm's `@dagger.io/dagger` as it is."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import toolchains
import transcripts
from engine import ROOT, Engine

SNIPPETS = ROOT / "docs" / "snippets" / "node"


def test_node(engine: Engine, tmp_path: Path) -> None:
    try:
        program = toolchains.Node().program(tmp_path)
    except toolchains.Missing as missing:
        pytest.skip(str(missing))
    place = tmp_path / "project"
    shutil.copytree(SNIPPETS, place)
    (place / "node_modules").symlink_to(tmp_path / "node" / "node_modules")
    (place / "bin").mkdir()
    (place / "bin" / "node").symlink_to(shutil.which(program.command[0]) or program.command[0])
    environment = {**engine.env, "PATH": f"{place / 'bin'}{os.pathsep}{engine.env['PATH']}"}
    environment.pop("_EXPERIMENTAL_DAGGER_CLI_BIN")
    for path in sorted(place.glob("*.console")):
        transcripts.run(path.read_text(), place, environment)
