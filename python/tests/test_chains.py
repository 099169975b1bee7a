"""Chains of calls become documents, however long and however nested they are."""

import asyncio
import copy
import gc
import pickle
import time
from typing import Any
from weakref import WeakKeyDictionary

import dagger
import pytest
from dagger import dag
from dagger._query import plan
from fake import Api, anything


def test_one_chain_is_one_document(api: Api) -> None:
    async def main() -> None:
        text = (
            await dag.container()
            .from_("alpine")
            .with_exec(["a", 'b"c'], expect=dagger.ReturnType.ANY)
            .stdout()
        )
        assert text == 'container.from(address:"alpine").withExec(args:["a","b\\"c"],expect:ANY).stdout'

    asyncio.run(main())
    assert api.documents == [
        '{container{from(address:"alpine"){withExec(args:["a","b\\"c"],expect:ANY){stdout}}}}'
    ]


def test_defaults_are_left_out(api: Api) -> None:
    async def main() -> None:
        file = (
            dag.directory().with_new_file("a", "b", permissions=420).with_new_file("c", "", permissions=None)
        )
        await file.with_new_file("e", "f", permissions=0o600).entries()

    asyncio.run(main())
    (document,) = api.documents
    assert document.startswith(
        '{directory{withNewFile(path:"a",contents:"b"){withNewFile(path:"c",contents:"")'
    )
    assert document.endswith('{withNewFile(path:"e",contents:"f",permissions:384){entries}}}}}')


@pytest.mark.parametrize("steps", [1, 99, 100, 101, 250, 3000])
def test_long_chains_go_on_from_ids(api: Api, steps: int) -> None:
    async def main() -> None:
        directory = dag.directory()
        for number in range(steps):
            directory = directory.with_new_directory(f"d{number}")
        digest = await directory.digest()
        assert digest.count("withNewDirectory") == steps
        assert digest.index('"d0"') <= digest.rindex(f'"d{steps - 1}"')
        assert digest.startswith("directory.withNew")
        sent = len(api.documents)
        await directory.with_new_directory("one more").digest()
        assert len(api.documents) <= sent + 2

    asyncio.run(main())
    assert all(document.count("{") <= plan.LONGEST + 4 for document in api.documents)


def test_objects_as_arguments(api: Api) -> None:
    async def main() -> None:
        source = dag.directory().with_new_file("a", "b")
        file = source.file("a")
        result = (
            dag.container().with_directory("/x", source).with_file("/y", file).with_directory("/z", source)
        )
        text = await result.stdout()
        assert '<directory.withNewFile(path:"a",contents:"b")>' in text
        assert '<directory.withNewFile(path:"a",contents:"b").file(path:"a")>' in text
        sent = len(api.documents)
        assert sent == 3, "the source, the file of it, the container"
        await result.stderr()
        assert len(api.documents) == sent + 1

    asyncio.run(main())


def test_lists_of_objects_as_arguments(api: Api) -> None:
    async def main() -> None:
        files = [dag.file(f"f{number}", "x") for number in range(120)]
        text = await dag.directory().with_files("/", files).digest()
        assert text.count("<file(") == 120

    asyncio.run(main())
    assert len(api.documents) == 120 // plan.WIDEST + 2


def test_deep_nesting_of_arguments_needs_no_recursion() -> None:
    depth = 2000
    directory = dag.directory()
    for _ in range(depth):
        directory = dag.directory().with_directory("d", directory)
    assert directory._step is not None
    steps = plan.identity(WeakKeyDictionary(), directory._step)
    assert next(steps) == "{r0:directory{id} }"
    for number in range(depth):
        document = steps.send({"r0": {"directory": {"id": f"id-{number}"}}})
        assert document == f'{{r0:directory{{withDirectory(path:"d",source:"id-{number}"){{id}}}} }}'
    with pytest.raises(StopIteration, match=f"id-{depth}"):
        steps.send({"r0": {"directory": {"id": f"id-{depth}"}}})


def test_sessions_that_use_the_same_objects_at_once() -> None:
    """Each sends the IDs that it has found itself, whatever others find between its requests."""
    source = dag.directory()
    built = dag.directory().with_directory("s", source)
    mount = dag.container().with_mounted_cache("/c", dag.cache_volume("k"), source=built)
    known: dict[str, WeakKeyDictionary[Any, str]] = {name: WeakKeyDictionary() for name in "ab"}
    plans = {name: plan.value(known[name], mount._step, ("stdout",), ()) for name in "ab"}
    documents = {name: [next(plans[name])] for name in plans}
    for number, answers in enumerate(
        (
            ["directory", "cacheVolume"],
            ["directory.withDirectory"],
        )
    ):
        for name in "ab":
            data: dict[str, Any] = {}
            for at, chain in enumerate(answers):
                found: Any = f"{name}{number}{chain[0]}"
                for field in ["id", *reversed(chain.split("."))]:
                    found = {field: found}
                data[f"r{at}"] = found
            documents[name].append(plans[name].send(data))
    for name, sent in documents.items():
        other = "b" if name == "a" else "a"
        assert f'source:"{name}1d"' in sent[-1]
        assert f'"{other}' not in "".join(sent)
        # The IDs go with the objects, and with the session.
        assert len(known[name]) == 3
    del source, built, mount
    plans.clear()
    gc.collect()
    assert [len(each) for each in known.values()] == [0, 0]


def test_sharing_a_beginning_is_not_asked_for_twice(api: Api) -> None:
    async def main() -> None:
        base = dag.directory()
        for number in range(150):
            base = base.with_new_directory(f"d{number}")
        await asyncio.gather(base.with_new_directory("x").digest(), base.with_new_directory("y").digest())
        await base.with_new_directory("z").digest()
        assert len(api.documents) <= 5

    asyncio.run(main())


def test_sync_and_await_give_a_computed_object(api: Api) -> None:
    async def main() -> None:
        container = dag.container().from_("alpine")
        computed = await container
        assert isinstance(computed, dagger.Container)
        await computed.stdout()

    asyncio.run(main())
    assert api.documents[0] == '{container{from(address:"alpine"){sync}}}'
    assert api.documents[-1].startswith('{node(id:"id-0"){...on Container{')


def test_lists_of_objects(api: Api) -> None:
    async def main() -> None:
        (variable,) = await dag.container().env_variables()
        assert isinstance(variable, dagger.EnvVariable)
        assert "container.envVariables" in await variable.name()

    asyncio.run(main())
    assert api.documents[0] == "{container{envVariables{id}}}"


def test_ids(api: Api) -> None:
    async def main() -> None:
        container = dag.container().from_("alpine")
        id_ = await container.id()
        assert isinstance(id_, dagger.ContainerID)
        assert await container.id() == id_
        assert len(api.documents) == 1
        again = dag.load_container_from_id(id_)
        assert await again.stdout() == await container.stdout()
        api.types['container.from(address:"alpine")'] = "Container"
        with pytest.raises(dagger.QueryError, match="load Directory: expected Directory, got Container"):
            await dag.load_directory_from_id(id_).entries()
        with pytest.raises(TypeError, match="an ID must be a string"):
            dag.load_container_from_id(anything(3))

    asyncio.run(main())


def test_the_sync_client_sends_the_same(api: Api) -> None:
    with dagger.connect() as client:
        source = client.directory().with_new_file("a", "b")
        container = client.container().with_directory("/x", source)
        text = container.stdout()
        assert "<directory.withNewFile" in text
        assert isinstance(container.sync(), type(container))
        for _ in range(500):
            source = source.with_new_directory("d")
        assert source.digest().count("withNewDirectory") == 500
        (variable,) = container.env_variables()
        assert "envVariables" in variable.name()


def test_chains_are_cheap() -> None:
    best = min(_seconds_of_thousand() for _ in range(5))
    assert best < 0.05, "50 µs a step"


def _seconds_of_thousand() -> float:
    started = time.perf_counter()
    directory = dag.directory()
    for number in range(1000):
        directory = directory.with_new_file(f"f{number}", "x")
    return time.perf_counter() - started


def test_dropping_a_long_chain() -> None:
    directory = dag.directory()
    for _ in range(100_000):
        directory = directory.with_new_directory("d")
    del directory


def test_long_chains_of_objects_need_no_recursion() -> None:
    def flat() -> dagger.Directory:
        directory = dag.directory()
        for number in range(20_000):
            directory = directory.with_directory("d", dag.directory().with_new_directory(str(number)))
        return directory

    def nested() -> dagger.Directory:
        directory = dag.directory()
        for _ in range(20_000):
            directory = dag.directory().with_directory("d", directory)
        return directory

    for make in (flat, nested):
        one, other = make(), make()
        assert one == other
        assert hash(one) == hash(other)
        assert copy.deepcopy(one) is one
        assert len(repr(one)) < 200
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(one)
        del one, other
        gc.collect()
