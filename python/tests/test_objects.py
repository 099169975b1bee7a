"""Objects behave like values."""

import copy
import gc
import pickle
import weakref
from typing import Any

import dagger
import pytest
from dagger import dag
from fake import Api, anything


def alpine() -> dagger.Container:
    return dag.container(platform=dagger.Platform("linux/amd64")).from_("alpine")


def test_equality_and_hash() -> None:
    assert alpine() == alpine()
    assert hash(alpine()) == hash(alpine())
    assert alpine() != alpine().with_exec(["true"])
    assert dag.directory() != dag.container()
    source = dag.directory().with_new_file("a", "b")
    assert alpine().with_directory("/x", source) == alpine().with_directory(
        "/x", dag.directory().with_new_file("a", "b")
    )
    assert alpine().with_directory("/x", source) != alpine().with_directory(
        "/x", source.with_new_file("c", "d")
    )
    assert len({alpine(), alpine(), source}) == 2
    assert alpine() != "alpine"


def test_deep_equality_needs_no_recursion() -> None:
    def nested() -> dagger.Directory:
        directory = dag.directory()
        for _ in range(3000):
            directory = dag.directory().with_directory("d", directory)
        return directory

    assert nested() == nested()


def test_objects_are_immutable_values() -> None:
    container = alpine()
    assert copy.copy(container) is container
    assert copy.deepcopy({"a": container})["a"] is container
    arguments = ["echo"]
    echo = container.with_exec(arguments)
    arguments.append("changed later")
    assert echo == container.with_exec(["echo"])
    with pytest.raises(AttributeError):
        anything(container).name = "x"


def test_objects_are_not_pickled() -> None:
    with pytest.raises(TypeError, match=r"load_\.\.\._from_id"):
        pickle.dumps(alpine())


def test_repr_hides_arguments() -> None:
    assert repr(dag.set_secret("name", "hunter2")) == "<dagger.Secret setSecret>"
    container = alpine()
    for _ in range(100):
        container = container.with_exec(["x"])
    assert repr(container).startswith("<dagger.Container ….withExec")


def test_wrong_types_are_told_at_once() -> None:
    for call, message in [
        (
            lambda: alpine().with_exec(anything("echo hi")),
            r"Container.with_exec\(\): argument args must be a list, not str",
        ),
        (lambda: alpine().with_exec(["a", anything(1)]), r"args\[1\] must be a string, not int"),
        (
            lambda: alpine().with_directory("/x", anything("./src")),
            "source must be an object of the type Directory, not str",
        ),
        (
            lambda: alpine().with_directory("/x", anything(alpine())),
            "must be an object of the type Directory, not Container",
        ),
        (
            lambda: alpine().with_exec([], expect=anything("ANY")),
            r"expect must be a member of dagger.ReturnType, not str",
        ),
        (lambda: alpine().with_exec([], expand=anything("yes")), "expand must be True or False, not str"),
        (lambda: alpine().with_new_file("a", anything(b"x")), "contents must be a string, not bytes"),
        (
            lambda: alpine().with_new_file("a", "x", permissions=anything("0644")),
            "permissions must be a whole number, not str",
        ),
    ]:
        with pytest.raises(TypeError, match=message):
            call()


def test_with() -> None:
    def variant(container: dagger.Container) -> dagger.Container:
        return container.with_env_variable("A", "b")

    assert alpine().with_(variant) == alpine().with_env_variable("A", "b")


@pytest.mark.parametrize("of", ["async", "sync"])
def test_with_a_function_that_gives_no_object(of: str, api: Api, recwarn: pytest.WarningsRecorder) -> None:
    async def build(container: Any) -> Any:
        return container

    def forgets(container: Any) -> None:
        container.with_env_variable("A", "b")

    with dagger.connect() as client:
        made = anything(alpine() if of == "async" else client.container())
        for function, message in [
            (
                build,
                r"build\(\) gives a coroutine, .*build\(\), not a Container: call it by itself, and await",
            ),
            (forgets, r"forgets\(\) gives None, not a Container: does it lack a `return`\?$"),
            (lambda _: "text", "the function gives str, not a Container$"),
            (None, "argument cb must be a function, not None"),
            (alpine(), "argument cb must be a function, not Container"),
        ]:
            with pytest.raises(TypeError, match=rf"^Container.with_\(\): {message}"):
                made.with_(function)
        assert made.with_(lambda one: one.directory("/x")) == made.directory("/x"), "as with the original"
    with pytest.raises(TypeError, match=r"gives a coroutine, Container.stdout\(\), not a Container"):
        alpine().with_(anything(lambda one: one.stdout()))
    gc.collect()
    assert not recwarn.list, "what was told is not told again"


def test_weak_references() -> None:
    made = alpine()
    reference = weakref.ref(made)
    by_object = weakref.WeakKeyDictionary({made: "value"})
    assert reference() is made
    assert by_object[alpine()] == "value"
    del made
    gc.collect()
    assert reference() is None
    assert not by_object


def test_enums_and_scalars() -> None:
    assert str(dagger.ReturnType.ANY) == "ANY"
    assert dagger.ImageMediaTypes.OCI is dagger.ImageMediaTypes.OCIMediaTypes
    assert dagger.CacheSharingMode["SHARED"].value == "SHARED"
    assert dagger.Platform("linux/arm64") == "linux/arm64"
    assert issubclass(dagger.ContainerID, str)
    assert pickle.loads(pickle.dumps(dagger.ReturnType.ANY)) is dagger.ReturnType.ANY


def test_interfaces() -> None:
    assert isinstance(alpine(), dagger.Syncer)
    assert isinstance(dag.directory(), dagger.Exportable)
    assert not isinstance(dag.secret("env://X"), dagger.Syncer)
