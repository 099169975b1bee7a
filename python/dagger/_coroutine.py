"""What a method gives whose value is awaited: a coroutine that refuses to be taken for the value.

`if directory.exists("a"):` without `await` would always be true, and a deployment would go on; Python only
warns of that. So what has a meaning for values alone is a `TypeError` here. All that is done with coroutines
works as with any other: tasks, `gather`, libraries beside asyncio, `inspect.iscoroutine`.
"""

from __future__ import annotations

import functools
import inspect
import sys
from sys import _getframe
from types import CoroutineType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any, TypeVar

from dagger._types import Enum

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator
    from typing import NoReturn

__tracebackhide__ = True  # As in the generated modules: pytest leaves these frames out.

F = TypeVar("F", bound="Callable[..., Coroutine[Any, Any, Any]]")

VALUES = (str, int, float, list, tuple, bytes, dict, set, frozenset, Enum, type(None))
"""Types of values that are awaited, and what they are compared with: nobody compares a coroutine with one."""


class Unawaited:
    """A coroutine of the API."""

    __slots__ = ("__weakref__", "_call", "_coroutine", "_told")

    def __init__(self, coroutine: CoroutineType[Any, Any, Any], *call: Any) -> None:
        self._coroutine = coroutine
        self._call = call
        self._told = False

    # What asks for the class is told what the thing is: `isinstance(x, CoroutineType)` is a common test.
    if not TYPE_CHECKING:  # Checkers know no class that says so.
        __class__ = property(lambda _self: CoroutineType)

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._usable().__await__()

    # Properties, so that this class has no frame in the tracebacks of tasks, which call these.
    send = property(lambda self: self._usable().send)
    throw = property(lambda self: self._usable().throw)
    close = property(lambda self: self._coroutine.close)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("cr_"):
            return getattr(self._usable(), name)
        if name.startswith("__"):
            return getattr(self._coroutine, name)
        message = f"'coroutine' object has no attribute {name!r}"
        if not name.startswith("_"):
            message = f"{message}; {self._first(f'.{name}')}"
        raise AttributeError(message, name=name, obj=self)

    def __repr__(self) -> str:
        return repr(self._coroutine)

    def __bool__(self) -> bool:
        if _getframe(1).f_globals.get("__name__") == "asyncio.base_tasks":
            # Asks whether a task has a coroutine, for its `repr`.
            return True
        raise self._mistake()

    def __str__(self) -> str:
        mistake = self._mistake()
        try:
            _getframe(1)
        except ValueError:
            # The interpreter itself prints it, as it ends after `sys.exit(container.exit_code())` with
            # status 1. It would say nothing of an error here.
            return f"sys.exit: {mistake}"
        raise mistake

    def __format__(self, _spec: str) -> NoReturn:
        raise self._mistake()

    def __bytes__(self) -> NoReturn:
        raise self._mistake()

    def __iter__(self) -> NoReturn:
        raise self._mistake()

    def __contains__(self, _item: Any) -> NoReturn:
        raise self._mistake()

    def __getitem__(self, _index: Any) -> NoReturn:
        raise TypeError(self._first("[...]"))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, VALUES):
            raise self._mistake()
        return self is other

    __hash__ = object.__hash__

    def __reduce__(self) -> NoReturn:
        raise self._mistake()

    def _usable(self) -> CoroutineType[Any, Any, Any]:
        """The coroutine; another one if that was closed here."""
        if self._told:
            method, args, kwargs = self._call
            self._coroutine, self._told = method(*args, **kwargs), False
        return self._coroutine

    def _tell(self) -> str:
        """The name of the method. What is told with it need not be told again by a warning of Python."""
        if inspect.getcoroutinestate(self._coroutine) == inspect.CORO_CREATED:
            self._coroutine.close()
            self._told = True
        return self._coroutine.__qualname__

    def _mistake(self) -> TypeError:
        return TypeError(
            f"{self._tell()}() has to be awaited: without `await` it is a coroutine, not its result"
        )

    def _first(self, then: str) -> str:
        name = self._tell()
        return f"{name}() has to be awaited first, in brackets: (await ….{name.rsplit('.', 1)[-1]}()){then}"


def _refuse(self: Unawaited, *_: Any) -> NoReturn:
    raise self._mistake()


for _name in ("len", "int", "float", "index", "round", "abs", "neg", "lt", "le", "gt", "ge"):
    setattr(Unawaited, f"__{_name}__", _refuse)
for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod"):
    setattr(Unawaited, f"__{_name}__", _refuse)
    setattr(Unawaited, f"__r{_name}__", _refuse)

# Messages of Python itself name it.
Unawaited.__name__ = Unawaited.__qualname__ = "coroutine"


if TYPE_CHECKING:

    def awaited(method: F) -> F:
        """Type checkers see a coroutine function as it is."""
        return method

elif sys.version_info >= (3, 12):

    def awaited(method: F) -> F:
        """Makes a coroutine function give an `Unawaited`; it stays a coroutine function for whoever asks."""

        @functools.wraps(method)
        def call(*args: Any, **kwargs: Any) -> Unawaited:
            return Unawaited(method(*args, **kwargs), method, args, kwargs)

        return inspect.markcoroutinefunction(call)

else:

    class awaited:  # noqa: N801 - a decorator, as above
        """The same where functions cannot be marked: `inspect` looks at their code, which is the method's."""

        __class__ = property(lambda _self: FunctionType)

        def __init__(self, method: F) -> None:
            functools.update_wrapper(self, method)

        def __get__(self, owner: object, _kind: object = None) -> Any:
            return self if owner is None else MethodType(self, owner)

        def __call__(self, *args: Any, **kwargs: Any) -> Unawaited:
            method = self.__wrapped__
            return Unawaited(method(*args, **kwargs), method, args, kwargs)

        def __getattr__(self, name: str) -> Any:
            # `__code__`, `__defaults__` and the like. Before `__init__` there is nothing to ask.
            if name == "__wrapped__":
                raise AttributeError(name)
            return getattr(self.__wrapped__, name)

        def __repr__(self) -> str:
            return repr(self.__wrapped__)

        def __reduce__(self) -> str:
            return self.__qualname__
