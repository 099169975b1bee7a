"""What a step's root and its mounts cost on the disk."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any

from engine import Engine

#: Files of a directory, so many that to place them all once more would be seen.
FILES = 1_500


def placed(engine: Engine) -> int:
    """Files and directories in all layers of the store."""
    layers = engine.root / "store" / "layers"
    return sum(len(directories) + len(files) for _, directories, files in os.walk(layers))


def test_an_edit_of_a_large_tree_costs_what_it_changes(engine: Engine, q: Any, tmp_path: Path) -> None:
    """Between two commands, by a call; and in a directory of the host that is mounted."""
    word = uuid.uuid4().hex
    script = f"mkdir -p /large/a; cd /large/a; for i in $(seq {FILES}); do echo {word} $i > $i; done"
    large = f'withExec(args: ["sh", "-c", "{script}"])'
    sources = tmp_path / "sources"
    (sources / "below").mkdir(parents=True)
    for number in range(FILES):
        (sources / "below" / str(number)).write_text(f"{word} {number}")

    def mounted() -> str:
        found = q.session.query('{ host { directory(path: "sources", noCache: true) { id } } }')
        return f'withMountedDirectory(path: "/sources", source: "{found["host"]["directory"]["id"]}")'

    def step(edit: str) -> str:
        script = "ls /large/a | wc -l; cat /large/x /sources/x"
        return str(q.ask(f'{large}\n{edit}\nwithExec(args: ["sh", "-c", "{script}"])', "stdout"))

    assert q.ask(f'{large}\n{mounted()}\nwithExec(args: ["true"])', "sync")
    before = placed(engine)
    for at in range(4):
        (sources / "x").write_text(f"host {at}\n")
        edit = f'withNewFile(path: "/large/x", contents: "call {at}\\n")\n{mounted()}'
        assert step(edit) == f"{FILES}\ncall {at}\nhost {at}\n"
    assert placed(engine) - before < FILES / 4
