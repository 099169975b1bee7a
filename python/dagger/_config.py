"""What a program can choose about its session."""

from __future__ import annotations

import dataclasses
import io
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike
    from typing import TextIO


class _Unset:
    def __repr__(self) -> str:
        return "UNSET"

    def __reduce__(self) -> str:
        # There is one only, also of what was copied or pickled.
        return "UNSET"


UNSET = _Unset()
CONNECT_SECONDS = 10.0

SOURCE_LINES = os.environ.get("KUKRI_SOURCE_LINES", "").lower() not in ("0", "false", "off", "no")
"""Whether calls remember where the program made them, unless the configuration says something else."""


class Timeout:
    """How long to wait, in seconds. `None` is forever.

    Args:
        timeout: For everything that is not named.
        connect: Until the session takes a connection.
        read: Until an answer is complete.
        write: Taken, and not used: a request is written at once.
        pool: Taken, and not used: at most 100 requests are under way, and others wait as long as it takes.

    Raises:
        TypeError: A time is neither a number nor `None`.
        ValueError: A time is not above 0, or so long that it has no meaning.

    Example:
        ```python
        config = dagger.Config(timeout=dagger.Timeout(600, connect=5))
        async with dagger.connection(config):
            print(await dag.version())
        ```
    """

    __slots__ = ("_setting", "connect", "pool", "read", "write")

    def __init__(
        self,
        timeout: float | None = None,
        *,
        connect: float | _Unset | None = UNSET,
        read: float | _Unset | None = UNSET,
        write: float | _Unset | None = UNSET,
        pool: float | _Unset | None = UNSET,
    ) -> None:
        others = _seconds("timeout", timeout)

        def chosen(name: str, value: float | _Unset | None) -> float | None:
            return others if isinstance(value, _Unset) else _seconds(name, value)

        self.connect: float | None = chosen("connect", connect)
        self.read: float | None = chosen("read", read)
        self.write: float | None = chosen("write", write)
        self.pool: float | None = chosen("pool", pool)
        # What of the configuration set the time for an answer.
        self._setting = "timeout"

    @classmethod
    def default(cls) -> Timeout:
        """Ten seconds for a connection, any time for an answer."""
        return cls(None, connect=CONNECT_SECONDS)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Timeout) and (self.connect, self.read) == (other.connect, other.read)

    def __hash__(self) -> int:
        return hash((self.connect, self.read))

    def __repr__(self) -> str:
        return f"Timeout(connect={self.connect}, read={self.read})"


@dataclasses.dataclass(slots=True, kw_only=True)
class Retry:
    """Whether to try again. A decorator, as other clients of the API take one, counts as `True`.

    Attributes:
        connect: A connection that is refused: three times, a tenth of a second apart.
        execute: A request that was sent on a kept connection which the session had closed meanwhile: once.

    Raises:
        TypeError: One of them is neither a truth value nor a decorator.

    Example:
        ```python
        async with dagger.connection(dagger.Config(retry=dagger.Retry(connect=False))):
            print(await dag.version())
        ```
    """

    connect: bool | Callable[..., Any] = True
    execute: bool | Callable[..., Any] = True

    def __post_init__(self) -> None:
        for name in ("connect", "execute"):
            value = getattr(self, name)
            if not isinstance(value, bool) and not callable(value):
                raise _not(value, name, "True, False or a decorator")


@dataclasses.dataclass(slots=True, kw_only=True)
class Config:
    """What a program can choose about its session.

    Attributes:
        workdir: Directory of this machine to which paths are relative; default: the current one.
        log_output: Where progress and logs go; default: nowhere.
        timeout: How long to wait; a number is the time for a connection, in seconds. `None` is forever.
            Default: 10 seconds for a connection, forever for an answer.
        retry: Whether to try again; `None` is never. Default: it is, see `Retry`.
        execute_timeout: How long to wait for an answer, in seconds; `None` is forever. Default: what
            `timeout` says.
        config_path: Taken, and without effect: this engine has no modules.
        load_workspace_modules: The same.
        console: An object with a `file`, such as a console of `rich`: used when `log_output` is not given.
        source_lines: Remember which line of the program made each call, so that errors can name it. Default:
            yes, unless the environment has `KUKRI_SOURCE_LINES=0`.

    Raises:
        TypeError: Something is of a type that it must not have.
        ValueError: A time is not above 0, a path has a null character in it, or `log_output` cannot be
            written to.

    Example:
        ```python
        config = dagger.Config(log_output=sys.stderr, timeout=5, execute_timeout=600)
        async with dagger.connection(config):
            print(await dag.version())
        ```
    """

    timeout: Timeout | float | None = dataclasses.field(default_factory=Timeout.default)
    retry: Retry | None = dataclasses.field(default_factory=Retry)
    workdir: PathLike[str] | str = ""
    config_path: PathLike[str] | str = ""
    log_output: TextIO | None = None
    load_workspace_modules: bool = False
    execute_timeout: float | _Unset | None = UNSET
    console: Any = None
    source_lines: bool = SOURCE_LINES

    def __post_init__(self) -> None:
        # A mistake is told where it is made, not where a session begins.
        self.timeouts()
        if self.retry is not None and not isinstance(self.retry, Retry):
            raise _not(self.retry, "retry", "a dagger.Retry, or None to try nothing again")
        for name in ("workdir", "config_path"):
            _check_path(name, getattr(self, name))
        for name in ("load_workspace_modules", "source_lines"):
            if not isinstance(value := getattr(self, name), bool):
                raise _not(value, name, "True or False")
        if self.console is not None:
            file = getattr(self.console, "file", None)
            if not hasattr(file, "write"):
                expected = "an object with a `file`, such as a rich.console.Console"
                raise _not(self.console, "console", expected)
            if self.log_output is None:
                self.log_output = file
        if self.log_output is not None:
            _check_log(self.log_output)

    def timeouts(self) -> Timeout:
        """`timeout` and `execute_timeout` as one.

        Raises:
            TypeError: One of them is no time.
            ValueError: One of them is not above 0.
        """
        timeout = self.timeout
        if not isinstance(timeout, Timeout):
            timeout = Timeout(None, connect=_seconds("timeout", timeout, "a dagger.Timeout, "))
        if isinstance(self.execute_timeout, _Unset):
            return timeout
        both = Timeout(_seconds("execute_timeout", self.execute_timeout), connect=timeout.connect)
        both._setting = "execute_timeout"
        return both


def checked(config: Config | None) -> Config:
    """The configuration that a connection was given, or the default one.

    Raises:
        TypeError: It was given something else.
    """
    if config is None:
        return Config()
    if not isinstance(config, Config):
        raise _not(config, "config", "a dagger.Config, such as dagger.Config(log_output=sys.stderr)")
    return config


LONGEST_SECONDS = 1e9
"""Longest time to wait: more than thirty years, and as much as every operating system takes."""


def _seconds(name: str, value: Any, otherwise: str = "") -> float | None:
    expected = f"{otherwise}a number of seconds above 0, or None to wait as long as it takes"
    if value is None:
        return None
    # Texts and truth values would be taken as numbers.
    if isinstance(value, (str, bytes, bytearray, bool)):
        raise _not(value, name, expected)
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        raise _not(value, name, expected) from None
    if not 0 < seconds <= LONGEST_SECONDS:
        msg = f"{name} must be {expected}, not {seconds:g}"
        raise ValueError(msg)
    return seconds


def _check_path(name: str, value: Any) -> None:
    path = value.__fspath__() if isinstance(value, os.PathLike) else value
    if not isinstance(path, str):
        raise _not(value, name, "a path: a str or a pathlib.Path")
    if "\0" in path:
        msg = f"{name} must be a path, and {path!r} has a null character in it"
        raise ValueError(msg)


def _check_log(log: Any) -> None:
    mode = getattr(log, "mode", "")
    binary = isinstance(log, (io.RawIOBase, io.BufferedIOBase)) or (isinstance(mode, str) and "b" in mode)
    if binary or not hasattr(log, "write"):
        raise _not(log, "log_output", "a text stream, as sys.stderr or an open file")
    # Not all that can be written to has these.
    if getattr(log, "closed", False) is True:
        msg = "log_output is closed already: give a stream that stays open as long as the session"
        raise ValueError(msg)
    writable = getattr(log, "writable", None)
    if callable(writable) and writable() is False:
        msg = f"log_output cannot be written to: open the file with mode 'w' or 'a', not {mode!r}"
        raise ValueError(msg)


def _not(value: object, name: str, expected: str) -> TypeError:
    return TypeError(f"{name} must be {expected}, not {type(value).__name__}")
