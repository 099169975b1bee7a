"""Requests to a session on trio. Imported only where trio runs the program."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any, TypeVar

import trio

from dagger._errors import TransportError
from dagger._http import MOST_CONNECTIONS, Answer
from dagger._pool import Late, Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from dagger._config import Retry, Timeout
    from dagger._params import Params

T = TypeVar("T")

PIECE = 256 * 1024
"""Bytes that are read at once."""


def loop() -> trio.lowlevel.TrioToken:
    """What runs this coroutine."""
    return trio.lowlevel.current_trio_token()


def pool(params: Params, timeout: Timeout, retry: Retry | None) -> TrioPool:
    """Connections to a session, of which nothing is open yet."""
    return TrioPool(params, timeout, retry)


async def pause(seconds: float) -> None:
    """Lets some time pass."""
    await trio.sleep(seconds)


async def in_thread(function: Callable[[], T]) -> T:
    """The result of a function that blocks."""
    return await trio.to_thread.run_sync(function)


async def started(start: Callable[[], T], undo: Callable[[T], None]) -> T:
    """The result of a function that blocks; it is undone where nobody waits for it any more."""
    lock = threading.Lock()
    left: list[T] | None = []

    def begin() -> T:
        result = start()
        with lock:
            if left is not None:
                left.append(result)
                return result
        undo(result)
        return result

    try:
        return await trio.to_thread.run_sync(begin, abandon_on_cancel=True)
    except trio.Cancelled:
        # The thread cannot be cancelled: end what it started as soon as it has.
        with lock:
            results, left = left, None
        for result in results or ():
            undo(result)
        raise


async def finished(function: Callable[[], T]) -> T:
    """The result of a function that blocks, and that must come to its end."""
    scope: Any = trio.CancelScope  # Checkers do not all know its arguments.
    results: list[T] = []
    with scope(shield=True):
        results.append(await trio.to_thread.run_sync(function))
    return results[0]


class TrioConnection:
    """One connection; at most one request is under way on it."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self.lost = False

    async def ask(self, data: bytes, answer: Answer) -> None:
        try:
            await self._stream.send_all(data)
            while not answer.done:
                piece = await self._stream.receive_some(PIECE)
                if piece:
                    answer.feed(piece)
                else:
                    answer.end()
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self.close()
            msg = f"the session broke the connection off: {error.__cause__ or error}"
            raise TransportError(msg) from None
        except BaseException:
            # Cancelled, or broken: the session stops the work when the connection goes.
            self.close()
            raise

    def close(self) -> None:
        self.lost = True
        opened: Any = self._stream.socket
        if opened.fileno() >= 0:
            # A process that was forked off may hold it as well: closing alone would end nothing.
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
        opened.close()


class TrioPool(Pool[TrioConnection]):
    """The connections of one `trio.run`."""

    def __init__(self, params: Params, timeout: Timeout, retry: Retry | None) -> None:
        super().__init__(params, timeout, retry)
        self._token = trio.lowlevel.current_trio_token()
        self._over = False

    def _new_places(self) -> trio.Semaphore:
        return trio.Semaphore(MOST_CONNECTIONS)

    async def _open(self) -> TrioConnection:
        opened = trio.socket.socket()
        try:
            await opened.connect(("127.0.0.1", self._port))
        except BaseException:
            opened.close()
            raise
        return TrioConnection(trio.SocketStream(opened))

    async def _pause(self, seconds: float) -> None:
        await pause(seconds)

    async def _within(self, seconds: float | None, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        if seconds is None:
            return await work()
        try:
            with trio.fail_after(seconds):
                return await work()
        except trio.TooSlowError:
            raise Late from None

    def close_soon(self) -> None:
        try:
            self._token.run_sync_soon(self.close)
        except trio.RunFinishedError:
            self._over = True

    def ended(self) -> bool:
        return self._over
