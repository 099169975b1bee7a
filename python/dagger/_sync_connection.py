"""Connections of sync programs: `dagger.connect()`."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from dagger import _params
from dagger._config import checked
from dagger._errors import DaggerError, ProvisionError, SessionError
from dagger._link import SyncLink, SyncSession
from dagger._sock import SyncHttp

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import TracebackType
    from typing import NoReturn

    from dagger._config import Config
    from dagger._connection import SharedConnection
    from dagger._sync_client import Client


class OneLink(SyncLink):
    """The way to the session of one `dagger.connect()`."""

    def __init__(self) -> None:
        self.current: SyncSession | None = None

    def session(self) -> SyncSession:
        if self.current is None:
            raise self.missing()
        return self.current


class connect:  # noqa: N801 - programs call it as the function that it is in the API
    """A connection for programs without `async`.

    The client may be used by several threads at once.

    Args:
        config: What to choose about the session.

    Raises:
        TypeError: It is no `Config`.
        ProvisionError: When it is entered: no session could be had; `SessionError` where one did not start.
        SessionError: When it is left as well: the session did not end well.
        RuntimeError: It is entered while it is open.

    Example:
        ```python
        with dagger.connect() as client:
            print(client.container().from_("alpine").with_exec(["uname"]).stdout())
        ```
    """

    def __init__(self, config: Config | None = None) -> None:
        self._config = checked(config)
        self._link = OneLink()

    def __enter__(self) -> Client:
        from dagger._sync_client import Client

        if self._link.current is not None:
            from dagger._connection import OPEN_ALREADY

            raise RuntimeError(OPEN_ALREADY)
        try:
            self._link.current = _begin(self._config)
        except DaggerError as error:
            # Frames of this package help nobody; a bare `raise` adds none.
            error.__traceback__ = None
            raise
        self._link.ended = False
        self._link.chosen = self._config.source_lines
        return Client(self._link, None)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        session, self._link.current = self._link.current, None
        if session is not None:
            self._link.ended = True
            _end(session, error)

    if not TYPE_CHECKING:  # Checkers find the mistake.

        async def __aenter__(self) -> NoReturn:
            msg = "dagger.connect() needs `with`; in async code: `async with dagger.connection():`"
            raise TypeError(msg)

        __aexit__ = None

        def __getattr__(self, name: str) -> NoReturn:
            from dagger._missing import of_connection

            gives = "with dagger.connect() as client:"
            raise AttributeError(of_connection(self, name, gives), name=name, obj=self)

    def __await__(self) -> Generator[object, None, SharedConnection]:
        """`await dagger.connect()`: uses the session that the environment names for `dagger.dag`."""
        from dagger._client import shared
        from dagger._connection import SharedConnection

        shared.config = self._config
        return SharedConnection(shared).__await__()


def _begin(config: Config) -> SyncSession:
    params = _params.from_env()
    process = None
    if params is None:
        from dagger._process import SessionProcess

        process = SessionProcess(config)
        params = process.params
    elif config.workdir:
        raise ProvisionError(_params.FIXED_WORKDIR)
    return SyncSession(SyncHttp(params, config.timeouts(), config.retry), process)


def _end(session: SyncSession, failed: BaseException | None) -> None:
    session.left = session.process is not None
    session.http.close()
    # Threads that still wait keep what they know.
    session.known = WeakKeyDictionary()
    if session.process is None:
        return
    try:
        session.process.close()
    except SessionError as error:
        if failed is None:
            raise
        # The program's own error tells more.
        import logging

        logging.getLogger("dagger").warning("%s", error)
