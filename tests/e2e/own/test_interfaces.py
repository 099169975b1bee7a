"""Objects of which only an interface is known."""

from typing import Any

import dagger
import pytest
from dagger import dag


async def test_syncers_and_exportables() -> None:
    async with dagger.connection():
        directory = dag.directory().with_new_file("a", "b")
        id_ = await directory.id()
        syncer = dag.load_syncer_from_id(id_)
        assert isinstance(syncer, dagger.Syncer)
        assert await syncer.id() == id_
        synced = await syncer.sync()
        assert await dag.load_directory_from_id(await synced.id()).entries() == ["a"]
        assert await dag.load_exportable_from_id(id_).export("out") == await directory.export("out")
        assert not isinstance(dag.secret("env://X"), dagger.Syncer)


async def test_nodes() -> None:
    async with dagger.connection():
        directory = dag.directory().with_new_file("a", "b")
        id_ = await directory.id()
        assert await dag.node(directory).id() == id_
        assert await dag.node(id_).id() == id_
        number: Any = 3
        with pytest.raises(
            TypeError, match=r"Query.node\(\): argument id must be an object of the type Node, not int"
        ):
            dag.node(number)


async def test_an_id_of_something_else() -> None:
    async with dagger.connection():
        id_ = await dag.set_secret("name", "text").id()
        with pytest.raises(dagger.QueryError, match="load Syncer: expected Syncer, got Secret"):
            await dag.load_syncer_from_id(id_).sync()


def test_without_async() -> None:
    with dagger.connect() as client:
        directory = client.directory().with_new_file("a", "b")
        synced = client.load_syncer_from_id(directory.id()).sync()
        assert client.load_directory_from_id(synced.id()).entries() == ["a"]
        assert client.node(directory).id() == directory.id()
