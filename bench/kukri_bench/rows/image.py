"""A large image."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from kukri_bench.context import BIG, Context
from kukri_bench.figures import Figure, Samples, ms, timed

if TYPE_CHECKING:
    from pathlib import Path


def image_row(context: Context) -> list[Figure]:
    """Pulled and unpacked into an empty store, until a first command has run in it."""
    layers, size = _layers(context)
    document = f'{{container{{from(address:"{BIG}"){{withExec(args:["true"]){{sync}}}}}}}}'
    pulls, floors = [], []
    for number in range(context.rounds(3)):
        with context.engine() as engine, engine.session() as session:
            pulls.append(timed(lambda session=session: session.ask(document)))
        floors.append(timed(lambda number=number: _unpack(layers, context.scratch / f"unpacked-{number}")))
    return [
        Figure(
            f"image of {len(layers)} layers, {size:.0f} MB compressed: pull, unpack, run `true`",
            "s",
            Samples("request", tuple(pulls)),
            1.5,
            of_floor=True,
            floor=Samples("gunzip, SHA-256 of both sides and untar, 2 layers at a time", tuple(floors)),
            notes=[f"layers: {json.dumps([path.stat().st_size for path in layers])} bytes"],
        )
    ]


def _layers(context: Context) -> tuple[list[Path], float]:
    """Those of the large image, which is in the registry from then on, and their size in megabytes."""
    image = context.big
    layers = [image.path(blob) for blob in image.blobs()[1:]]
    return layers, sum(path.stat().st_size for path in layers) / 1e6


def edit_row(context: Context) -> list[Figure]:
    """A file more in a large image, and a command after it; beside it the command alone."""
    _, size = _layers(context)
    edits, alone = [], []

    def run(step: str, contents: str) -> str:
        parts = [
            "",
            "container",
            f'from(address:"{BIG}")',
            step.format(contents),
            'withExec(args:["true"])',
            "sync",
        ]
        return "{".join(parts) + "}" * 5

    with context.engine() as engine, engine.session() as session:
        for number in range(context.rounds(41)):
            for step, times in (
                ('withNewFile(path:"/srv/version",contents:"{}")', edits),
                ('withEnvVariable(name:"VERSION",value:"{}")', alone),
            ):
                document = run(step, f"{number}")
                times.append(timed(lambda document=document: session.ask(document)))
    # The first of each has the pull in it.
    return [
        Figure(
            f"one new file in an image of {size:.0f} MB compressed, then `true`",
            "ms",
            ms("request", edits[1:]),
            20,
            floor=ms("`true` without the file", alone[1:]),
        )
    ]


#: Checks the compressed and the plain digest, as whoever pulls has to.
_LAYER = 'sha256sum "$0" >/dev/null & gzip -dc "$0" | tee >(sha256sum >/dev/null) | tar -x -p -C "$1" && wait'


def _unpack(layers: list[Path], target: Path) -> None:
    """With ordinary tools, two layers at a time, the largest first."""
    work = []
    for number, layer in enumerate(sorted(layers, key=lambda path: -path.stat().st_size)):
        directory = target / str(number)
        directory.mkdir(parents=True)
        work.append(f"{layer}\0{directory}\0")
    command = ["xargs", "-0", "-n", "2", "-P", "2", "bash", "-o", "pipefail", "-c", _LAYER]
    subprocess.run(command, input="".join(work).encode(), check=True)
