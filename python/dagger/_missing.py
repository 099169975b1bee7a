"""What to say about names that there are not, and about what a function should have given."""

from __future__ import annotations

from types import CoroutineType
from typing import TYPE_CHECKING

from dagger._gen.left_out import FIELDS, TYPES
from dagger._query.encode import shown

if TYPE_CHECKING:
    from types import FrameType, ModuleType

MODULES = frozenset(
    (
        "Arg",
        "DefaultAddress",
        "DefaultPath",
        "Deprecated",
        "Doc",
        "Ignore",
        "Name",
        "check",
        "enum_type",
        "field",
    )
    + ("function", "generate", "interface", "object_type", "up")
)
"""Names for writing modules, which this version does not have."""

ABSENT = {
    **dict.fromkeys(
        (*MODULES, "mod"),
        "is for writing modules, which this version cannot run yet; "
        "write a program, with `async with dagger.connection():` around its calls",
    ),
    "telemetry": "is not there, since this package needs no OpenTelemetry; "
    "a program that traces sets it up by itself, and its requests carry the trace",
    "client.base": "is not there; Enum, Input and Scalar are in dagger, "
    "and the types of the API have no public base",
}
"""Names and modules of the original's package that there are not, and what to do about it."""


def name(wanted: str, plain: str) -> str:
    """What to say about a name of the package: why it is not there, or what Python says."""
    if why := ABSENT.get(wanted):
        return f"dagger.{wanted} {why}"
    if group := TYPES.get(wanted) or TYPES.get(wanted.removesuffix("ID")):
        return f"dagger.{wanted} is not available: this engine does not serve {group}"
    return plain


def refusal(owner: ModuleType, wanted: str, frame: FrameType) -> Exception:
    """What to raise for a name that a module has not, where the code of a frame asks for it."""
    # What there is not in `dagger.client.gen` is told as of `dagger`, where it would be as well.
    place = f"{owner.__name__}.{wanted}".removeprefix("dagger.").removeprefix("client.gen.")
    message = name(place, f"module {owner.__name__!r} has no attribute {wanted!r}")
    if imported(frame):
        # Of an AttributeError, `from dagger import name` would tell nothing.
        return ImportError(message, name=owner.__name__, path=owner.__file__)
    # With these, Python proposes a name that is alike.
    return AttributeError(message, name=wanted, obj=owner)


def module(wanted: str, frame: FrameType) -> None:
    """Raises where a frame imports a module of the original's package; whoever only looks for it finds none.

    Raises:
        ModuleNotFoundError: It says why the module is not there.
    """
    below = wanted.removeprefix("dagger.")
    if below in ABSENT and frame.f_code.co_name != "find_spec":
        raise ModuleNotFoundError(name(below, ""), name=wanted)


def imported(frame: FrameType) -> bool:
    """Whether a frame asks for a name by `from module import name`."""
    from opcode import opmap

    code, at = frame.f_code.co_code, frame.f_lasti
    return 0 <= at < len(code) and code[at] == opmap.get("IMPORT_FROM")


def attribute(owner: object, wanted: str) -> str:
    """What to say about a name of an object."""
    kind = type(owner)
    plain = f"{kind.__name__!r} object has no attribute {wanted!r}"
    if wanted.startswith("__"):
        return plain
    of_type = getattr(kind, "_type", "")
    group = FIELDS.get(of_type, {}).get(wanted)
    if group is None and of_type == "Query" and wanted.startswith("load_") and wanted.endswith("_from_id"):
        loaded = wanted[len("load_") : -len("_from_id")].replace("_", "")
        group = next((group for name, group in TYPES.items() if name.lower() == loaded), None)
    if group is not None:
        return f"{kind.__name__}.{wanted}() is not available: this engine does not serve {group}"
    if (snake := shown(wanted)) != wanted and hasattr(kind, snake):
        return f"{plain}; in Python it is {snake}()"
    return plain


def of_connection(owner: object, wanted: str, gives: str) -> str:
    """What to say about a name of a connection, which programs take for a client."""
    from dagger._gen.query import Query

    plain = f"{type(owner).__name__!r} object has no attribute {wanted!r}"
    return f"{plain}; a client has it: {gives}" if hasattr(Query, wanted) and wanted[0] != "_" else plain


def unmade(kind: type) -> TypeError:
    """What to say where a program makes an object by its class."""
    how = "`with dagger.connect() as client:`"
    if getattr(kind, "_type", "") != "Query":
        how = "a call, such as dag.directory(),"
    return TypeError(f"a {kind.__name__} is not made by its class: {how} gives one")


def given(owner: object, function: object, made: object) -> TypeError:
    """What to say where the function of `with_` is none, or gives no object."""
    kind = type(owner).__name__
    if not callable(function):
        return TypeError(f"{kind}.with_(): argument cb must be a function, not {_kind(function)}")
    named = getattr(function, "__name__", "")
    place = f"{kind}.with_(): {'the function' if named in ('', '<lambda>') else f'{named}()'} gives"
    if isinstance(made, CoroutineType):
        # What is told here need not be told again by a warning.
        made.close()
        return TypeError(
            f"{place} a coroutine, {made.__qualname__}(), not a {kind}: "
            "call it by itself, and await what it gives"
        )
    more = ": does it lack a `return`?" if made is None else ""
    return TypeError(f"{place} {_kind(made)}, not a {kind}{more}")


def _kind(value: object) -> str:
    return "None" if value is None else type(value).__name__
