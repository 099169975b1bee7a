"""Which documents have to be sent for a value, in which order.

The IDs of objects cost the engine nothing, so documents are kept short: a chain that is longer than
`LONGEST` calls goes on from the ID of its beginning, and objects that are arguments are asked for their IDs
first, all that can be asked at once in one document. A plan is a generator: it yields documents and is sent
the `data` of their answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dagger._errors import InvalidQueryError, QueryError, QueryErrorValue
from dagger._query.encode import quoted
from dagger._query.step import fill

if TYPE_CHECKING:
    from collections.abc import Container, Generator, Iterable

    from dagger._query.step import Known, Step

    Plan = Generator[str, dict[str, Any], Any]

LONGEST = 100
"""Most calls of one chain in one document."""

WIDEST = 50
"""Most IDs that one document asks for."""


def value(known: Known, step: Step | None, parts: tuple[str, ...], refs: tuple[Step, ...]) -> Plan:
    """The value of a call on an object; `step` is `None` for the root."""
    yield from _know(known, step, refs)
    opening, depth = _open(known, step)
    data = yield f"{{{opening}{fill(known, parts, refs)}{'}' * depth}}}"
    return _inside(data, step)


def identity(known: Known, step: Step) -> Plan:
    """The ID of an object."""
    if (found := step.id_in(known)) is not None:
        return found
    yield from _resolve(known, [step])
    return step.id_in(known)


def named(known: Known, steps: Iterable[Step], wanted: str) -> Plan:
    """The step whose object has an ID, or `None`."""
    yield from _resolve(known, steps)
    return next((step for step in steps if step.id_in(known) == wanted), None)


def _know(known: Known, step: Step | None, refs: tuple[Step, ...]) -> Plan:
    """Asks for all IDs without which the call cannot be sent."""
    wanted = [ref for ref in refs if ref.id_in(known) is None]
    if step is not None:
        path = _path(known, step, ())
        for at, above in enumerate(path):
            wanted.extend(ref for ref in above.refs if ref.id_in(known) is None)
            if at + 1 == (len(path) - 1) // LONGEST * LONGEST:
                wanted.append(above)
    if wanted:
        yield from _resolve(known, wanted)


def _path(known: Known, step: Step, stop: Container[Step]) -> list[Step]:
    """The steps down to this one, from the nearest whose ID is known or will be."""
    path: list[Step] = []
    at: Step | None = step
    while at is not None and at.id_in(known) is None and (at is step or at not in stop):
        path.append(at)
        at = at.parent
    path.reverse()
    return path


def _resolve(known: Known, steps: Iterable[Step]) -> Plan:
    """Asks for IDs, those first on which others depend."""
    needs = _needs(known, steps)
    users: dict[Step, list[Step]] = {}
    for step, before in needs.items():
        for need in before:
            users.setdefault(need, []).append(step)
    ready = [step for step, before in needs.items() if not before]
    while ready:
        later: list[Step] = []
        for start in range(0, len(ready), WIDEST):
            batch = ready[start : start + WIDEST]
            yield from _ask(known, batch)
            for step in batch:
                for user in users.get(step, ()):
                    needs[user].discard(step)
                    if not needs[user]:
                        later.append(user)
        ready = later


def _needs(known: Known, steps: Iterable[Step]) -> dict[Step, set[Step]]:
    """All steps whose IDs have to be asked for, each with those that must be known before."""
    needs: dict[Step, set[Step]] = {}
    todo = [step for step in steps if step.id_in(known) is None]
    while todo:
        step = todo.pop()
        if step in needs:
            continue
        needs[step] = set()
        path = _path(known, step, needs)
        # Cut a long way into pieces, each of which goes on from the one before.
        ends = [path[at] for at in range(LONGEST - 1, len(path) - 1, LONGEST)]
        for end in ends:
            needs.setdefault(end, set())
        ends.append(step)
        if (above := path[0].parent) is not None and above.id_in(known) is None:
            needs[ends[0]].add(above)
        for at, end in enumerate(ends):
            if at:
                needs[end].add(ends[at - 1])
            for part in path[at * LONGEST : (at + 1) * LONGEST]:
                for ref in part.refs:
                    if ref.id_in(known) is None:
                        needs[end].add(ref)
                        todo.append(ref)
    return needs


def _ask(known: Known, steps: list[Step]) -> Plan:
    document: list[str] = ["{"]
    for at, step in enumerate(steps):
        opening, depth = _open(known, step)
        document.append(f"r{at}:{opening}id{'}' * depth} ")
    document.append("}")
    data = yield "".join(document)
    for at, step in enumerate(steps):
        found = _inside(data.get(f"r{at}"), step)
        if not isinstance(found, str):
            msg = f"the engine gave no ID for {step.type} ({step.field})"
            raise InvalidQueryError(msg)
        step.learn(known, found)


def _open(known: Known, step: Step | None) -> tuple[str, int]:
    """The beginning of a selection down to a step, and how many braces it opened."""
    texts: list[str] = []
    at = step
    while at is not None:
        if (found := at.id_in(known)) is not None:
            # The inline fragment opens a brace, and is no level of the answer. What an ID names that the
            # program gave is not known: where it is of another type, the fragment is left out of the answer.
            asked = "__typename " if at.given else ""
            texts.append(f"node(id:{quoted(found)}){{{asked}...on {at.type}")
            break
        texts.append(at.text(known))
        at = at.parent
    texts.reverse()
    return "".join([f"{text}{{" for text in texts]), len(texts) + (1 if at is not None else 0)


def _inside(data: Any, step: Step | None) -> Any:
    """The value at the end of an answer of single keys. No value is a dictionary itself."""
    while isinstance(data, dict):
        found = data.pop("__typename", None)
        if len(data) != 1:
            raise _of_another_type(step, found)
        (data,) = data.values()
    return data


def _of_another_type(step: Step | None, found: str | None) -> QueryError | InvalidQueryError:
    """Why an answer is empty: the ID at the beginning of the chain names something else."""
    while step is not None and not step.given:
        step = step.parent
    if step is None or found is None:
        return InvalidQueryError("the answer lacks what was asked for")
    return QueryError(
        [QueryErrorValue(f"load {step.type}: expected {step.type}, got {found}", path=["node"])]
    )
