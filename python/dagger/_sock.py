"""Requests to a session on plain sockets: connections are kept and used again. Threads may share it."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from typing import TYPE_CHECKING

from dagger._errors import ClientConnectionError, ExecuteTimeoutError, TransportError
from dagger._http import (
    CONNECT_PAUSE,
    CONNECT_TRIES,
    MOST_CONNECTIONS,
    OTHER_PROCESS,
    Answer,
    head,
    no_answer,
    not_taken,
    refused,
    request,
)

if TYPE_CHECKING:
    from dagger._config import Retry, Timeout
    from dagger._params import Params

PIECE = 256 * 1024
"""Bytes that are read at once."""


class SyncHttp:
    """The kept connections to a session."""

    def __init__(self, params: Params, timeout: Timeout, retry: Retry | None) -> None:
        self.params = params
        self._head = head(params.port, params.token)
        self._timeout = timeout
        self._retry = retry
        self._idle: list[socket.socket] = []
        self._process = os.getpid()
        self._places = threading.BoundedSemaphore(MOST_CONNECTIONS)

    def post(self, document: str) -> Answer:
        """The answer to a document.

        Raises:
            ClientConnectionError: Nothing listens, or this is a fork of the process that opened the session.
            TransportError: The connection broke off.
            ExecuteTimeoutError: The answer takes too long.
        """
        if os.getpid() != self._process:
            raise ClientConnectionError(OTHER_PROCESS)
        data = request(self._head, document)
        with self._places:
            return self._exchange(data)

    def _exchange(self, data: bytes) -> Answer:
        # Taking from a list and adding to it need no lock.
        while self._idle:
            try:
                kept = self._idle.pop()
            except IndexError:
                break
            answer = Answer()
            try:
                return self._ask(kept, data, answer)
            except ExecuteTimeoutError:
                raise
            except TransportError:
                if self._retry is None or not self._retry.execute or answer.begun:
                    raise
                # The session closed the kept connection at this very moment.
        return self._ask(self._connect(), data, Answer())

    def _ask(self, connection: socket.socket, data: bytes, answer: Answer) -> Answer:
        seconds = self._timeout.read
        end = None if seconds is None else time.monotonic() + seconds
        try:
            _limit(connection, end)
            connection.sendall(data)
            while not answer.done:
                _limit(connection, end)
                piece = connection.recv(PIECE)
                if piece:
                    answer.feed(piece)
                else:
                    answer.end()
        except TimeoutError:
            connection.close()
            assert seconds is not None
            raise no_answer(seconds, self._timeout._setting) from None
        except OSError as error:
            connection.close()
            msg = f"the session broke the connection off: {error.strerror or error}"
            raise TransportError(msg) from None
        except BaseException:
            # Interrupted. A process that was forked off may hold it as well: closing alone ends nothing.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
            raise
        if answer.keep:
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    def _connect(self) -> socket.socket:
        tries = CONNECT_TRIES if self._retry is not None and self._retry.connect else 1
        while True:
            tries -= 1
            try:
                connection = socket.create_connection(("127.0.0.1", self.params.port), self._timeout.connect)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return connection
            except TimeoutError:
                raise not_taken(self.params.port, self._timeout.connect) from None
            except OSError as error:
                if not tries:
                    raise refused(self.params.port, error) from None
            time.sleep(CONNECT_PAUSE)

    def close(self) -> None:
        """Closes all connections that are kept."""
        while self._idle:
            self._idle.pop().close()


def _limit(connection: socket.socket, end: float | None) -> None:
    if end is None:
        connection.settimeout(None)
        return
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    connection.settimeout(left)
