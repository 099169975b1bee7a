"""Every public item says what it does, takes and raises; types have examples."""

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import dagger
import pytest
from dagger import log, sync

WITHOUT = {
    **dict.fromkeys(("ClientFilesyncMirror", "RemoteGitMirror", "HTTPState"), "nothing of the API gives one"),
    **dict.fromkeys(("FunctionCachePolicy", "PipelineLabel"), "nothing of the API takes one"),
    **dict.fromkeys(("DownloadError", "VersionMismatch"), "never raised"),
    **dict.fromkeys(("ClientConnectionError", "SessionError"), "happens where there is no engine"),
    "InvalidQueryError": "happens where an engine breaks its promise",
}
"""Types without an example, and why. IDs have none: a type is loaded from its ID as any other is."""


def classes() -> Iterator[tuple[str, type[Any]]]:
    for module in (dagger, sync):
        for name in module.__all__:
            value = getattr(module, name)
            if isinstance(value, type):
                yield f"{module.__name__}.{name}", value


CLASSES = dict(classes())


def test_every_name_has_a_docstring() -> None:
    for name, kind in CLASSES.items():
        assert (kind.__doc__ or "").strip(), name
    for function in (dagger.close, log.configure_logging, log.configure_debug_logging):
        assert function.__doc__


def methods(kind: type[Any]) -> Iterator[tuple[str, Callable[..., Any]]]:
    for name, value in vars(kind).items():
        function = value.__func__ if isinstance(value, classmethod) else value
        if not name.startswith("_") and inspect.isfunction(function):
            yield name, function


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_methods_say_what_they_take_and_raise(name: str) -> None:
    for method, function in methods(CLASSES[name]):
        text = inspect.getdoc(function) or ""
        assert text, method
        parameters = [one for one in inspect.signature(function).parameters if one not in ("self", "cls")]
        for parameter in parameters:
            assert f"\n    {parameter}: " in text.partition("Args:")[2], f"{method}({parameter})"
        if inspect.iscoroutinefunction(function) and CLASSES[name] is not dagger.Connection:
            assert "\nRaises:\n" in text, method


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_types_have_examples(name: str) -> None:
    """Those of generated types are of operations; the end-to-end tests run them and those written by hand."""
    kind = CLASSES[name]
    if issubclass(kind, dagger.Scalar) and kind.__name__.endswith("ID"):
        return
    text = " ".join((kind.__doc__ or "").split())
    has = re.search(r"\n *Example:\n *```python\n", kind.__doc__ or "") is not None
    assert has != (kind.__name__ in WITHOUT), "has one, and is excused" if has else "has none"
    if (why := WITHOUT.get(kind.__name__, "")).startswith("nothing of the API"):
        # Who looks for one in the docstring is told as well.
        assert f"{why}, so there is no example." in text.replace("Nothing", "nothing")
