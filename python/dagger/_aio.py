"""Requests to a session on asyncio: connections are kept and used again."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from dagger._errors import ClientConnectionError, ExecuteTimeoutError, TransportError
from dagger._http import CONNECT_PAUSE, CONNECT_TRIES, MOST_CONNECTIONS, Answer, head, request

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from dagger._config import Retry, Timeout
    from dagger._params import Params


def running_loop() -> asyncio.AbstractEventLoop:
    """The loop that runs this.

    Raises:
        ClientConnectionError: None does, or one of another library.
    """
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        trio = sys.modules.get("trio")
        hint = "this program runs on trio" if trio is not None else "no asyncio event loop is running"
        msg = (
            f"{hint}; the async API needs asyncio (with anyio: its asyncio backend), or use dagger.connect()"
        )
        raise ClientConnectionError(msg) from None


class _Connection(asyncio.Protocol):
    """One connection; at most one request is under way on it."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.answer: Answer | None = None
        self.waiter: asyncio.Future[None] | None = None
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

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

    async def ask(self, data: bytes) -> Answer:
        """Sends a request and waits for its answer."""
        assert self.transport is not None
        self.answer = Answer()
        self.waiter = asyncio.get_running_loop().create_future()
        if self.lost:
            self.connection_lost(None)
        else:
            self.transport.write(data)
        try:
            await self.waiter
            return self.answer
        except BaseException:
            # Cancelled, or broken: the session stops the work when the connection goes.
            self.close()
            raise
        finally:
            self.waiter = None

    def close(self) -> None:
        self.lost = True
        if self.transport is not None:
            self.transport.abort()


class AsyncHttp:
    """The kept connections to a session."""

    def __init__(self, params: Params, timeout: Timeout, retry: Retry | None) -> None:
        self._params = params
        self._head = head(params.port, params.token)
        self._timeout = timeout
        self._retry = retry
        self._idle: list[_Connection] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._places = asyncio.Semaphore(MOST_CONNECTIONS)
        self._guard: AsyncGenerator[None, None] | None = None

    async def _until_the_loop_ends(self) -> AsyncGenerator[None, None]:
        """Closes the connections before the event loop ends: it shuts generators like this down first."""
        try:
            yield
        finally:
            self.close()

    async def post(self, document: str) -> Answer:
        """The answer to a document.

        Raises:
            ClientConnectionError: Nothing listens.
            TransportError: The connection broke off.
            ExecuteTimeoutError: The answer takes too long.
        """
        loop = running_loop()
        if loop is not self._loop:
            # Connections of an event loop that ended are of no use.
            self._idle.clear()
            self._loop = loop
            self._places = asyncio.Semaphore(MOST_CONNECTIONS)
            self._guard = self._until_the_loop_ends()
            await self._guard.__anext__()
        data = request(self._head, document)
        if self._timeout.read is None:
            return await self._post(data)
        try:
            return await asyncio.wait_for(self._post(data), self._timeout.read)
        except asyncio.TimeoutError:
            msg = (
                f"no answer came within {self._timeout.read:g} seconds (execute_timeout of the configuration)"
            )
            raise ExecuteTimeoutError(msg) from None

    async def _post(self, data: bytes) -> Answer:
        async with self._places:
            return await self._exchange(data)

    async def _exchange(self, data: bytes) -> Answer:
        while self._idle:
            kept = self._idle.pop()
            if kept.lost:
                continue
            try:
                return await self._ask(kept, data)
            except TransportError:
                if self._retry is None or not self._retry.execute or kept.answer is None or kept.answer.begun:
                    raise
                # The session closed the kept connection at this very moment.
        return await self._ask(await self._connect(), data)

    async def _ask(self, connection: _Connection, data: bytes) -> Answer:
        answer = await connection.ask(data)
        connection.answer = None
        if answer.keep and not connection.lost:
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    async def _connect(self) -> _Connection:
        tries = CONNECT_TRIES if self._retry is not None and self._retry.connect else 1
        while True:
            tries -= 1
            opening = asyncio.get_running_loop().create_connection(
                _Connection, "127.0.0.1", self._params.port
            )
            try:
                _, connection = await asyncio.wait_for(opening, self._timeout.connect)
                return connection
            except asyncio.TimeoutError:
                msg = f"port {self._params.port} took no connection within {self._timeout.connect} seconds"
                raise ClientConnectionError(msg) from None
            except OSError as error:
                if not tries:
                    msg = f"nothing listens on port {self._params.port}: {error.strerror or error}"
                    raise ClientConnectionError(msg) from None
            await asyncio.sleep(CONNECT_PAUSE)

    def close(self) -> None:
        """Closes all connections that are kept."""
        if self._loop is not None and not self._loop.is_closed():
            for connection in self._idle:
                connection.close()
        self._idle.clear()
