"""A program with all its types right, as users write it."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import dagger
from dagger import CacheSharingMode, Container, Directory, ReturnType, dag, sync
from dagger.client import gen

if TYPE_CHECKING:
    from typing_extensions import assert_type


def base(platform: dagger.Platform | None = None) -> Container:
    cache = dag.cache_volume("pip")
    return (
        dag.container(platform=platform)
        .from_("python:3-slim")
        .with_mounted_cache("/root/.cache", cache, sharing=CacheSharingMode.LOCKED)
        .with_exec(["pip", "install", "x"], expect=ReturnType.ANY)
    )


async def main() -> None:
    config = dagger.Config(log_output=sys.stderr, timeout=dagger.Timeout(None, connect=5), execute_timeout=60)
    async with dagger.connection(config):
        container = await base().with_(lambda one: one.with_workdir("/src"))
        assert_type(container, Container)
        assert_type(await container.stdout(), str)
        assert_type(await container.exit_code(), int)
        assert_type(await container.env_variable("PATH"), str | None)
        assert_type(await container.entrypoint(), list[str])
        assert_type(await container.id(), dagger.ContainerID)
        assert_type(await container.sync(), Container)
        assert_type(await container.platform(), dagger.Platform)
        assert_type(await container.exists("/x", expected_type=dagger.ExistsType.REGULAR_TYPE), bool)
        assert_type(await container.export("/x"), str)
        assert_type(await container.export_image("x"), None)
        assert_type(await container.user() or "root", str)
        assert_type(container.with_(base_of).directory("/x").file("a"), dagger.File)
        assert_type([await one.name() for one in await container.labels()], list[str])
        assert_type(await container.file("/x").size(), int)
        assert_type(await dag.directory().entries(path="x"), list[str])
        assert_type(await dag.directory().search("x"), list[dagger.SearchResult])
        assert_type(dag.load_syncer_from_id(await container.id()), dagger.Syncer)
        assert_type(await dag.node(container).id(), str)
        both = await asyncio.gather(container.stdout(), container.exit_code())
        assert_type(both, tuple[str, int])
        assert_type(asyncio.create_task(container.stdout()), asyncio.Task[str])
        assert_type(await asyncio.wait_for(container.stdout(), 5), str)
        assert_type(list(await dag.directory().entries()), list[str])
        assert_type(await dag.directory().stat("a").file_type(), dagger.FileType | None)
        assert_type(await dag.engine().local_cache().max_used_space(), int)
        assert_type(await dag.engine().local_cache().entry_set().entries(), list[dagger.EngineCacheEntry])
        assert_type(await dag.engine().local_cache().prune(), None)
        assert_type(await container.label("a"), str | None)
        assert_type(await dag.directory().with_new_file("a", "b").export("/x"), str)
        if await dag.directory().exists("a") and (user := await container.env_variable("USER")):
            assert_type(user, str)
        for port in await container.exposed_ports():
            assert_type(await port.protocol(), dagger.NetworkProtocol)
        source: Directory = dag.host().directory(".", exclude=[".git"])
        syncers: list[dagger.Syncer] = [source, container]
        assert syncers
        assert_type(dag.load_container_from_id(await container.id()), Container)
    async with dagger.Connection(dagger.Config()) as client:
        assert_type(client, dagger.Client)
        await client.container().from_("alpine").sync()


def plain() -> None:
    with dagger.connect(dagger.Config(workdir=".")) as client:
        assert_type(client, sync.Client)
        container = client.container().from_("alpine").with_exec(["true"])
        assert_type(container, sync.Container)
        assert_type(container.stdout(), str)
        assert_type(container.env_variables(), list[sync.EnvVariable])
        try:
            container.sync()
        except dagger.ExecError as error:
            assert_type(error.exit_code, int)
            assert_type(error.command, list[str])
            assert_type(error.hint, str)
            assert_type([place.line for place in error.source], list[int])
        assert_type(client.container().env_variable("A"), str | None)
        assert_type(client.container().directory("/x").sync(), sync.Directory)
        assert_type(client.container().with_(lambda one: one.with_workdir("/")), sync.Container)
        assert_type(client.node(container), sync.Node)


def by_their_modules(container: dagger.sync.Container) -> dagger.sync.Container:
    dagger.log.configure_logging()
    return container


def from_where_the_original_has_it(container: gen.Container) -> Container:
    assert_type(gen.dag, dagger.Client)
    assert_type(dagger.provisioning.Config(), dagger.Config)
    return container


def base_of(container: Container) -> Container:
    return container.with_exec(["true"])


if __name__ == "__main__":
    asyncio.run(main())
