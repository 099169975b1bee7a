"""Which line of the program made the call that failed.

A call remembers the code it was made in and how far that had come: two references, taken from the frame of
the caller. Everything else, as the number of the line and its text, is looked for when something has failed.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from dagger._errors import ExecError, SourceLine
from dagger._query.encode import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import CodeType

    from dagger._errors import QueryError
    from dagger._query.step import Step

MOST_ASKED = 1000
"""Most calls whose IDs are asked for to find the one that the engine names."""


def depth() -> int:
    """How many frames the caller is below the program: for `stacklevel` of a warning."""
    from sys import _getframe

    mine = os.path.dirname(__file__) + os.sep
    frame, count = _getframe(1), 1
    while frame.f_code.co_filename.startswith(mine) and frame.f_back is not None:
        frame, count = frame.f_back, count + 1
    return count


def blame(error: QueryError, steps: Iterable[Step | None]) -> Sequence[Step]:
    """Tells an error which lines made the call that failed, as far as that can be known.

    Args:
        error: What the engine answered.
        steps: What was asked for.

    Returns:
        The calls that gave the same command in several lines, where the engine says by its ID which of them
        it was.
    """
    below = list(_below(steps))
    made = _execs(error, below) if isinstance(error, ExecError) else _named(error, below)
    settle(error, made)
    unsure = len(error.source) > 1 and error.error.extensions.get("call") and len(made) <= MOST_ASKED
    return made if unsure else ()


def settle(error: QueryError, made: Iterable[Step]) -> None:
    """Tells an error the lines of the calls that can have failed."""
    lines: dict[SourceLine, None] = {}
    for step in made:
        if step.place is not None:
            lines[_line(*step.place)] = None
    error.source = tuple(lines)


def _below(steps: Iterable[Step | None]) -> Iterator[Step]:
    """All calls on which some depend, and these."""
    todo = list(steps)
    seen: set[int] = set()
    while todo:
        step = todo.pop()
        if step is None or id(step) in seen:
            continue
        seen.add(id(step))
        yield step
        todo.append(step.parent)
        todo.extend(step.refs)


def _execs(error: ExecError, below: Sequence[Step]) -> list[Step]:
    """The calls that can have run the command."""
    execs = [step for step in below if step.field == "withExec"]
    words = [quoted(word) for word in error.command]
    # The command can begin with the container's entrypoint, which the call does not name.
    for start in range(len(words) + 1):
        text = f"withExec(args:[{','.join(words[start:])}]"
        if found := [step for step in execs if step.parts[0].startswith(text)]:
            return found
    # Variables were replaced in it.
    return [step for step in execs if "expand:true" in step.parts[0]]


def _named(error: QueryError, below: Sequence[Step]) -> list[Step]:
    """The call that the engine names, if there is only one of that name."""
    path = error.error.path
    found = [step for step in below if path and step.field == path[-1]]
    return found if len(found) == 1 else []


def _line(code: CodeType, offset: int) -> SourceLine:
    import dis
    import linecache

    number = code.co_firstlineno
    for start, line in dis.findlinestarts(code):
        if start > offset:
            break
        number = line or number
    return SourceLine(
        _short(code.co_filename), number, code.co_name, linecache.getline(code.co_filename, number).strip()
    )


def _cell(path: str) -> str:
    """What IPython calls the cell of a notebook: `Cell In[3]`. Its file has a name that nobody knows."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    named = getattr(getattr(shell, "compile", None), "format_code_name", None)
    label = named(path) if callable(named) else None
    return " ".join(label) if isinstance(label, tuple) else ""


def _short(path: str) -> str:
    """A path, relative to the current directory where it lies below."""
    if cell := _cell(path):
        return cell
    try:
        short = os.path.relpath(path)
    except (OSError, ValueError):
        return path
    return path if not os.path.isabs(path) or short.startswith(os.pardir) else short
