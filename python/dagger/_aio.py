"""Requests to a session on asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from typing import TYPE_CHECKING, Any, TypeVar, cast

from dagger._errors import TransportError
from dagger._http import MOST_CONNECTIONS, Answer
from dagger._pool import Late, Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from dagger._config import Retry, Timeout
    from dagger._params import Params

T = TypeVar("T")


def loop() -> asyncio.AbstractEventLoop:
    """What runs this coroutine."""
    return asyncio.get_running_loop()


def pool(params: Params, timeout: Timeout, retry: Retry | None) -> AioPool:
    """Connections to a session, of which nothing is open yet."""
    return AioPool(params, timeout, retry)


async def pause(seconds: float) -> None:
    """Lets some time pass."""
    await asyncio.sleep(seconds)


async def in_thread(function: Callable[[], T]) -> T:
    """The result of a function that blocks."""
    return await asyncio.to_thread(function)


async def started(start: Callable[[], T], undo: Callable[[T], None]) -> T:
    """The result of a function that blocks; it is undone where nobody waits for it any more."""
    starting = asyncio.ensure_future(asyncio.to_thread(start))

    def undone(done: asyncio.Future[T]) -> None:
        if not done.cancelled() and done.exception() is None:
            undo(done.result())

    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        # The thread cannot be cancelled: end what it started as soon as it has.
        starting.add_done_callback(undone)
        raise


async def finished(function: Callable[[], T]) -> T:
    """The result of a function that blocks, and that must come to its end."""
    return await asyncio.shield(asyncio.to_thread(function))


class AioConnection(asyncio.Protocol):
    """One connection; at most one request is under way on it."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.answer: Answer | None = None
        self.waiter: asyncio.Future[None] | None = None
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Those of other event loops, such as uvloop's, are no instances of any class of asyncio.
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self.answer is None:
            self.close()
            return
        try:
            self.answer.feed(data)
        except TransportError as error:
            self._finish(error)
            return
        if self.answer.done:
            self._finish(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        if self.answer is None:
            return
        try:
            self.answer.end()
        except TransportError as error:
            self._finish(error)
        else:
            self._finish(None)

    def _finish(self, error: TransportError | None) -> None:
        if self.waiter is None or self.waiter.done():
            return
        if error is None:
            self.waiter.set_result(None)
        else:
            self.waiter.set_exception(error)

    async def ask(self, data: bytes, answer: Answer) -> None:
        assert self.transport is not None
        self.answer = answer
        self.waiter = asyncio.get_running_loop().create_future()
        if self.lost:
            self.connection_lost(None)
        else:
            self.transport.write(data)
        try:
            await self.waiter
        except BaseException:
            # Cancelled, or broken: the session stops the work when the connection goes.
            self.close()
            raise
        finally:
            self.waiter = self.answer = None

    def close(self) -> None:
        self.lost = True
        if self.transport is None:
            return
        opened: socket.socket | None = self.transport.get_extra_info("socket")
        if opened is not None and opened.fileno() >= 0:
            # A process that was forked off may hold it as well: closing alone would end nothing.
            # By a copy: what uvloop gives as its socket cannot be shut down.
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(opened.fileno())) as copy:
                copy.shutdown(socket.SHUT_RDWR)
        self.transport.abort()


class AioPool(Pool[AioConnection]):
    """The connections of one event loop."""

    def __init__(self, params: Params, timeout: Timeout, retry: Retry | None) -> None:
        super().__init__(params, timeout, retry)
        self._loop = asyncio.get_running_loop()

    def _new_places(self) -> asyncio.Semaphore:
        return asyncio.Semaphore(MOST_CONNECTIONS)

    async def _open(self) -> AioConnection:
        _, connection = await self._loop.create_connection(AioConnection, "127.0.0.1", self._port)
        return connection

    async def _pause(self, seconds: float) -> None:
        await pause(seconds)

    async def _within(self, seconds: float | None, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        try:
            return await asyncio.wait_for(work(), seconds)
        except asyncio.TimeoutError:
            raise Late from None

    def close_soon(self) -> None:
        # It may end at this very moment, and the connections with it.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.close)

    def ended(self) -> bool:
        return self._loop.is_closed()
