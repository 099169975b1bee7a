"""Every public item says what it does, takes and raises; types have examples."""

import enum
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import dagger
import pytest
from dagger import log, sync

WITHOUT = {
    **dict.fromkeys(("ClientFilesyncMirror", "RemoteGitMirror", "HTTPState"), "nothing of the API gives one"),
    **dict.fromkeys(
        ("GitRef", "GitRepository", "Service", "Socket", "Terminal"), "not available in the engine yet"
    ),
    **dict.fromkeys(("Engine", "EngineCache"), "what they give differs from engine to engine"),
    **dict.fromkeys(
        ("EngineCacheEntry", "EngineCacheEntrySet"), "what they give differs from engine to engine"
    ),
    **dict.fromkeys(("Exportable", "Node", "Syncer"), "an interface; the types that have it show it"),
    **dict.fromkeys(
        ("BuildArg", "PipelineLabel", "PortForward"), "the operations that take one are not available yet"
    ),
    **dict.fromkeys(("Input", "QueryErrorLocation", "QueryErrorValue"), "not made by programs"),
}
"""Types without an example, and why."""


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
    kind = CLASSES[name]
    if issubclass(kind, (enum.Enum, str, Warning)):
        return
    if issubclass(kind, BaseException) and kind is not dagger.ExecError:
        return
    has = "Example:" in (kind.__doc__ or "")
    assert has != (kind.__name__ in WITHOUT), "has one, and is excused" if has else "has none"
