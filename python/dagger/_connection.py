"""Connections of async programs: `dagger.connection()` and `dagger.Connection()`."""

from __future__ import annotations

import functools
import inspect
import logging
import os
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from dagger import _params
from dagger._config import Config, checked
from dagger._errors import ClientConnectionError, DaggerError, ProvisionError, SessionError
from dagger._link import AsyncLink, AsyncSession, next_number, no_session
from dagger._loops import running
from dagger._pool import AsyncHttp

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator
    from contextvars import Token
    from types import TracebackType
    from typing import NoReturn

    from typing_extensions import Self

    from dagger._client import Client

logger = logging.getLogger("dagger")

P = ParamSpec("P")
R = TypeVar("R")

NOT_ASYNC = "this connection needs `async with`; without async: `with dagger.connect() as client:`"
"""Where it is used with a plain `with`."""


OPEN_ALREADY = "this connection is open already; make another one for a session beside it"
"""Where it is entered while it is: the session that it has would never be closed."""


async def begin(config: Config) -> AsyncSession:
    """A session: that which the environment names, or a new one."""
    try:
        return await _begin(config)
    except DaggerError as error:
        # Frames of this package help nobody; a bare `raise` adds none.
        error.__traceback__ = None
        raise


async def _begin(config: Config) -> AsyncSession:
    library = running()
    params = _params.from_env()
    process = None
    if params is None:
        from dagger._process import SessionProcess

        process = await library.started(lambda: SessionProcess(config), SessionProcess.kill)
        params = process.params
    elif config.workdir:
        raise ProvisionError(_params.FIXED_WORKDIR)
    http = AsyncHttp(params, config.timeouts(), config.retry)
    return AsyncSession(http, process, library.loop(), places=config.source_lines)


async def end(session: AsyncSession, failed: BaseException | None) -> None:
    """Ends a session; one that the environment names goes on."""
    session.http.close()
    # Tasks that were in it may keep it long. A plan that goes on keeps what it knows.
    session.known = WeakKeyDictionary()
    if session.process is None:
        return
    session.left, session.broken = True, failed is not None
    try:
        await running().finished(session.process.close)
    except SessionError as error:
        if failed is None:
            raise
        # The program's own error tells more.
        logger.warning("%s", error)
    finally:
        session.over = time.monotonic()


class SingleLink(AsyncLink):
    """The way to the session of one `Connection`."""

    def __init__(self) -> None:
        self.current: AsyncSession | None = None

    def session(self) -> AsyncSession:
        if self.current is None:
            raise self.missing()
        return self.current


class Block:
    """A block of `dagger.connection()`: the task that enters it is in it, and so are tasks that begin there.

    Attributes:
        session: Its session.
        outer: The block around it.
        left: Whether it was left.
        over: Where that was done in the context in which it was entered, a number above those of all sessions
            that had begun by then: who is in it now was left behind. Otherwise 0: pytest leaves fixtures in
            another context, and tests may go on in the one that still has it.
    """

    def __init__(self, session: AsyncSession) -> None:
        self.session = session
        self.left = False
        self.over = 0
        outer: Block | None = _block.get()
        while outer is not None and outer.left and not outer.over:
            outer = outer.outer
        self.outer: Block | None = outer
        self._token: Token[Block | None] | None = _block.set(self)

    def leave(self) -> None:
        self.left = True
        now, token, self._token = _block.get(), self._token, None
        assert token is not None
        try:
            _block.reset(token)
        except ValueError:
            return
        self.over = next_number()
        if now is self:
            _block.set(self.outer)
            return
        # Blocks that were entered in it go on.
        _block.set(now)
        while now is not None and now.outer is not self:
            now = now.outer
        if now is not None:
            now.outer = self.outer


_block: ContextVar[Block | None] = ContextVar("dagger_connection", default=None)
"""The block in which a task is."""


class SharedLink(AsyncLink):
    """The way to the session of `dagger.dag`.

    It is that of the block in which the task is. A task in none has the newest session that was begun in this
    event loop, else the newest of all, else that of the environment. One whose block has ended is in none,
    but no session that had begun by then is for it.
    """

    def __init__(self) -> None:
        self.config = Config()
        self._begun: list[AsyncSession] = []
        self._ambient: tuple[_params.Params, int, AsyncSession] | None = None

    def session(self) -> AsyncSession:
        if (session := self._begun_for_here()) is not None:
            return session
        params = _params.from_env()
        if params is None:
            raise self.missing()
        process = os.getpid()
        if self._ambient is None or self._ambient[:2] != (params, process):
            http = AsyncHttp(params, self.config.timeouts(), self.config.retry)
            session = AsyncSession(http, None, None, places=self.config.source_lines)
            self._ambient = (params, process, session)
        return self._ambient[2]

    def _begun_for_here(self) -> AsyncSession | None:
        """The session of a connection that is for this task."""
        begun, block = list(self._begun), _block.get()
        while block is not None:
            if not block.left:
                return block.session
            if block.over:
                begun = [session for session in begun if session.number > block.over]
                break
            block = block.outer
        if len(begun) > 1:
            here = running().loop()
            begun.sort(key=lambda session: session.loop is here)
        return begun[-1] if begun else None

    @property
    def places(self) -> bool:
        """Whether calls remember where the program made them: the connection says so in which that is."""
        block = _block.get()
        if block is not None and not block.left:
            return block.session.places
        if not self._begun:
            return self.config.source_lines
        try:
            session = self._begun_for_here()
        except ClientConnectionError:
            # Outside of event loops, where several sessions are open.
            session = None
        return self.config.source_lines if session is None else session.places

    def missing(self) -> ClientConnectionError:
        # Its objects belong to no session: where one has ended, any other will do.
        return no_session(ended=self.ended)

    def gone(self) -> AsyncSession | None:
        block = _block.get()
        return block.session if block is not None else self.last

    def add(self, session: AsyncSession) -> None:
        """A session began."""
        self._begun.append(session)

    def remove(self, session: AsyncSession) -> None:
        """A session ends."""
        self._begun.remove(session)
        self.ended, self.last = True, session

    def forget(self) -> None:
        """Closes the connections to the session of the environment."""
        if self._ambient is not None:
            self._ambient[2].http.close()
            self._ambient = None


class _Opens:
    """What is entered and left, again and again, but has one session at a time."""

    _gives = ""
    """How one comes to a client."""

    def __init__(self, config: Config | None = None) -> None:
        self._config = checked(config)
        self._open = False

    if not TYPE_CHECKING:  # Checkers find the mistake.

        def __enter__(self) -> NoReturn:
            raise TypeError(NOT_ASYNC)

        __exit__ = None

        def __getattr__(self, name: str) -> NoReturn:
            from dagger._missing import of_connection

            raise AttributeError(of_connection(self, name, self._gives), name=name, obj=self)

    async def _begin(self) -> AsyncSession:
        if self._open:
            raise RuntimeError(OPEN_ALREADY)
        # Before anything is awaited: another task may be about to enter it.
        self._open = True
        try:
            return await begin(self._config)
        except BaseException:
            self._open = False
            raise

    async def _end(self, session: AsyncSession, error: BaseException | None) -> None:
        self._open = False
        await end(session, error)


class Connection(_Opens):
    """A connection with a client of its own.

    Args:
        config: What to choose about the session.

    Raises:
        TypeError: It is no `Config`.
        ProvisionError: When it is entered: no session could be had; `SessionError` where one did not start.
        SessionError: When it is left as well: the session did not end well.
        RuntimeError: It is entered while it is open.

    Example:
        ```python
        async with dagger.Connection() as client:
            await client.container().from_("alpine").sync()
        ```
    """

    _gives = "async with dagger.Connection() as client:"

    def __init__(self, config: Config | None = None) -> None:
        super().__init__(config)
        self._link = SingleLink()

    async def __aenter__(self) -> Client:
        from dagger._client import Client

        self._link.current = await self._begin()
        self._link.ended = False
        self._link.chosen = self._config.source_lines
        return Client(self._link, None)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close(error)

    async def close(self) -> None:
        """Ends the session.

        Raises:
            SessionError: It did not end well.
        """
        await self._close(None)

    aclose = close

    async def _close(self, error: BaseException | None) -> None:
        session, self._link.current = self._link.current, None
        if session is not None:
            self._link.ended, self._link.last = True, session
            await self._end(session, error)


class connection(_Opens):  # noqa: N801 - programs call it as the function that it is in the API
    """A connection for `dagger.dag`.

    Several may be open at once: `dag` is the session of the block in which a task is, or began. What began in
    none, such as a thread, uses the newest one of its event loop, or else the newest of all.

    It decorates functions with `async` as well: each call has a session of its own.

    Args:
        config: What to choose about the session.

    Raises:
        TypeError: It is no `Config`.
        ProvisionError: When it is entered: no session could be had; `SessionError` where one did not start.
        SessionError: When it is left as well: the session did not end well.
        RuntimeError: It is entered while it is open.

    Example:
        ```python
        async with dagger.connection(dagger.Config(log_output=sys.stderr)):
            print(await dag.container().from_("alpine").with_exec(["uname"]).stdout())
        ```
    """

    _gives = "from dagger import dag"

    def __init__(self, config: Config | None = None) -> None:
        super().__init__(config)
        self._block: Block | None = None

    def __call__(self, function: Callable[P, Awaitable[R]]) -> Callable[P, Coroutine[Any, Any, R]]:
        """A function with `async` each call of which runs in a session of its own.

        Raises:
            TypeError: It is no function with `async`.
        """
        # What another decorator gives may be a plain function that calls the one with `async`.
        if not (callable(function) and inspect.iscoroutinefunction(inspect.unwrap(function))):
            msg = "dagger.connection() decorates functions with `async def` alone"
            raise TypeError(msg)

        @functools.wraps(function)
        async def call(*args: P.args, **kwargs: P.kwargs) -> R:
            async with connection(self._config):
                return await function(*args, **kwargs)

        return call

    async def __aenter__(self) -> Self:
        from dagger._client import shared

        session = await self._begin()
        shared.add(session)
        self._block = Block(session)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        from dagger._client import shared

        block, self._block = self._block, None
        if block is not None:
            block.leave()
            shared.remove(block.session)
            await self._end(block.session, error)


class SharedConnection:
    """What `await dagger.connect()` gives: the session that the environment names."""

    def __init__(self, link: SharedLink) -> None:
        self._link = link

    if not TYPE_CHECKING:  # Checkers find the mistake.

        def __getattr__(self, name: str) -> NoReturn:
            from dagger._missing import of_connection

            raise AttributeError(of_connection(self, name, connection._gives), name=name, obj=self)

    async def connect(self) -> Self:
        """Checks that there is a session.

        Raises:
            ClientConnectionError: There is none.
        """
        self._link.session()
        return self

    def __await__(self) -> Generator[object, None, Self]:
        return self.connect().__await__()

    async def close(self) -> None:
        """Closes the connections to the session."""
        self._link.forget()

    aclose = close

    async def __aenter__(self) -> Self:
        return await self.connect()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


async def close() -> None:
    """Closes the connections to the session that the environment names, if `dagger.dag` has any."""
    from dagger._client import shared

    shared.forget()
