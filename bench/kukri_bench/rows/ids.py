"""IDs of long chains that nobody evaluated."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from kukri_bench.figures import Figure, ms, timed

if TYPE_CHECKING:
    from kukri_bench.context import Context

#: Steps of the chains.
STEPS = (3_000, 1_000)


def _chain(steps: int, leaf: str) -> str:
    """A document whose calls nobody has made before."""
    nonce = uuid.uuid4().hex
    fields = [f'withNewFile(path:"f{number}",contents:"{nonce}")' for number in range(steps)]
    return "{".join(["", "directory", *fields, leaf]) + "}" * (steps + 2)


def id_row(context: Context) -> list[Figure]:
    """Chains of several lengths, each length with an engine of its own."""
    return [figure for steps in STEPS for figure in _of_length(context, steps)]


def _of_length(context: Context, steps: int) -> list[Figure]:
    """The same document with `id` at its end and, in turn, with a leaf that needs none; then what is held.

    Reading the document and making its calls is in both, so the difference is what the ID costs.
    """
    whole, own, held, more = [], [], [], []
    with context.engine() as engine, engine.session() as session:
        for number in range(context.rounds(40) + 2):
            plain, asked = _chain(steps, "__typename"), _chain(steps, "id")
            without = timed(lambda plain=plain: session.ask(plain))
            took = timed(lambda asked=asked: session.ask(asked))
            name = session.leaf("id", asked)
            load = f'loadDirectoryFromID(id:"{name}")'
            again = timed(lambda load=load: session.ask(f"{{{load}{{id}}}}"))
            step = f'{{{load}{{withNewFile(path:"more",contents:"x"){{id}}}}}}'
            next_one = timed(lambda step=step: session.ask(step))
            if number >= 2:  # Threads start and tables grow in the first ones.
                whole.append(took)
                own.append(took - without)
                held.append(again)
                more.append(next_one)
    what = f"chain of {steps:,} steps"
    return [
        Figure(
            f"`id` of a new {what}, beyond the same document without it",
            "ms",
            ms("difference of two requests", own),
            1,
        ),
        Figure(f"`id` of a {what} that is held", "ms", ms("request", held), 1),
        Figure(f"`id` of one step more than a {what} that is held", "ms", ms("request", more), 1),
        Figure(f"a document with a new {what} and its `id`", "ms", ms("request", whole)),
    ]
