"""What all generated classes have in common: an object is the chain of calls that leads to it."""

from __future__ import annotations

from contextlib import suppress
from sys import _getframe
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from dagger._errors import DaggerError, QueryError
from dagger._query import plan
from dagger._query.decode import required
from dagger._query.encode import call
from dagger._query.step import Step, cut, same

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from typing import NoReturn

    from typing_extensions import Self

    from dagger._link import AsyncLink, Link, SyncLink
    from dagger._query.encode import Arg
    from dagger._query.step import Known

__tracebackhide__ = True  # As in the generated modules: pytest leaves these frames out.

T = TypeVar("T")
B = TypeVar("B", bound="Base")
A = TypeVar("A", bound="Object")
S = TypeVar("S", bound="SyncObject")


class Base:
    """An object of the API: immutable, comparable, and not computed before something asks for a value."""

    __slots__ = ("__weakref__", "_link", "_step")

    _type: ClassVar[str] = ""
    """Name of the type in the API."""

    _names: ClassVar[tuple[str, ...]] = ()
    """That name and those of the interfaces."""

    if TYPE_CHECKING:  # Checkers find the mistake.

        def __init__(self, link: Link, step: Step | None) -> None:
            self._link = link
            self._step = step

    else:

        def __init__(self, link=None, step=None) -> None:  # noqa: ANN001 - they are above
            if link is None:
                from dagger._missing import unmade

                raise unmade(type(self))
            self._link = link
            self._step = step

    def _new(self, kind: type[B], field: str, *args: Arg) -> B:
        """The object that a call gives."""
        try:
            step = Step(self._step, kind._type, field, call(self._type, field, args))
        except TypeError as error:
            error.__traceback__ = None
            raise
        if self._link.places:
            # The caller of the method that called this.
            frame = _getframe(2)
            if frame.f_code is _GIVEN:
                # What is no Python function called it, such as a `partial`: the line is that of `with_`.
                frame = _getframe(4)
            step.place = (frame.f_code, frame.f_lasti)
        return kind(self._link, step)

    def _given(self, cb: Callable[[Any], B]) -> B:
        """What the function of `with_` gives."""
        made = cb(self) if callable(cb) else None
        if isinstance(made, Base):
            return made
        from dagger._missing import given

        raise given(self, cb, made)

    def _load(self, kind: type[B], id_: str) -> B:
        """The object that has an ID."""
        if not isinstance(id_, str):
            msg = f"an ID must be a string, not {type(id_).__name__}"
            raise TypeError(msg)
        return kind(self._link, Step.loaded(kind._type, id_, given=True))

    def _after(self, kind: type[B], known: Known, found: Any, where: str) -> B:
        """The object whose ID is what `sync` or the like gave."""
        if kind is type(self) and self._step is not None and where.endswith(".sync"):
            return kind(self._link, self._step.computed(known, required(found, where)))
        return self._loaded(kind, found, where)

    def _all(self, kind: type[B], found: Any, where: str) -> list[B]:
        return [self._loaded(kind, item["id"], where) for item in found or ()]

    def _tell(self, error: DaggerError | TypeError, field: str, args: Sequence[Arg]) -> Sequence[Step]:
        """Takes the frames of this package out of an error, which help nobody, and says which lines made it.

        Where the error is raised again by a bare `raise`, the frame of that is not told either. What it gives
        are calls of which the engine has to say which one it was.
        """
        error.__traceback__ = None
        if not (isinstance(error, QueryError) and self._link.places):
            return ()
        from dagger._places import blame

        _, refs = cut(call(self._type, field, args))
        unsure = blame(error, (self._step, *refs))
        if not unsure:
            self._link.annotate(error)
        return unsure

    def _told(self, error: QueryError, found: Step | None) -> None:
        """The engine has said which call it was; `None` where it knows none of them."""
        from dagger._places import settle

        if found is not None:
            settle(error, [found])
        self._link.annotate(error)

    def _loaded(self, kind: type[B], id_: Any, where: str) -> B:
        return kind(self._link, Step.loaded(kind._type, required(id_, where)))

    if not TYPE_CHECKING:  # Checkers would believe that any name exists.

        def __getattr__(self, name: str) -> NoReturn:
            from dagger._missing import attribute

            raise AttributeError(attribute(self, name), name=name, obj=self)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, Base) and same(self._step, other._step)

    def __hash__(self) -> int:
        return hash((type(self), self._step.key if self._step is not None else 0))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: Any) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        msg = (
            f"a {type(self).__name__} belongs to the session of this process and cannot be pickled; "
            "send its ID instead, and load it with load_..._from_id"
        )
        raise TypeError(msg)

    def __repr__(self) -> str:
        """The names of the calls, without their arguments: these may be secrets."""
        fields: list[str] = []
        step = self._step
        while step is not None and len(fields) < _SHOWN:
            fields.append(step.field or "node")
            step = step.parent
        if step is not None:
            fields.append("…")
        fields.reverse()
        calls = f" {'.'.join(fields)}" if fields else ""
        return f"<dagger.{type(self).__name__}{calls}>"


_GIVEN = Base._given.__code__

_SHOWN = 10
"""How many calls `repr` shows."""


class Object(Base):
    """An object whose values are awaited."""

    __slots__ = ()

    _link: AsyncLink

    # The methods that generated code calls are no coroutines themselves: so they are not in tracebacks.

    def _value(self, convert: Callable[[Any], T], field: str, *args: Arg) -> Coroutine[Any, Any, T]:
        """The value of a call that cannot be null."""
        where = f"{self._type}.{field}"
        return self._asked(field, args, "", lambda value, _: convert(required(value, where)))

    def _maybe(self, convert: Callable[[Any], T], field: str, *args: Arg) -> Coroutine[Any, Any, T | None]:
        """The value of a call that can be null."""
        return self._asked(field, args, "", lambda value, _: None if value is None else convert(value))

    def _objects(self, kind: type[A], field: str, *args: Arg) -> Coroutine[Any, Any, list[A]]:
        """The objects of a list."""
        return self._asked(field, args, "{id}", lambda found, _: self._all(kind, found, field))

    def _computed(self, kind: type[A], field: str, *args: Arg) -> Coroutine[Any, Any, A]:
        """The object whose ID a call gives after it was computed."""
        where = f"{self._type}.{field}"
        return self._asked(field, args, "", lambda found, known: self._after(kind, known, found, where))

    async def _explain(self, error: DaggerError | TypeError, field: str, args: Sequence[Arg]) -> None:
        unsure = self._tell(error, field, args)
        if unsure and isinstance(error, QueryError):
            wanted, found = error.error.extensions["call"], None
            # The error is what matters.
            with suppress(DaggerError):
                found, _ = await self._link.run(lambda known: plan.named(known, unsure, wanted))
            self._told(error, found)

    async def _asked(
        self, field: str, args: tuple[Arg, ...], selection: str, finish: Callable[[Any, Known], T]
    ) -> T:
        try:
            parts, refs = cut([*call(self._type, field, args), selection])
            return finish(*await self._link.run(lambda known: plan.value(known, self._step, parts, refs)))
        except (DaggerError, TypeError) as error:
            await self._explain(error, field, args)
            raise

    async def _identity(self) -> str:
        """The ID of this object."""
        step = self._step
        if step is None:
            return await self._value(str, "id")
        try:
            found, _ = await self._link.run(lambda known: plan.identity(known, step))
        except DaggerError as error:
            await self._explain(error, "id", ())
            raise
        return str(found)


class SyncObject(Base):
    """An object whose values are waited for."""

    __slots__ = ()

    _link: SyncLink

    def _value(self, convert: Callable[[Any], T], field: str, *args: Arg) -> T:
        """The value of a call that cannot be null."""
        where = f"{self._type}.{field}"
        try:
            return self._asked(field, args, "", lambda value, _: convert(required(value, where)))
        except (DaggerError, TypeError) as error:
            error.__traceback__ = None
            raise

    def _maybe(self, convert: Callable[[Any], T], field: str, *args: Arg) -> T | None:
        """The value of a call that can be null."""
        try:
            return self._asked(field, args, "", lambda value, _: None if value is None else convert(value))
        except (DaggerError, TypeError) as error:
            error.__traceback__ = None
            raise

    def _objects(self, kind: type[S], field: str, *args: Arg) -> list[S]:
        """The objects of a list."""
        try:
            return self._asked(field, args, "{id}", lambda found, _: self._all(kind, found, field))
        except (DaggerError, TypeError) as error:
            error.__traceback__ = None
            raise

    def _computed(self, kind: type[S], field: str, *args: Arg) -> S:
        """The object whose ID a call gives after it was computed."""
        where = f"{self._type}.{field}"
        try:
            return self._asked(field, args, "", lambda found, known: self._after(kind, known, found, where))
        except (DaggerError, TypeError) as error:
            error.__traceback__ = None
            raise

    def _explain(self, error: DaggerError | TypeError, field: str, args: Sequence[Arg]) -> None:
        unsure = self._tell(error, field, args)
        if unsure and isinstance(error, QueryError):
            wanted, found = error.error.extensions["call"], None
            # The error is what matters.
            with suppress(DaggerError):
                found, _ = self._link.run(lambda known: plan.named(known, unsure, wanted))
            self._told(error, found)

    def _asked(
        self, field: str, args: tuple[Arg, ...], selection: str, finish: Callable[[Any, Known], T]
    ) -> T:
        try:
            parts, refs = cut([*call(self._type, field, args), selection])
            return finish(*self._link.run(lambda known: plan.value(known, self._step, parts, refs)))
        except (DaggerError, TypeError) as error:
            self._explain(error, field, args)
            raise

    def _identity(self) -> str:
        """The ID of this object."""
        step = self._step
        if step is None:
            return self._value(str, "id")
        try:
            found, _ = self._link.run(lambda known: plan.identity(known, step))
        except DaggerError as error:
            self._explain(error, "id", ())
            raise
        return str(found)
