"""Requests to a session from coroutines: connections are kept and used again, in each event loop its own."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from dagger._errors import ClientConnectionError, TransportError
from dagger._http import (
    CONNECT_PAUSE,
    CONNECT_TRIES,
    OTHER_PROCESS,
    Answer,
    head,
    no_answer,
    not_taken,
    refused,
    request,
)
from dagger._loops import running

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine
    from contextlib import AbstractAsyncContextManager

    from dagger._config import Retry, Timeout
    from dagger._params import Params

T = TypeVar("T")


class Late(Exception):
    """The time that was set for something is over."""


class Connection(Protocol):
    """One connection; at most one request is under way on it."""

    lost: bool

    async def ask(self, data: bytes, answer: Answer) -> None:
        """Sends a request and waits for its answer. The connection is closed where that fails.

        Raises:
            TransportError: The connection broke off.
        """

    def close(self) -> None:
        """Closes it at once."""


C = TypeVar("C", bound=Connection)


class Pool(ABC, Generic[C]):
    """The connections of one event loop. What its library has to do is left to the two that there are."""

    def __init__(self, params: Params, timeout: Timeout, retry: Retry | None) -> None:
        self._port = params.port
        self._timeout = timeout
        self._retry = retry
        self._idle: list[C] = []
        self._places = self._new_places()

    @abstractmethod
    def _new_places(self) -> AbstractAsyncContextManager[Any]:
        """What lets so many requests in at a time."""

    @abstractmethod
    async def _open(self) -> C:
        """A new connection, or `OSError`."""

    @abstractmethod
    async def _pause(self, seconds: float) -> None:
        """Lets some time pass."""

    @abstractmethod
    async def _within(self, seconds: float | None, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What a coroutine gives, or `Late`."""

    @abstractmethod
    def close_soon(self) -> None:
        """Closes it from another thread."""

    @abstractmethod
    def ended(self) -> bool:
        """Whether the event loop is over."""

    async def post(self, data: bytes) -> Answer:
        """The answer to a request."""
        seconds = self._timeout.read
        if seconds is None:
            return await self._post(data)
        try:
            return await self._within(seconds, lambda: self._post(data))
        except Late:
            raise no_answer(seconds, self._timeout._setting) from None

    async def _post(self, data: bytes) -> Answer:
        async with self._places:
            while self._idle:
                kept = self._idle.pop()
                if kept.lost:
                    continue
                answer = Answer()
                try:
                    return await self._ask(kept, data, answer)
                except TransportError:
                    if self._retry is None or not self._retry.execute or answer.begun:
                        raise
                    # The session closed the kept connection at this very moment.
            return await self._ask(await self._connect(), data, Answer())

    async def _ask(self, connection: C, data: bytes, answer: Answer) -> Answer:
        await connection.ask(data, answer)
        if answer.keep and not connection.lost:
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    async def _connect(self) -> C:
        tries = CONNECT_TRIES if self._retry is not None and self._retry.connect else 1
        while True:
            tries -= 1
            try:
                return await self._within(self._timeout.connect, self._open)
            except Late:
                raise not_taken(self._port, self._timeout.connect) from None
            except OSError as error:
                if not tries:
                    raise refused(self._port, error) from None
            await self._pause(CONNECT_PAUSE)

    def close(self) -> None:
        """Closes all connections that are kept."""
        while self._idle:
            self._idle.pop().close()


class AsyncHttp:
    """The kept connections to a session. Event loops of several threads may share it."""

    def __init__(self, params: Params, timeout: Timeout, retry: Retry | None) -> None:
        self.params = params
        self._head = head(params.port, params.token)
        self._timeout = timeout
        self._retry = retry
        self._process = os.getpid()
        self._pools: dict[Any, tuple[Pool[Any], AsyncGenerator[None, None]]] = {}

    @property
    def foreign(self) -> bool:
        """Whether this is a fork of the process that opened the session."""
        return os.getpid() != self._process

    async def post(self, document: str) -> Answer:
        """The answer to a document.

        Raises:
            ClientConnectionError: Nothing listens, or this is a fork of the process that opened the session.
            TransportError: The connection broke off.
            ExecuteTimeoutError: The answer takes too long.
        """
        if self.foreign:
            raise ClientConnectionError(OTHER_PROCESS)
        library = running()
        loop = library.loop()
        found = self._pools.get(loop)
        if found is None:
            self._forget_ended()
            guard = self._until_the_loop_ends(loop)
            found = self._pools[loop] = library.pool(self.params, self._timeout, self._retry), guard
            await guard.__anext__()
        return await found[0].post(request(self._head, document))

    async def _until_the_loop_ends(self, loop: Any) -> AsyncGenerator[None, None]:
        """Closes the connections before the event loop ends: it shuts generators like this down first."""
        try:
            yield
        finally:
            if (found := self._pools.pop(loop, None)) is not None:
                found[0].close()

    def _forget_ended(self) -> None:
        """Drops connections of event loops which ended without shutting down."""
        for loop, (pool, _) in list(self._pools.items()):
            if pool.ended():
                self._pools.pop(loop, None)

    def close(self) -> None:
        """Closes all connections that are kept."""
        try:
            here = running().loop()
        except ClientConnectionError:
            here = None
        for loop, (pool, _) in list(self._pools.items()):
            if loop is here:
                pool.close()
            elif not pool.ended():
                pool.close_soon()
