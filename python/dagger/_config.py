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
        TypeError: A time is no number.
        ValueError: A time is not above 0.

    Example:
        `Timeout(None, connect=5.0)`: five seconds for a connection, any time for an answer.
    """

    __slots__ = ("connect", "pool", "read", "write")

    def __init__(
        self,
        timeout: float | None = None,
        *,
        connect: float | _Unset | None = UNSET,
        read: float | _Unset | None = UNSET,
        write: float | _Unset | None = UNSET,
        pool: float | _Unset | None = UNSET,
    ) -> None:
        def chosen(name: str, value: float | _Unset | None) -> float | None:
            value = timeout if isinstance(value, _Unset) else value
            return None if value is None else _seconds(name, value)

        self.connect = chosen("connect", connect)
        self.read = chosen("read", read)
        self.write = chosen("write", write)
        self.pool = chosen("pool", pool)

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

    Example:
        ```python
        async with dagger.connection(dagger.Config(retry=dagger.Retry(connect=False))):
            print(await dag.version())
        ```
    """

    connect: bool | Callable[..., Any] = True
    execute: bool | Callable[..., Any] = True


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
        TypeError: `log_output` is no text stream.

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
        if self.log_output is None and self.console is not None:
            self.log_output = self.console.file
        log = self.log_output
        if log is not None and (not hasattr(log, "write") or isinstance(log, io.BytesIO)):
            msg = f"log_output must be a text stream, as sys.stderr or an open file, not {type(log).__name__}"
            raise TypeError(msg)

    def timeouts(self) -> Timeout:
        """`timeout` and `execute_timeout` as one."""
        timeout = self.timeout
        if not isinstance(timeout, Timeout):
            connect = None if timeout is None else _seconds("timeout", timeout)
            timeout = Timeout(None, connect=connect)
        if isinstance(self.execute_timeout, _Unset):
            return timeout
        read = None if self.execute_timeout is None else _seconds("execute_timeout", self.execute_timeout)
        return Timeout(read, connect=timeout.connect)


def _seconds(name: str, value: Any) -> float:
    expected = f"{name} must be a number of seconds above 0 or None, not {value!r}"
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        raise TypeError(expected) from None
    if not seconds > 0:
        raise ValueError(expected)
    return seconds
