"""What programs written for the documented SDK do."""

import asyncio
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import dagger
import pytest
from dagger import dag
from engine import Engine


def busybox(client: dagger.Client | None = None) -> dagger.Container:
    return (client or dag).container().from_("busybox")


async def test_a_connection_with_the_global_client() -> None:
    async with dagger.connection():
        assert await busybox().with_exec(["echo", "hi"]).stdout() == "hi\n"
        assert (await dag.version()).startswith("v")


async def test_a_connection_with_its_own_client() -> None:
    async with dagger.Connection() as client:
        assert await busybox(client).with_exec(["echo", "hi"]).stdout() == "hi\n"


async def test_a_log_file(tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    with (tmp_path / "log").open("w+") as log:
        async with dagger.connection(dagger.Config(log_output=log)):
            await busybox().with_exec(["echo", mark]).sync()
        log.seek(0)
        assert mark in log.read()


async def test_a_working_directory(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "here").write_text("x")
    async with dagger.connection(dagger.Config(workdir=str(tmp_path / "sub"))):
        assert await dag.host().directory(".").entries() == ["here"]


async def test_many_requests_at_once() -> None:
    async with dagger.connection():
        started = time.monotonic()
        mark = uuid.uuid4().hex
        found = await asyncio.gather(
            *(
                busybox().with_exec(["sh", "-c", f"sleep 1; echo {number} # {mark}"]).stdout()
                for number in range(5)
            )
        )
        assert found == [f"{number}\n" for number in range(5)]
        assert time.monotonic() - started < 4


async def test_objects_as_arguments() -> None:
    async with dagger.connection():
        source = dag.directory().with_new_file("a/b.txt", "hello", permissions=0o600)
        made = busybox().with_directory("/d", source).with_exec(["sh", "-c", "cat /d/a/b.txt > /d/copy"])
        copy = made.file("/d/copy")
        assert await copy.contents() == "hello"
        assert await source.with_file("c", copy).entries() == ["a/", "c"]
        assert await dag.directory().with_directory("x", made.directory("/d"), exclude=["copy"]).glob(
            "**"
        ) == ["x/", "x/a/", "x/a/b.txt"]


async def test_sync_gives_the_same_object_back() -> None:
    async with dagger.connection():
        synced = await busybox().with_exec(["sh", "-c", "echo $$RANDOM > /x; cat /x"]).sync()
        assert await synced.stdout() == await synced.file("/x").contents()


async def test_lists_of_objects() -> None:
    async with dagger.connection():
        container = busybox().with_env_variable("A", "1").with_env_variable("B", "2")
        found = {await each.name(): await each.value() for each in await container.env_variables()}
        assert found["A"] == "1" and found["B"] == "2"
        assert [await port.port() for port in await container.with_exposed_port(80).exposed_ports()] == [80]


async def test_optional_values() -> None:
    async with dagger.connection():
        assert await busybox().env_variable("NOT_SET") is None
        assert await busybox().label("none") is None


async def test_exec_errors() -> None:
    async with dagger.connection():
        with pytest.raises(dagger.ExecError) as caught:
            await busybox().with_exec(["sh", "-c", "echo out; echo err >&2; exit 3"]).sync()
        error = caught.value
        assert (error.exit_code, error.stdout, error.stderr) == (3, "out", "err")
        assert error.command == ["sh", "-c", "echo out; echo err >&2; exit 3"]
        assert "exit code: 3" in str(error)


async def test_query_errors() -> None:
    async with dagger.connection():
        with pytest.raises(dagger.QueryError, match="no such file or directory") as caught:
            await dag.directory().file("nothing").contents()
        assert not isinstance(caught.value, dagger.ExecError)
        assert caught.value.errors[0].path


async def test_expected_failures() -> None:
    async with dagger.connection():
        done = busybox().with_exec(["false"], expect=dagger.ReturnType.ANY)
        assert await done.exit_code() == 1
        assert (
            await busybox().with_exec(["sh", "-c", "exit 5"], expect=dagger.ReturnType.FAILURE).exit_code()
            == 5
        )


async def test_a_cancelled_task_cancels_the_work() -> None:
    async with dagger.connection():
        volume = dag.cache_volume(uuid.uuid4().hex)
        base = busybox().with_mounted_cache("/v", volume)
        task = asyncio.create_task(
            base.with_exec(["sh", "-c", "echo started > /v/log; sleep 4; echo finished >> /v/log"]).sync()
        )
        await asyncio.sleep(1.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(4)
        assert await base.with_exec(["cat", "/v/log"]).stdout() == "started\n"


async def test_a_task_group_ends_all_when_one_fails() -> None:
    started = time.monotonic()
    async with dagger.connection():

        async def one(script: str) -> None:
            await busybox().with_exec(["sh", "-c", script]).sync()

        tasks = [asyncio.create_task(one(script)) for script in ("sleep 30", "exit 4")]
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in pending:
            task.cancel()
        assert isinstance(next(iter(done)).exception(), dagger.ExecError)
    assert time.monotonic() - started < 15


async def test_host_export_and_secrets(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.py").write_text("print(1)")
    (tmp_path / "src" / "junk.pyc").write_text("")
    async with dagger.connection():
        source = dag.host().directory("src", exclude=["*.pyc"])
        assert await source.entries() == ["main.py"]
        token = dag.set_secret("token", "s3cr3t-value")
        done = (
            busybox()
            .with_mounted_directory("/src", source)
            .with_secret_variable("TOKEN", token)
            .with_workdir("/src")
            .with_exec(["sh", "-c", "echo $TOKEN; mkdir out; cp main.py out/"])
        )
        assert await done.stdout() == "***\n"
        assert await token.plaintext() == "s3cr3t-value"
        await done.directory("out").export("dist")
        assert (tmp_path / "dist" / "main.py").read_text() == "print(1)"
        assert await done.file("main.py").export(str(tmp_path / "copy.py")) == str(tmp_path / "copy.py")
        await busybox().with_new_file("/x", "y").as_tarball().export("image.tar")
        assert (tmp_path / "image.tar").stat().st_size > 100_000


async def test_with_applies_a_function() -> None:
    def configured(container: dagger.Container) -> dagger.Container:
        return container.with_env_variable("X", "configured").with_workdir("/w")

    async with dagger.connection():
        assert (
            await busybox().with_(configured).with_exec(["sh", "-c", "echo $X; pwd"]).stdout()
            == "configured\n/w\n"
        )


async def test_loading_by_id() -> None:
    async with dagger.connection():
        name = await dag.directory().with_new_file("f", "x").id()
        assert await dag.load_directory_from_id(dagger.DirectoryID(name)).entries() == ["f"]


async def test_a_long_chain() -> None:
    async with dagger.connection():
        directory = dag.directory()
        for number in range(200):
            directory = directory.with_new_file(f"f{number:03}", str(number))
        assert len(await directory.entries()) == 200


def test_run_gives_programs_a_session() -> None:
    program = """
import asyncio, dagger
from dagger import dag
async def main():
    async with dagger.connection():
        print(await dag.container().from_("busybox").with_exec(["echo", "inside"]).stdout(), end="")
asyncio.run(main())
"""
    done = subprocess.run(
        [os.environ["_EXPERIMENTAL_DAGGER_CLI_BIN"], "run", sys.executable, "-c", program],
        env={key: value for key, value in os.environ.items() if key != "_EXPERIMENTAL_DAGGER_CLI_BIN"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "inside\n"), done.stderr


def test_a_binary_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_EXPERIMENTAL_DAGGER_CLI_BIN", "/nowhere/kukri")

    async def main() -> None:
        async with dagger.connection():
            pass

    with pytest.raises(dagger.DaggerError):
        asyncio.run(main())


async def test_the_end_of_the_engine_is_told_within_a_second(
    fresh: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in fresh.env.items():
        monkeypatch.setenv(name, value)
    async with dagger.Connection() as client:
        running = asyncio.create_task(busybox(client).with_exec(["sleep", "600"]).sync())
        await asyncio.sleep(1)
        engine = int((fresh.root / "store" / "lock").read_text())
        killed = time.monotonic()
        os.kill(engine, signal.SIGKILL)
        with pytest.raises(dagger.DaggerError, match="the engine's log is"):
            await running
        assert time.monotonic() - killed < 1
