"""What can go wrong, as exceptions.

::

    DaggerError
    ├── ProvisionError               no engine session could be had
    │   ├── DownloadError            kept for programs that name it; nothing is downloaded
    │   └── SessionError             `kukri session` did not start, or did not end well
    └── ClientError
        ├── ClientConnectionError    there is no session to talk to, or it does not answer
        ├── TransportError           the session broke off, or answered with something else than an answer
        │   └── ExecuteTimeoutError  no answer within the time that was set
        ├── InvalidQueryError        the answer lacks what was asked for
        └── QueryError               the engine says what is wrong: see `errors`
            └── ExecError            a command failed: see `command`, `exit_code`, `stdout`, `stderr`

    VersionMismatch (a warning)      kept for programs that name it
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

TAIL_LINES = 20
"""How many lines of each stream of a failed command are shown."""

MOST_LINES = 5
"""How many lines of the program are shown where one of them made the call."""

LONGEST_LINE = 1000
"""How many characters of each line."""


class DaggerError(Exception):
    """Anything that this package raises on purpose.

    Example:
        ```python
        try:
            await dag.container().from_("not an image").sync()
        except dagger.DaggerError as error:
            print(f"no image: {error}")
        ```
    """

    __module__ = "dagger"

    def __init_subclass__(cls) -> None:
        """Shows the name under which programs know the class."""
        if cls.__module__ == __name__:
            cls.__module__ = "dagger"


class ProvisionError(DaggerError):
    """No engine session could be had.

    Example:
        ```python
        try:
            with dagger.connect(dagger.Config(workdir="/no/such/directory")) as client:
                print(client.version())
        except dagger.ProvisionError as error:
            print(f"no session: {error}")
        ```
    """


class DownloadError(ProvisionError):
    """Never raised: the engine is part of the package, nothing is downloaded."""


class SessionError(ProvisionError):
    """The process `kukri session` did not start, or did not end well."""


class ClientError(DaggerError):
    """Something went wrong while talking to a session.

    Example:
        ```python
        try:
            print(await dag.container().from_("alpine").with_exec(["date"]).stdout())
        except dagger.ClientError as error:
            print(f"no date: {error}")
        ```
    """


class ClientConnectionError(ClientError):
    """There is no session to talk to, or it does not answer."""


class TransportError(ClientError):
    """The session broke off, or answered with something that is no answer.

    Example:
        ```python
        async with dagger.Connection() as client:
            directory = client.directory()
        try:
            await directory.entries()
        except dagger.TransportError as error:
            print(error)  # "the session of this object was closed; …"
        ```
    """


class ExecuteTimeoutError(TransportError):
    """No answer came within the time that was set.

    Example:
        ```python
        async with dagger.connection(dagger.Config(execute_timeout=0.1)):
            try:
                await dag.container().from_("alpine").with_exec(["sleep", "5"]).sync()
            except dagger.ExecuteTimeoutError as error:
                print(error)  # "no answer came within 0.1 seconds …"
        ```
    """


class InvalidQueryError(ClientError):
    """The answer lacks what was asked for."""


class VersionMismatch(Warning):
    """Never given: package and engine are of one version."""


class SourceLine(NamedTuple):
    """A line of the program, where it made a call.

    Attributes:
        file: Path of the file, relative to the current directory where it lies below; in a notebook its cell,
            as `Cell In[3]`.
        line: Number of the line, from 1.
        function: Name of the function; `<module>` outside of functions.
        text: The line; empty where the source cannot be read.

    Example:
        ```python
        try:
            await dag.container().from_("alpine").with_exec(["false"])
        except dagger.ExecError as error:
            print([f"{place.file}:{place.line}" for place in error.source])
        ```
    """

    file: str
    line: int
    function: str
    text: str

    def __str__(self) -> str:
        place = f'File "{self.file}", line {self.line}, in {self.function}'
        return f"{place}\n  {self.text}" if self.text else place


class QueryErrorLocation:
    """Where in the document.

    Attributes:
        line: Line, from 1.
        column: Column, from 1.

    Example:
        ```python
        try:
            await dag.directory().file("missing").contents()
        except dagger.QueryError as error:
            print([(place.line, place.column) for place in error.error.locations or []])
        ```
    """

    __slots__ = ("column", "line")

    def __init__(self, line: int, column: int) -> None:
        self.line: int = line
        self.column: int = column

    def __eq__(self, other: object) -> bool:
        return isinstance(other, QueryErrorLocation) and (self.line, self.column) == (
            other.line,
            other.column,
        )

    def __hash__(self) -> int:
        return hash((self.line, self.column))

    def __repr__(self) -> str:
        return f"QueryErrorLocation(line={self.line}, column={self.column})"


class QueryErrorValue:
    """One error of an answer.

    Attributes:
        message: What is wrong.
        locations: Where in the document, if the engine tells.
        path: Names of the fields down to the one that failed.
        extensions: What else the engine tells, by name.

    Example:
        ```python
        try:
            await dag.directory().file("missing").contents()
        except dagger.QueryError as error:
            print(error.errors[0].message, error.errors[0].path)
        ```
    """

    __slots__ = ("extensions", "locations", "message", "path")

    def __init__(
        self,
        message: str,
        locations: list[QueryErrorLocation] | None = None,
        path: list[str | int] | None = None,
        extensions: dict[str, Any] | None = None,
    ) -> None:
        self.message: str = message
        self.locations: list[QueryErrorLocation] | None = locations
        self.path: list[str | int] | None = path
        self.extensions: dict[str, Any] = extensions if extensions is not None else {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, QueryErrorValue) and all(
            getattr(self, name) == getattr(other, name) for name in self.__slots__
        )

    def __hash__(self) -> int:
        return hash((self.message, str(self.path)))

    def __str__(self) -> str:
        return self.message

    def __repr__(self) -> str:
        return f"QueryErrorValue(message={self.message!r}, path={self.path!r})"


class QueryError(ClientError):
    """The engine answered that something is wrong.

    Attributes:
        errors: All errors of the answer, at least one.
        query: The document that was sent. It holds the arguments as they were given.
        source: The line of the program that made the call which failed; several where it was one of them,
            and none where that is not known: see `source_lines` of `Config`.

    Example:
        ```python
        try:
            await dag.directory().file("missing").contents()
        except dagger.QueryError as error:
            print(error, error.source)
        ```
    """

    def __init__(self, errors: Sequence[QueryErrorValue], query: str = "") -> None:
        if not errors:
            msg = "a QueryError needs at least one error"
            raise ValueError(msg)
        super().__init__(*errors)
        self.errors: list[QueryErrorValue] = list(errors)
        self.query = query
        self.source: tuple[SourceLine, ...] = ()

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.errors, self.query), {"source": self.source})

    @property
    def error(self) -> QueryErrorValue:
        """The first error, usually the only one."""
        return self.errors[0]

    def __str__(self) -> str:
        """What the engine says, and the line of the program that it is about."""
        return "\n".join([self.error.message, *self._where()])

    def _where(self) -> list[str]:
        lines = [f"  {line}" for place in self.source[:MOST_LINES] for line in str(place).splitlines()]
        if len(self.source) == 1:
            return lines
        more = len(self.source) - MOST_LINES
        return [
            *(["one of these lines made the call:"] if lines else []),
            *lines,
            *([f"  … and {more} more"] if more > 0 else []),
        ]

    def debug_query(self) -> str:
        """The document that was sent, with line numbers, and a caret where the engine saw the first error."""
        lines = self.query.splitlines()
        width = len(str(len(lines)))
        places = {place.line: place.column for place in self.error.locations or ()}
        shown: list[str] = []
        for number, line in enumerate(lines, start=1):
            shown.append(f"{number:{width}d}: {line}")
            if number in places:
                shown.append(" " * (width + 1 + places[number]) + "^")
        return "\n".join(shown)


class ExecError(QueryError):
    """A command in a container failed.

    Attributes:
        command: The command, with its arguments.
        exit_code: Its exit status.
        stdout: Its standard output; the last 100 KiB.
        stderr: Its standard error; the last 100 KiB.
        message: What the engine says.

    Example:
        ```python
        try:
            await dag.container().from_("alpine").with_exec(["ls", "/nope"])
        except dagger.ExecError as error:
            print(error.command, error.exit_code, error.stderr)
        ```
    """

    def __init__(self, errors: Sequence[QueryErrorValue], query: str = "") -> None:
        super().__init__(errors, query)
        told = self.error.extensions
        self.message: str = self.error.message
        self.command: list[str] = [str(word) for word in told.get("cmd") or []]
        self.exit_code: int = int(told.get("exitCode", -1))
        self.stdout: str = str(told.get("stdout") or "")
        self.stderr: str = str(told.get("stderr") or "")

    @property
    def hint(self) -> str:
        """What to look for, by the exit status; empty where that says nothing."""
        # The engine knows better.
        return "" if "-max`" in self.message else HINTS.get(self.exit_code, "")

    def __str__(self) -> str:
        """The line of the program, the command, its exit status, and the end of what it wrote."""
        import shlex

        lines = [self.message.split(" [traceparent:", 1)[0], *self._where()]
        if self.command:
            lines.append(f"command: {_cut(shlex.join(self.command))}")
        for name, text in (("stdout", self.stdout), ("stderr", self.stderr)):
            lines.extend(_tail(name, text))
        if not (self.stdout.strip() or self.stderr.strip()):
            lines.append("the command wrote nothing")
        if self.hint:
            lines.append(f"hint: {self.hint}")
        return "\n".join(lines)


HINTS = {
    0: "it did not fail, but a failure was expected: see `expect` of `with_exec`",
    126: "the file is there, but cannot be run: look at its permissions, its first line, and its platform",
    127: "a command was not found: install it in an earlier step, or give its whole path",
    137: "something killed it: often the machine had no memory left",
    139: "it crashed: it touched memory that is not its own",
}
"""What an exit status usually means."""


def _tail(name: str, text: str) -> list[str]:
    """The end of what a command wrote."""
    written = text.rstrip().splitlines()
    if not written:
        return []
    of = ""
    if len(written) > TAIL_LINES:
        # How many lines there were is not known where the engine has left some out.
        total = "" if written[0].startswith("[omitting ") else f" of {len(written)}"
        of = f", the last {TAIL_LINES}{total} lines"
    return [f"{name}{of}:", *(f"  {_cut(line)}" for line in written[-TAIL_LINES:])]


def _cut(line: str) -> str:
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}… ({len(line)} characters)"


def query_error(errors: list[Any], query: str) -> QueryError:
    """The exception for the `errors` of an answer."""
    values = [_value(error) for error in errors]
    kind = values[0].extensions.get("_type")
    return ExecError(values, query) if kind == "EXEC_ERROR" else QueryError(values, query)


def _value(error: Any) -> QueryErrorValue:
    if not isinstance(error, dict):
        return QueryErrorValue(str(error))
    places = error.get("locations")
    locations = [QueryErrorLocation(place["line"], place["column"]) for place in places] if places else None
    return QueryErrorValue(
        str(error.get("message", error)), locations, error.get("path"), error.get("extensions") or {}
    )
