"""What objects hold: the way to the session in which their values are asked for.

A link outlives its sessions: an object that was made before a session began, or in an earlier one, can be
used in it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from dagger._config import SOURCE_LINES
from dagger._errors import ClientConnectionError, DaggerError, ExecuteTimeoutError, TransportError
from dagger._http import data

if TYPE_CHECKING:
    from collections.abc import Callable

    from dagger._errors import QueryError
    from dagger._params import Params
    from dagger._pool import AsyncHttp
    from dagger._process import SessionProcess
    from dagger._query.plan import Plan
    from dagger._query.step import Known
    from dagger._sock import SyncHttp

_numbers = itertools.count(1)


def next_number() -> int:
    """The number of a session that begins now: it is higher than those of all before."""
    return next(_numbers)


UNANSWERED = (
    "the session was closed before this was answered; "
    "wait for all results inside of the `with` block of the connection"
)
"""Where the program itself has closed it, while a task or a thread waited."""

PATIENCE = 1.0
"""Seconds from the end of a session that an exception has ended, until what still waits is told of it.

Usually something cancels these tasks by then: a task group that the exception reaches next, or `asyncio.run`.
An error in each of them would hide the one that matters: a group even forgets it where a task fails before.
"""

LOOK = 0.02
"""Seconds between looks whether that time is over."""


class AsyncSession:
    """A session of an async program.

    Attributes:
        known: The IDs of objects in it. Objects do not hold them: several sessions may use one at once.
        places: Whether calls that are made in its block remember where that was.
        left: Whether the block of its connection was left, and the session ends with that.
        broken: Whether an exception left it.
        over: When the session had ended, by `time.monotonic`.
    """

    def __init__(
        self, http: AsyncHttp, process: SessionProcess | None, loop: object, *, places: bool
    ) -> None:
        self.number = next_number()
        self.known: Known = WeakKeyDictionary()
        self.places = places
        self.http = http
        self.process = process
        self.loop = loop
        self.left = self.broken = False
        self.over: float | None = None

    async def patience(self) -> None:
        """Waits to be cancelled, if an exception has just ended the session."""
        if not self.broken:
            return
        from dagger._loops import running

        while self.over is None or time.monotonic() < self.over + PATIENCE:
            await running().pause(LOOK)

    async def ask(self, document: str) -> dict[str, Any]:
        """The `data` of the answer to a document."""
        try:
            return data(await self.http.post(document), document)
        except ExecuteTimeoutError:
            raise
        except (ClientConnectionError, TransportError) as caught:
            error, process = caught, self.process
            if self.left:
                await self.patience()
                raise TransportError(UNANSWERED) from None
            if process is None or self.http.foreign:
                raise
            from dagger._loops import running

            raise await running().in_thread(lambda: _explained(error, process)) from None


class SyncSession:
    """A session of a sync program.

    Attributes:
        known: The IDs of objects in it.
        left: Whether the block of its connection was left, and the session ends with that.
    """

    def __init__(self, http: SyncHttp, process: SessionProcess | None) -> None:
        self.known: Known = WeakKeyDictionary()
        self.http = http
        self.process = process
        self.left = False

    def ask(self, document: str) -> dict[str, Any]:
        """The `data` of the answer to a document."""
        try:
            return data(self.http.post(document), document)
        except ExecuteTimeoutError:
            raise
        except (ClientConnectionError, TransportError) as error:
            if self.left:
                raise TransportError(UNANSWERED) from None
            if self.process is None:
                raise
            raise _explained(error, self.process) from None


class Link:
    """The way to a session."""

    ended = False
    """Whether there was a session, and is none any more."""

    chosen = SOURCE_LINES
    """What the configuration says of that."""

    @property
    def places(self) -> bool:
        """Whether calls remember where the program made them."""
        return self.chosen

    def params(self) -> Params:
        """Where the session listens."""
        raise self.missing()

    def annotate(self, error: QueryError) -> None:
        """Lets GitHub show an error next to the line of the program that it comes from."""
        if os.environ.get("GITHUB_ACTIONS") == "true":
            from dagger._annotate import annotate

            # The session may be closed meanwhile; the error is what matters.
            with contextlib.suppress(DaggerError):
                annotate(self.params(), error)

    def missing(self) -> ClientConnectionError | TransportError:
        """Why there is no session."""
        if self.ended:
            return TransportError(
                "the session of this object was closed; "
                "use the object inside of the `with` block of its connection"
            )
        return no_session(ended=False)


def no_session(*, ended: bool) -> ClientConnectionError:
    """There is none, or none any more; and how to begin one."""
    what = "there is no session any more, it has ended" if ended else "there is no session"
    return ClientConnectionError(
        f"{what}; use the object inside of `async with dagger.connection():`, "
        "start the program with `kukri run`, or set DAGGER_SESSION_PORT and DAGGER_SESSION_TOKEN"
    )


class AsyncLink(Link):
    """The way to a session of an async program."""

    last: AsyncSession | None = None
    """The session that ended last."""

    def session(self) -> AsyncSession:
        """The session.

        Raises:
            ClientConnectionError: There is none yet.
            TransportError: There is none any more.
        """
        raise self.missing()

    def params(self) -> Params:
        """Where the session listens."""
        return self.session().http.params

    def gone(self) -> AsyncSession | None:
        """The session that there would be if it had not ended."""
        return self.last

    async def run(self, start: Callable[[Known], Plan]) -> tuple[Any, Known]:
        """The result of a plan, and the IDs of the session in which it was found."""
        try:
            session = self.session()
        except (ClientConnectionError, TransportError):
            if (gone := self.gone()) is not None:
                await gone.patience()
            raise
        known = session.known
        plan = start(known)
        try:
            document = next(plan)
            while True:
                document = plan.send(await session.ask(document))
        except StopIteration as stop:
            return stop.value, known


class SyncLink(Link):
    """The way to a session of a sync program."""

    def session(self) -> SyncSession:
        """The session.

        Raises:
            ClientConnectionError: There is none yet.
            TransportError: There is none any more.
        """
        raise self.missing()

    def params(self) -> Params:
        """Where the session listens."""
        return self.session().http.params

    def run(self, start: Callable[[Known], Plan]) -> tuple[Any, Known]:
        """The result of a plan, and the IDs of the session in which it was found."""
        session = self.session()
        known = session.known
        plan = start(known)
        try:
            document = next(plan)
            while True:
                document = plan.send(session.ask(document))
        except StopIteration as stop:
            return stop.value, known


def _explained(
    error: ClientConnectionError | TransportError, process: SessionProcess
) -> ClientConnectionError | TransportError:
    """The error, with how the session's process ended, if it did."""
    how = process.ended()
    if not how:
        return error
    return TransportError(f"{error}{how}")
