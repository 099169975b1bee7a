"""The process `kukri session`: started, watched and ended. Blocking; async programs run it in a thread."""

from __future__ import annotations

import collections
import errno
import json
import os
import subprocess
import threading
import time
import weakref
from typing import IO, TYPE_CHECKING, Any, TextIO

from dagger._errors import ProvisionError, SessionError
from dagger._http import trace_headers
from dagger._params import Params
from dagger._version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dagger._config import Config

KEPT_LINES = 200
"""How many lines of the process' standard error are kept for error messages."""

CLOSE_SECONDS = 300.0
"""How long the process may take to end: it may have caches to write."""

BUSY_TRIES = 10
"""How often a binary that is being written is tried."""

BUSY_PAUSE = 0.1
"""Seconds between such tries."""


class SessionProcess:
    """A process `kukri session` that runs.

    Attributes:
        params: Where it listens.
    """

    def __init__(self, config: Config) -> None:
        self._tail: collections.deque[str] = collections.deque(maxlen=KEPT_LINES)
        self._drain: threading.Thread | None = None
        self._process = self._spawn(config)
        self._forked = False
        _running.add(self)
        try:
            self.params = self._first_line()
        except BaseException:
            self.kill()
            raise

    def _spawn(self, config: Config) -> subprocess.Popen[bytes]:
        command = _command(config)
        self._named = _named(command)
        log = config.log_output
        direct = log is not None and _has_descriptor(log)
        if log is not None and direct:
            log.flush()
        process = _popen(command, log if direct else subprocess.PIPE)
        if process.stderr is not None:
            # Without a reader the pipe fills up and the process stops.
            self._drain = threading.Thread(target=self._read, args=(process.stderr, log), daemon=True)
            self._drain.start()
        return process

    def _read(self, source: IO[bytes], log: TextIO | None) -> None:
        for line in _lines(source):
            self._tail.append(line)
            if log is not None:
                try:
                    log.write(line)
                except (OSError, ValueError):
                    log = None

    def _first_line(self) -> Params:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            status = self._process.wait()
            msg = (
                f"`kukri session` ended with status {status} before it was ready{self.tail() or self._named}"
            )
            raise SessionError(msg)
        try:
            told = json.loads(line)
            return Params(int(told["port"]), str(told["session_token"]))
        except (ValueError, TypeError, KeyError):
            msg = (
                f"`kukri session` said {line[:200]!r} instead of where it listens{self.tail() or self._named}"
            )
            raise SessionError(msg) from None

    def tail(self) -> str:
        """The end of what the process wrote on its standard error, for the end of a message."""
        if self._drain is not None:
            self._drain.join(timeout=0.2)
        text = "".join(self._tail).strip()
        return f":\n{text}" if text else ""

    def ended(self) -> str:
        """How the process ended, for the end of a message; nothing as long as it runs."""
        if self._forked:
            return ""
        try:
            status = self._process.wait(0.2)
        except subprocess.TimeoutExpired:
            return ""
        return f"; `kukri session` ended with status {status}{self.tail()}"

    def close(self) -> None:
        """Ends the process and waits for it.

        Raises:
            SessionError: It did not end well.
        """
        if self._forked:
            return
        self._close_pipes()
        try:
            status = self._process.wait(CLOSE_SECONDS)
        except BaseException as error:
            self.kill()
            if isinstance(error, subprocess.TimeoutExpired):
                msg = f"`kukri session` was killed after {CLOSE_SECONDS:g} seconds of waiting{self.tail()}"
                raise SessionError(msg) from None
            raise
        if self._drain is not None:
            self._drain.join()
        if status:
            msg = f"`kukri session` ended with status {status}{self.tail()}"
            raise SessionError(msg)

    def kill(self) -> None:
        """Ends the process at once."""
        if self._forked:
            return
        self._process.kill()
        self._process.wait()
        self._close_pipes()
        if self._drain is not None:
            self._drain.join()

    def forked(self) -> None:
        """In a process that was forked off: the session is not its own.

        Where it kept the pipe to the standard input open, the session could not be ended by closing it.
        """
        self._forked = True
        self._drain = None
        # Not a child of this process: nothing can be said about how it runs.
        self._process.returncode = 0
        for pipe in (self._process.stdin, self._process.stdout):
            # Another thread may have been reading: the lock that it held will never be free in this process.
            raw = getattr(pipe, "raw", None)
            if raw is not None:
                raw.close()

    def _close_pipes(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


_running: weakref.WeakSet[SessionProcess] = weakref.WeakSet()


def _after_fork() -> None:
    for process in list(_running):
        process.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _command(config: Config) -> list[str]:
    binary = os.environ.get("_EXPERIMENTAL_DAGGER_CLI_BIN")
    if not binary:
        from dagger._find_bin import find_bin

        try:
            binary = find_bin()
        except FileNotFoundError as error:
            raise ProvisionError(str(error)) from None
    command = [binary, "session"]
    for label in ("dagger.io/sdk.name:python", f"dagger.io/sdk.version:{__version__}"):
        command += ["--label", label]
    if config.workdir:
        command += ["--workdir", _directory(config.workdir)]
    if config.config_path:
        command += ["--project", os.path.abspath(config.config_path)]
    if config.load_workspace_modules:
        command.append("--load-workspace-modules")
    return command


def _directory(workdir: str | os.PathLike[str]) -> str:
    """The directory to which the session's paths are relative, absolute."""
    path = os.path.abspath(workdir)
    if os.path.isdir(path):
        return path
    what = "is not a directory" if os.path.lexists(path) else "does not exist"
    home = "; `~` has no meaning here, use os.path.expanduser" if os.fspath(workdir).startswith("~") else ""
    msg = f"workdir {path} {what}{home}"
    raise ProvisionError(msg)


def _named(command: list[str]) -> str:
    """Where the name of the binary comes from, for the end of a message, if somebody chose it."""
    if os.environ.get("_EXPERIMENTAL_DAGGER_CLI_BIN") != command[0]:
        return ""
    return "\nhint: _EXPERIMENTAL_DAGGER_CLI_BIN names this binary; unset it to use the one of the package"


def _popen(command: list[str], stderr: TextIO | int | None) -> subprocess.Popen[bytes]:
    tries = BUSY_TRIES
    environment = _environment()
    while True:
        tries -= 1
        try:
            return subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, env=environment
            )
        except OSError as error:
            if error.errno != errno.ETXTBSY or not tries:
                msg = f"cannot start {command[0]}: {error.strerror or error}{_named(command)}"
                raise SessionError(msg) from None
        time.sleep(BUSY_PAUSE)


def _environment() -> dict[str, str] | None:
    """The environment of the process, with the span in which the program is now; none: the same as here."""
    trace = trace_headers()
    if "traceparent" not in trace:
        return None
    environment = dict(os.environ)
    # It goes with the span of the environment, and this may be another one.
    environment.pop("TRACESTATE", None)
    environment.update((name.upper(), value) for name, value in trace.items())
    return environment


def _has_descriptor(stream: Any) -> bool:
    try:
        stream.fileno()
    except (AttributeError, OSError, ValueError):
        return False
    return True


def _lines(source: IO[bytes]) -> Iterable[str]:
    with source:
        for line in source:
            yield line.decode(errors="replace")
