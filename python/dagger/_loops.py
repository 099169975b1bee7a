"""What differs between the libraries that run coroutines, and which of them runs this program.

There are asyncio and trio; programs for anyio run on one of the two.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from dagger._errors import ClientConnectionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dagger._config import Retry, Timeout
    from dagger._params import Params
    from dagger._pool import Pool

T = TypeVar("T")

NONE_RUNS = "no event loop is running; the async API needs asyncio or trio, or use dagger.connect()"
"""Where the async API is used outside of all coroutines."""

OF_THE_PARENT = (
    "this process was forked off inside of an event loop, which runs in its parent alone; "
    "use asyncio.run() or dagger.connect() in this process"
)
"""Where a coroutine goes on after `os.fork()`."""


class Library(Protocol):
    """What is needed of such a library; the modules `_aio` and `_trio` are the two that there are."""

    def loop(self) -> Any:
        """What runs this coroutine: another object for every event loop."""
        ...

    def pool(self, params: Params, timeout: Timeout, retry: Retry | None) -> Pool[Any]:
        """Connections to a session, of which nothing is open yet."""
        ...

    async def pause(self, seconds: float) -> None:
        """Lets some time pass."""
        ...

    async def in_thread(self, function: Callable[[], T]) -> T:
        """The result of a function that blocks."""
        ...

    async def started(self, start: Callable[[], T], undo: Callable[[T], None]) -> T:
        """The result of a function that blocks; it is undone where nobody waits for it any more."""
        ...

    async def finished(self, function: Callable[[], T]) -> T:
        """The result of a function that blocks, and that must come to its end."""
        ...


def running() -> Library:
    """The library that runs this coroutine.

    Raises:
        ClientConnectionError: None does.
    """
    # Trio first: it can run as a guest of asyncio.
    if (trio := sys.modules.get("trio")) is not None:
        try:
            trio.lowlevel.current_task()
        except (AttributeError, RuntimeError):
            pass
        else:
            from dagger import _trio

            return _trio
    if _asyncio_runs():
        from dagger import _aio

        return _aio
    raise ClientConnectionError(OF_THE_PARENT if _Forked.inside else NONE_RUNS)


def _asyncio_runs() -> bool:
    """Whether an event loop of asyncio runs this.

    In a fork of a process in which one does, asyncio says that none does.
    """
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return False
    try:
        asyncio.get_running_loop()
    except (AttributeError, RuntimeError):
        return False
    return True


class _Forked:
    """Whether this process was forked off inside of an event loop of asyncio."""

    inside = False
    _about_to_be = False

    @classmethod
    def before(cls) -> None:
        cls._about_to_be = _asyncio_runs()

    @classmethod
    def after(cls) -> None:
        cls.inside = cls._about_to_be


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_Forked.before, after_in_child=_Forked.after)
