"""What to say about names that there are not."""

from __future__ import annotations

from dagger._gen.left_out import FIELDS, TYPES
from dagger._query.encode import shown

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


def name(wanted: str) -> str:
    """What to say about a name of the package."""
    if wanted in MODULES:
        return f"dagger.{wanted} is for writing modules, which this version cannot run yet"
    if group := TYPES.get(wanted) or TYPES.get(wanted.removesuffix("ID")):
        return f"dagger.{wanted} is not available: this engine does not serve {group}"
    return f"module 'dagger' has no attribute {wanted!r}"


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
