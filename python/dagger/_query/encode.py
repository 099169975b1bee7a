"""Arguments of calls to text.

What an argument must be is told by a short word:

* `String`, `Int`, `Float`, `Boolean`, or the name of another scalar, which is written like a string;
* `%Name`: a member of the enum;
* `$Name`: an input, a group of values;
* `&Name`: an object of the type; its ID is put in when the document is sent;
* `[word]`: a list.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable, Mapping
from json import encoder
from types import CoroutineType
from typing import TYPE_CHECKING, Any, TypeAlias

from dagger._types import Enum, Input

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dagger._query.step import Ref

Piece: TypeAlias = "str | Ref"
"""Text, or an object whose ID belongs in its place."""

Arg: TypeAlias = "tuple[str, Any, str] | tuple[str, Any, str, Any]"
"""Of an argument: name in the API, value, what it must be, and the default where it can be left out."""

Where: TypeAlias = "tuple[str, ...]"
"""Type, call, argument, and the way inside of it: for messages."""

quoted: Callable[[str], str] = encoder.encode_basestring
"""A text as a literal: GraphQL escapes what JSON escapes."""


def shown(name: str) -> str:
    """A name of the API as Python writes it."""
    words = [f"_{letter.lower()}" if letter.isupper() else letter for letter in name]
    return "".join(words)


def call(owner: str, field: str, args: Sequence[Arg]) -> list[Piece]:
    """A call as pieces: text, and between them the objects whose IDs belong there.

    Arguments with a default are left out where they are `None` or equal to it.

    Raises:
        TypeError: An argument has a type that it must not have, such as `None` where there is no default.
    """
    out: list[Piece] = [field]
    before = "("
    for arg in args:
        value = arg[1]
        if len(arg) == 4 and (value is None or _same(value, arg[3])):
            continue
        out.append(f"{before}{arg[0]}:")
        encode(out, value, arg[2], (owner, field, arg[0]))
        before = ","
    if before == ",":
        out.append(")")
    return out


def _same(value: Any, default: Any) -> bool:
    """Whether a value is the default: `False` is not 0, though Python calls them equal."""
    return type(value) is type(default) and bool(value == default)


def encode(out: list[Piece], value: Any, word: str, where: Where) -> None:
    """Appends a value that must be what `word` says.

    Raises:
        TypeError: It is not.
    """
    if (scalar := _SCALARS.get(word)) is not None:
        out.append(scalar(value, where))
        return
    sigil, name = word[0], word[1:]
    if sigil == "[":
        _list(out, value, word[1:-1], where)
    elif sigil == "&":
        if name not in getattr(value, "_names", ()):
            raise _wrong(where, f"an object of the type {name}", value)
        out.append(value)
    elif sigil == "%":
        if not isinstance(value, Enum) or type(value).__name__ != name:
            raise _wrong(where, f"a member of dagger.{name}", value)
        out.append(value.name)
    elif sigil == "$":
        if not isinstance(value, Input) or type(value).__name__ != name:
            raise _wrong(where, f"a dagger.{name}", value)
        _input(out, value, where)
    else:
        out.append(_string(value, where))


def _list(out: list[Piece], value: Any, word: str, where: Where) -> None:
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise _wrong(where, "a list", value)
    out.append("[")
    for at, item in enumerate(value):
        if at:
            out.append(",")
        encode(out, item, word, (*where, f"[{at}]"))
    out.append("]")


def _input(out: list[Piece], value: Input, where: Where) -> None:
    before = "{"
    for field in value._fields:
        item = getattr(value, field[0])
        if len(field) == 4 and (item is None or _same(item, field[3])):
            continue
        out.append(f"{before}{field[1]}:")
        encode(out, item, field[2], (*where, f".{field[0]}"))
        before = ","
    out.append("{}" if before == "{" else "}")


def _string(value: Any, where: Where) -> str:
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if not isinstance(value, str):
        raise _wrong(where, "a string", value)
    if "<coroutine object " in value or "<dagger." in value:
        _warn_of_unawaited(value, where)
    return quoted(value)


def _int(value: Any, where: Where) -> str:
    if isinstance(value, bool):
        raise _wrong(where, "a whole number", value)
    try:
        return str(operator.index(value))
    except TypeError:
        raise _wrong(where, "a whole number", value) from None


def _float(value: Any, where: Where) -> str:
    if isinstance(value, (bool, str)):
        raise _wrong(where, "a number", value)
    try:
        return repr(float(value))
    except (TypeError, ValueError):
        raise _wrong(where, "a number", value) from None


def _boolean(value: Any, where: Where) -> str:
    if not isinstance(value, bool):
        raise _wrong(where, "True or False", value)
    return "true" if value else "false"


def _wrong(where: Where, expected: str, value: Any) -> TypeError:
    if isinstance(value, CoroutineType):
        # What is told here need not be told again by a warning.
        value.close()
        return TypeError(
            f"{_place(where)} is a coroutine, {value.__qualname__}(), not its result: await it first"
        )
    found = "None" if value is None else type(value).__name__
    hint = _MADE_BY.get(expected.rsplit(" ", 1)[-1]) if isinstance(value, (str, os.PathLike)) else None
    more = f": {hint} gives one" if hint else ""
    return TypeError(f"{_place(where)} must be {expected}, not {found}{more}")


_MADE_BY = {
    "Directory": "dag.host().directory(path)",
    "File": "dag.host().file(path)",
    "Secret": "dag.set_secret(name, value)",
    "CacheVolume": "dag.cache_volume(key)",
}
"""What makes an object of what programs like to give in its place."""


def _place(where: Where) -> str:
    owner, field, name, *inside = where
    return f"{owner}.{shown(field)}(): argument {shown(name)}{''.join(inside)}"


def _warn_of_unawaited(text: str, where: Where) -> None:
    """Warns of a text that something was put into without awaiting it, as in `f"echo {file.contents()}"`."""
    import re
    import warnings

    from dagger._places import depth

    found = re.search(r"<coroutine object (\S+) at 0x\w+>|<dagger\.(\w+) [\w.…]+>", text)
    if found is None:
        return
    what = f"a coroutine, {found[1]}()" if found[1] else f"an object of the type {found[2]}"
    message = f"{_place(where)} holds the text of {what}, not a value of it: await the value first"
    warnings.warn(message, RuntimeWarning, stacklevel=depth())


_SCALARS: dict[str, Callable[[Any, Where], str]] = {
    "String": _string,
    "Int": _int,
    "Float": _float,
    "Boolean": _boolean,
}
