"""Prints the public names of the `dagger` that is installed, with signatures and defaults, as JSON.

Runs under both clients, so it imports nothing else that is not in the standard library.
"""

import enum
import importlib
import inspect
import json
import re
import sys
import typing

MODULES = ["dagger", "dagger.log", "dagger.telemetry"]
"""What the documentation of the original tells programs to import from."""


def text(annotation: object) -> str:
    """An annotation, in one spelling for all."""
    if annotation is inspect.Parameter.empty:
        return ""
    if not isinstance(annotation, str):
        annotation = inspect.formatannotation(annotation)
    plain = re.sub(r"\b(typing|typing_extensions|collections\.abc|dagger[\w.]*)\.", "", annotation)
    plain = re.sub(r"Optional\[(.*)\]", r"\1 | None", plain.replace('"', "").replace("'", ""))
    return " ".join(plain.split())


def default(value: object) -> "str | None":
    """A default; `None` where there is none."""
    if value is inspect.Parameter.empty:
        return None
    if isinstance(value, enum.Enum):
        return f"{type(value).__name__}.{value.name}"
    return "<unset>" if type(value) is object or type(value).__name__ == "_Unset" else repr(value)


def signature(function: typing.Any) -> "dict[str, typing.Any]":
    """Parameters and result of a function."""
    try:
        found = inspect.signature(function)
    except (TypeError, ValueError):
        return {"parameters": None}
    parameters = [
        {
            "name": one.name,
            "kind": one.kind.name,
            "type": text(one.annotation),
            "default": default(one.default),
        }
        for one in found.parameters.values()
        if one.name not in ("self", "cls")
    ]
    awaited = inspect.iscoroutinefunction(function)
    return {"parameters": parameters, "gives": text(found.return_annotation), "awaited": awaited}


def described(kind: type) -> "dict[str, typing.Any]":
    """A class."""
    if issubclass(kind, enum.Enum):
        return {"what": "enum", "members": {name: one.value for name, one in kind.__members__.items()}}
    bases = [base.__name__ for base in kind.__mro__[1:] if base.__module__.startswith("dagger")]
    if issubclass(kind, str):
        return {"what": "scalar"}
    members: dict[str, typing.Any] = {}
    for name in dir(kind):
        if (name.startswith("_") and name not in ("__await__", "__aenter__", "__enter__")) or name in dir(
            Exception
        ):
            continue
        value = inspect.getattr_static(kind, name)
        if isinstance(value, (staticmethod, classmethod)):
            value = value.__func__
        members[name] = signature(value) if inspect.isfunction(value) else {}
    what = "error" if issubclass(kind, BaseException) else "class"
    own = signature(kind) if what == "class" else {}
    return {"what": what, "bases": bases, "members": members, **own}


def names(module: typing.Any) -> "dict[str, typing.Any]":
    """The public names of a module."""
    public = getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]
    if module.__name__ == "dagger":
        # The original's package has no list of its own.
        public = sorted({*public, *(name for name in dir(module) if not name.startswith("_"))})
    found: dict[str, typing.Any] = {}
    for name in sorted(public):
        value = getattr(module, name)
        if inspect.ismodule(value) or not getattr(value, "__module__", "dagger").startswith("dagger"):
            continue
        if isinstance(value, type):
            found[name] = described(value)
        elif callable(value) and not hasattr(type(value), "container"):
            found[name] = {"what": "function", **signature(value)}
        else:
            found[name] = {"what": type(value).__name__}
    return found


def main() -> None:
    """Prints what is there."""
    found: dict[str, typing.Any] = {}
    for name in MODULES:
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        found[name] = names(module)
    json.dump(found, sys.stdout, indent=1, sort_keys=True)


if __name__ == "__main__":
    main()
