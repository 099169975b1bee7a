"""Every program and every terminal that a page shows, run as the page shows it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import transcripts
from engine import ROOT, Engine

DOCS = ROOT / "docs"
#: Where the files are which pages include.
PLACES = (DOCS / "snippets", DOCS / "recipes", DOCS / "snippets" / "alone")
TRANSCRIPTS = sorted(path for place in PLACES for path in place.glob("*.console"))


def lay(directory: Path, place: Path) -> None:
    """The small project that programs of pages work on, and the programs beside it."""
    shutil.copytree(DOCS / "snippets" / "project", directory, dirs_exist_ok=True)
    for programs in {DOCS / "snippets", place}:
        for program in programs.glob("*.py"):
            shutil.copy(program, directory)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=[str(path.relative_to(DOCS)) for path in TRANSCRIPTS])
def test_transcript(
    path: Path,
    engine: Engine,
    make_engine: Callable[[], Engine],
    stand_ins: dict[str, str],
    tmp_path: Path,
) -> None:
    lay(tmp_path, path.parent)
    text = path.read_text()
    for address, real in stand_ins.items():
        text = text.replace(address, real)
    # What looks at the whole cache, or changes it, has an engine of its own.
    chosen = make_engine() if path.parent.name == "alone" else engine
    try:
        environment = {**chosen.env, "HOME": str(tmp_path)}
        # As Debian's profile has it.
        environment["PATH"] = f"{tmp_path / '.local' / 'bin'}:{environment['PATH']}"
        transcripts.run(text, tmp_path, environment)
    finally:
        if chosen is not engine:
            chosen.stop()


@pytest.mark.parametrize(
    "program",
    [path for place in PLACES for path in sorted(place.glob("*.py"))],
    ids=lambda path: str(path.relative_to(DOCS)),
)
def test_each_program_is_run(program: Path) -> None:
    commands = [
        entry.command
        for path in program.parent.glob("*.console")
        for entry in transcripts.parse(path.read_text())
    ]
    assert any(program.name in command.split() for command in commands), "no transcript beside it runs it"


def test_a_difference_is_found(tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin"}
    transcripts.run(
        "$ echo a; echo b >&2\na\nb\n$ X=1\n$ echo $X; seq 5\n1\n1\n…\n5\n", tmp_path, environment
    )
    transcripts.run("$ echo in 0.012s, 3 MB; echo 7 s\nin 1.5s, 20.1 kB\n12 ms\n", tmp_path, environment)
    for text in ("$ echo 3 s\n3 MB\n", "$ echo 1.x s\n1.2 s\n", "$ echo 3 steps\n4 steps\n"):
        with pytest.raises(transcripts.Different):
            transcripts.run(text, tmp_path, environment)
    for text in ("$ echo a\nb\n", "$ false\n", "$ echo a b\na\n", "$ exit 0\n$ echo a\na\n", "no command"):
        with pytest.raises(transcripts.Different):
            transcripts.run(text, tmp_path, environment)
