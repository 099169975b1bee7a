"""Answers to values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from dagger._errors import InvalidQueryError
from dagger._types import Enum

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
E = TypeVar("E", bound=Enum)


def required(value: Any, where: str) -> Any:
    """A value that must not be null.

    Raises:
        InvalidQueryError: It is.
    """
    if value is None:
        msg = f"{where}: the engine answered null where a value must be"
        raise InvalidQueryError(msg)
    return value


def nothing(_value: Any) -> None:
    """The answer of a call that gives nothing."""


def optional(convert: Callable[[Any], T]) -> Callable[[Any], T | None]:
    """A value that may be null."""
    return lambda value: None if value is None else convert(value)


def list_of(convert: Callable[[Any], T]) -> Callable[[Any], list[T]]:
    """A list, of which null is the empty one."""
    return lambda value: [convert(item) for item in value or ()]


def member(kind: type[E]) -> Callable[[Any], E]:
    """A member of an enum, by its name."""
    return lambda name: kind[name]
