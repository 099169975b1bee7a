"""The calls that lead to an object, as an immutable linked list.

A step holds one call and the step before it, so adding a call costs the same however long the chain is, and
chains that fork share their beginning. Nothing here goes down a chain by recursion: chains are thousands of
steps long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from dagger._errors import InvalidQueryError
from dagger._query.encode import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType
    from typing import TypeAlias
    from weakref import WeakKeyDictionary

    from dagger._query.encode import Piece

    Known: TypeAlias = "WeakKeyDictionary[Step, str]"
    """The IDs that were found in one session. It is the session's: several use the same steps at once."""


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
        named: The ID, where nothing else is known of the object: it is the same in all sessions.
        given: Whether it was the program that gave that ID, and it may be wrong.
        found: Whether the ID was found in some session: only then it is worth while to look.
        place: Where the program made the call: code, and the offset in it; see `dagger._places`.
    """

    __slots__ = (
        "__weakref__",
        "field",
        "found",
        "given",
        "key",
        "named",
        "parent",
        "parts",
        "place",
        "refs",
        "type",
    )

    def __init__(self, parent: Step | None, type_: str, field: str, pieces: Sequence[Piece]) -> None:
        self.parent: Step | None = parent
        self.type: str = type_
        self.field: str = field
        self.parts: tuple[str, ...]
        self.refs: tuple[Step, ...]
        self.parts, self.refs = cut(pieces)
        self.named: str | None = None
        self.given: bool = False
        self.found: bool = False
        self.place: tuple[CodeType, int] | None = None
        self.key: int
        above = 0 if parent is None else parent.key
        self.key = hash((above, type_, self.parts, tuple([ref.key for ref in self.refs])))

    @classmethod
    def loaded(cls, type_: str, id_: str, *, given: bool = False) -> Step:
        """The object that has an ID."""
        step = cls(None, type_, "", [id_])
        step.named, step.given = str(id_), given
        return step

    def computed(self, known: Known, id_: str) -> Step:
        """The same object, as it was found in a session. In others it is the calls that lead to it."""
        step = Step.__new__(Step)
        for name in Step.__slots__[1:]:
            setattr(step, name, getattr(self, name))
        if step.named is None:
            step.learn(known, id_)
        else:
            step.named, step.given = str(id_), False
        return step

    def learn(self, known: Known, id_: str) -> None:
        """Its ID was found in a session."""
        known[self] = str(id_)
        self.found = True

    def id_in(self, known: Known) -> str | None:
        """Its ID in a session, if that is known."""
        if self.named is not None:
            return self.named
        return known.get(self) if self.found else None

    def text(self, known: Known) -> str:
        """The call, with the IDs of its arguments, which must be known."""
        return fill(known, self.parts, self.refs)


def fill(known: Known, parts: Sequence[str], refs: Sequence[Step]) -> str:
    """The text of a call with the IDs of its arguments.

    Raises:
        InvalidQueryError: One of these is not known: the call must not be sent without it.
    """
    if not refs:
        return parts[0]
    out = [parts[0]]
    for ref, part in zip(refs, parts[1:], strict=True):
        if (id_ := ref.id_in(known)) is None:
            msg = f"the ID of an argument is not known: {ref.type} ({ref.field})"
            raise InvalidQueryError(msg)
        out.append(quoted(id_))
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
