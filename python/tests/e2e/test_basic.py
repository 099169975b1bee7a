"""The client with the real engine: what hardly ever may break."""

import asyncio
import os
from pathlib import Path

import dagger
import pytest
from dagger import dag
from dagger._find_bin import find_bin


def _binary() -> str | None:
    try:
        return os.environ.get("KUKRI_BIN") or find_bin()
    except FileNotFoundError:
        return None


pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(_binary() is None, reason="there is no binary: set KUKRI_BIN or install the wheel"),
]


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_EXPERIMENTAL_DAGGER_CLI_BIN", _binary() or "")


def test_async(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")

    async def main() -> None:
        async with dagger.connection(dagger.Config(workdir=tmp_path)):
            assert (await dag.version()).startswith("v")
            directory = (
                dag.directory()
                .with_new_file("sub/b.txt", "x")
                .with_directory("src", dag.host().directory("."))
            )
            assert await directory.entries() == ["src/", "sub/"]
            assert await directory.file("src/a.txt").contents() == "hello"
            computed = await directory
            assert await dag.load_directory_from_id(await computed.id()).glob("**/*.txt") == [
                "src/a.txt",
                "sub/b.txt",
            ]
            with pytest.raises(dagger.QueryError, match="no such file or directory"):
                await directory.file("nope").contents()
            await directory.export(str(tmp_path / "out"))

    asyncio.run(main())
    assert (tmp_path / "out/sub/b.txt").read_text() == "x"


def test_sync(tmp_path: Path) -> None:
    with dagger.connect(dagger.Config(workdir=tmp_path)) as client:
        directory = client.directory()
        for number in range(1000):
            directory = directory.with_new_file(f"f{number}", "x")
        assert len(directory.entries()) == 1000
        container = client.container().with_env_variable("A", "b").with_exposed_port(80)
        assert [(variable.name(), variable.value()) for variable in container.env_variables()] == [("A", "b")]
        assert [port.protocol() for port in container.exposed_ports()] == [dagger.NetworkProtocol.TCP]


def test_both_use_one_engine() -> None:
    async def main() -> str:
        async with dagger.Connection() as client:
            return await client.directory().with_new_file("a", "b").digest()

    with dagger.connect() as client:
        assert client.directory().with_new_file("a", "b").digest() == asyncio.run(main())
