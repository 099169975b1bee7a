"""The calls that lead to an object, as an immutable linked list.

A step holds one call and the step before it, so adding a call costs the same however long the chain is, and
chains that fork share their beginning. Nothing here goes down a chain by recursion: chains are thousands of
steps long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from dagger._query.encode import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType

    from dagger._query.encode import Piece

ANY_SESSION = -1
"""In `Step.known`: the ID was given by the program, and is sent to whatever session there is."""


class Ref(Protocol):
    """An object that is an argument: what leads to it."""

    @property
    def _step(self) -> Step | None: ...


class Step:
    """One call that gives an object.

    Attributes:
        parent: The step before it; `None` at the root.
        type: Name of the type of the object that it gives.
        field: Name of the call.
        parts: The call as text, cut where an ID belongs.
        refs: The steps whose IDs belong there.
        known: The number of a session, and the ID in it.
        place: Where the program made the call: code, and the offset in it; see `dagger._places`.
    """

    __slots__ = ("field", "key", "known", "parent", "parts", "place", "refs", "type")

    def __init__(self, parent: Step | None, type_: str, field: str, pieces: Sequence[Piece]) -> None:
        self.parent: Step | None = parent
        self.type: str = type_
        self.field: str = field
        self.parts: tuple[str, ...]
        self.refs: tuple[Step, ...]
        self.parts, self.refs = cut(pieces)
        self.known: tuple[int, str] | None = None
        self.place: tuple[CodeType, int] | None = None
        self.key: int
        above = 0 if parent is None else parent.key
        self.key = hash((above, type_, self.parts, tuple([ref.key for ref in self.refs])))

    @classmethod
    def loaded(cls, type_: str, id_: str, session: int = ANY_SESSION) -> Step:
        """The object that has an ID."""
        step = cls(None, type_, "", [id_])
        step.known = (session, str(id_))
        return step

    def computed(self, session: int, id_: str) -> Step:
        """The same object, as it was found in a session. In others it is the calls that lead to it."""
        step = Step.__new__(Step)
        for name in Step.__slots__:
            setattr(step, name, getattr(self, name))
        step.known = (session, str(id_))
        return step

    def id_in(self, session: int) -> str | None:
        """Its ID in a session, if that is known.

        Where nothing but an ID is known of an object, it is the same in all sessions.
        """
        known = self.known
        return known[1] if known is not None and (known[0] == session or not self.field) else None

    def text(self, session: int) -> str:
        """The call, with the IDs of its arguments, which must be known."""
        return fill(session, self.parts, self.refs)


def fill(session: int, parts: Sequence[str], refs: Sequence[Step]) -> str:
    """The text of a call with the IDs of its arguments, which must be known."""
    if not refs:
        return parts[0]
    out = [parts[0]]
    for ref, part in zip(refs, parts[1:], strict=True):
        out.append(quoted(ref.id_in(session) or ""))
        out.append(part)
    return "".join(out)


def cut(pieces: Sequence[Piece]) -> tuple[tuple[str, ...], tuple[Step, ...]]:
    """Pieces as text, cut where an ID belongs, and the steps whose IDs belong there."""
    parts: list[str] = []
    refs: list[Step] = []
    text: list[str] = []
    for piece in pieces:
        if isinstance(piece, str):
            text.append(piece)
        else:
            parts.append("".join(text))
            text.clear()
            refs.append(_step_of(piece))
    parts.append("".join(text))
    return tuple(parts), tuple(refs)


def _step_of(ref: Ref) -> Step:
    if ref._step is None:
        msg = "the root of the API cannot be an argument"
        raise TypeError(msg)
    return ref._step


def same(one: Step | None, other: Step | None) -> bool:
    """Whether two chains are made of the same calls."""
    pairs: list[tuple[Any, Any]] = [(one, other)]
    seen: set[tuple[int, int]] = set()
    while pairs:
        left, right = pairs.pop()
        while left is not right:
            if left is None or right is None or left.key != right.key or left.type != right.type:
                return False
            if left.parts != right.parts or len(left.refs) != len(right.refs):
                return False
            if (id(left), id(right)) in seen:
                break
            seen.add((id(left), id(right)))
            pairs.extend(zip(left.refs, right.refs, strict=True))
            left, right = left.parent, right.parent
    return True
