"""What can be imported is what is promised."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from types import ModuleType

import dagger
import pytest
from dagger import _gen, provisioning, sync
from dagger._gen import sync as gen_sync
from dagger.client import gen as client_gen
from fake import anything


@pytest.mark.parametrize("module", [dagger, sync, _gen, gen_sync, client_gen, provisioning])
def test_all_names_are_importable(module: ModuleType) -> None:
    for name in module.__all__:
        assert getattr(module, name) is not None
        assert name in dir(module)


def test_names_elsewhere_are_the_same() -> None:
    for module in (client_gen, provisioning):
        for name in module.__all__:
            assert getattr(module, name) is getattr(dagger, name)
    assert dagger.client.gen is client_gen
    assert dagger.provisioning is provisioning


def test_lists_are_sorted_and_complete() -> None:
    by_hand = [name for name in dagger.__all__ if name not in _gen.__all__]
    assert by_hand == sorted(by_hand)
    assert set(by_hand) == set(dagger._MODULES)
    assert _gen.__all__ == sorted(_gen.__all__) == sorted(_gen.MODULES)
    assert gen_sync.__all__ == sorted(gen_sync.MODULES)
    assert len(set(dagger.__all__)) == len(dagger.__all__)


def test_type_checkers_see_the_same_names() -> None:
    for module in (dagger, sync, _gen, gen_sync, client_gen):
        source = inspect.getsource(module)
        seen = {
            line.rsplit(" as ", 1)[1]
            for line in source.splitlines()
            if line.startswith("    from ") and " as " in line
        }
        promised = set(module.__all__)
        if module in (dagger, sync, client_gen):
            promised -= set(_gen.__all__) | set(gen_sync.__all__)
        if module is dagger:
            promised |= {"client", "log", "provisioning", "sync"}
        assert seen == promised, module.__name__


def test_each_generated_module_is_listed() -> None:
    for package in (_gen, gen_sync):
        below = package.__name__.removeprefix("dagger.")
        modules = {name for _, name, is_package in pkgutil.iter_modules(package.__path__) if not is_package}
        assert {f"{below}.{name}" for name in modules - {"left_out"}} <= set(package.MODULES.values())


@pytest.mark.parametrize("name", gen_sync.__all__)
def test_the_twin_has_the_same_methods(name: str) -> None:
    one, other = getattr(_gen, name), getattr(gen_sync, name)
    methods = {key: value for key, value in vars(one).items() if inspect.isfunction(value)}
    methods.pop("__await__", None)
    methods = {key: value for key, value in methods.items() if not key.startswith("_")}
    assert methods.keys() == {
        key for key, value in vars(other).items() if inspect.isfunction(value) and not key.startswith("_")
    }
    for key, method in methods.items():
        twin = getattr(other, key)
        assert inspect.signature(method) == inspect.signature(twin), key
        # Examples differ: they wait.
        assert about(method) == about(twin)
        assert not inspect.iscoroutinefunction(twin)


def about(method: Callable[..., object]) -> str:
    """What a docstring says before its example."""
    return (method.__doc__ or "").partition("Example:")[0].rstrip()


def test_unknown_names() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nope'"):
        _ = anything(dagger).Nope
    with pytest.raises(AttributeError, match="writing modules"):
        _ = anything(dagger).object_type
    with pytest.raises(
        AttributeError, match="ModuleSource is not available: this engine does not serve modules"
    ):
        _ = anything(dagger).ModuleSource
    with pytest.raises(AttributeError, match=r"Client.llm\(\) is not available: .* LLM"):
        _ = anything(dagger.dag).llm
    with pytest.raises(AttributeError, match=r"no attribute 'withExec'; in Python it is with_exec\(\)"):
        _ = anything(dagger.dag.container()).withExec
    assert not hasattr(dagger.dag.container(), "nope")
    with pytest.raises(ImportError):
        importlib.import_module("dagger.nope")


def test_every_method_says_what_it_does() -> None:
    for name in _gen.__all__:
        kind = getattr(_gen, name)
        assert kind.__doc__
        for key, value in vars(kind).items():
            if inspect.isfunction(value) and not key.startswith("_"):
                assert value.__doc__, f"{name}.{key}"
                for argument in list(inspect.signature(value).parameters)[1:]:
                    if not key.startswith("load_"):
                        assert f"{argument}:" in value.__doc__, f"{name}.{key}({argument})"
