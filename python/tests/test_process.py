"""`kukri session` is started, watched and ended."""

import asyncio
import io
import json
import os
import signal
import stat
import sys
import threading
import time
import warnings
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import dagger
import pytest
from dagger import dag
from fake import Api, Server, anything


class Fake:
    """A program that stands in for the binary."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "kukri"
        self.told = folder / "told.json"
        self.says("pass")

    def says(self, code: str, end: str = "sys.stdin.read()") -> None:
        """What it does once it started, and how it ends."""
        self.path.write_text(
            f"#!{sys.executable}\nimport json, os, sys, time\n"
            f"with open({str(self.told)!r}, 'w') as told: json.dump(sys.argv[1:], told)\n{code}\n{end}\n"
        )
        self.path.chmod(self.path.stat().st_mode | stat.S_IXUSR)

    def argv(self) -> list[str]:
        """The arguments it got."""
        return json.loads(self.told.read_text())


@pytest.fixture
def binary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    fake = Fake(tmp_path)
    monkeypatch.setenv("_EXPERIMENTAL_DAGGER_CLI_BIN", str(fake.path))
    return fake


@pytest.fixture
def server(binary: Fake) -> Server:
    server = Server(Api())
    binary.says(f"print(json.dumps(dict(port={server.port}, session_token='t')), flush=True)")
    return server


def test_arguments(binary: Fake, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with dagger.connect() as client:
        assert client.directory().digest()
    version = f"dagger.io/sdk.version:{dagger.__version__}"
    labels = ["session", "--label", "dagger.io/sdk.name:python", "--label", version]
    assert binary.argv() == labels
    monkeypatch.chdir(tmp_path)
    Path("x").mkdir()
    with dagger.connect(dagger.Config(workdir=Path("x"), config_path="p", load_workspace_modules=True)):
        pass
    extra = ["--workdir", str(tmp_path / "x"), "--project", str(tmp_path / "p"), "--load-workspace-modules"]
    assert binary.argv() == labels + extra


def test_async(server: Server) -> None:
    async def main() -> None:
        async with dagger.connection():
            assert await dag.directory().digest()
            async with dagger.connection():
                assert await dag.directory().digest()
            assert await dag.directory().digest()
        async with dagger.Connection() as client:
            assert await client.directory().digest()
        with pytest.raises(dagger.ClientConnectionError, match=r"any more.*dagger\.connection\(\)"):
            await dag.directory().digest()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("code", "end", "message"),
    [
        (
            "print('no space left', file=sys.stderr); sys.exit(7)",
            "",
            "status 7 before it was ready:\nno space left",
        ),
        ("print('ready')", "", r"said b'ready\\n' instead of where it listens"),
        ('print(\'{"port": 0, "session_token": "x"}\', flush=True)', "", "instead of where it listens"),
    ],
)
def test_it_does_not_start(binary: Fake, code: str, end: str, message: str) -> None:
    binary.says(code, end)
    with pytest.raises(dagger.SessionError, match=message), dagger.connect():
        pass

    async def main() -> None:
        async with dagger.connection():
            pass

    with pytest.raises(dagger.SessionError, match=message):
        asyncio.run(main())


def test_there_is_no_binary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("_EXPERIMENTAL_DAGGER_CLI_BIN", str(tmp_path / "nope"))
    with pytest.raises(dagger.SessionError, match="nope: No such file"), dagger.connect():
        pass


def test_it_does_not_end_well(binary: Fake, server: Server) -> None:
    binary.says(
        f"print(json.dumps(dict(port={server.port}, session_token='t')), flush=True)",
        "sys.stdin.read(); print('cannot write the cache', file=sys.stderr); sys.exit(4)",
    )
    with pytest.raises(dagger.SessionError, match="status 4:\ncannot write the cache"), dagger.connect():
        pass
    # The program's own error is worth more.
    with pytest.raises(ValueError, match="mine"), dagger.connect():
        raise ValueError("mine")


def test_logs_go_where_they_are_wanted(binary: Fake, server: Server, tmp_path: Path) -> None:
    line = f"print(json.dumps(dict(port={server.port}, session_token='t')), flush=True)"
    binary.says(f"print('pulling äöü', file=sys.stderr, flush=True); {line}")
    text = io.StringIO()
    with dagger.connect(dagger.Config(log_output=text)):
        pass
    assert text.getvalue() == "pulling äöü\n"
    with (tmp_path / "log").open("w+") as file:
        with dagger.connect(dagger.Config(log_output=file)):
            pass
        assert (tmp_path / "log").read_text() == "pulling äöü\n"


def test_much_log_blocks_nothing(binary: Fake, server: Server) -> None:
    line = f"print(json.dumps(dict(port={server.port}, session_token='t')), flush=True)"
    binary.says(f"print('x' * 1000000, file=sys.stderr, flush=True); {line}")
    with dagger.connect() as client:
        assert client.directory().digest()


def test_it_dies(binary: Fake, server: Server) -> None:
    server.stop()
    line = f"print(json.dumps(dict(port={server.port}, session_token='t')), flush=True)"
    binary.says(f"{line}\nprint('out of memory', file=sys.stderr, flush=True)", "os.kill(os.getpid(), 9)")
    started = time.perf_counter()
    with pytest.raises(dagger.TransportError, match=r"status -9:\nout of memory"), dagger.connect() as client:
        client.directory().digest()
    assert time.perf_counter() - started < 2

    async def main() -> None:
        async with dagger.connection():
            await dag.directory().digest()

    with pytest.raises(dagger.TransportError, match=r"status -9:\nout of memory"):
        asyncio.run(main())


def written(pid: Path) -> bool:
    """Whether a process has said which it is."""
    return pid.exists() and bool(pid.read_text())


async def cancelled_on_trio(pid: Path) -> None:
    """Begins a connection on trio, and gives up as soon as the process runs."""
    trio = sys.modules["trio"]
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(dagger.connection().__aenter__)
            while not written(pid):
                await trio.sleep(0.01)
            scope.cancel()
    assert scope.cancelled_caught


@pytest.mark.parametrize("library", ["asyncio", "trio"])
def test_cancelling_the_start_leaves_no_process(binary: Fake, tmp_path: Path, library: str) -> None:
    pid = tmp_path / "pid"
    binary.says(
        f"with open({str(pid)!r}, 'w') as pid: pid.write(str(os.getpid()))\n"
        "time.sleep(2); print('{}', flush=True)"
    )

    async def on_asyncio() -> None:
        task = asyncio.ensure_future(dagger.connection().__aenter__())
        while not written(pid):
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    if library == "asyncio":
        asyncio.run(on_asyncio())
    else:
        pytest.importorskip("trio").run(cancelled_on_trio, pid)
    wait_gone(int(pid.read_text()))


def test_cancelling_after_the_start_on_trio(binary: Fake, server: Server, tmp_path: Path) -> None:
    """The process has just said where it listens when nobody waits for it any more."""
    trio = pytest.importorskip("trio")
    pid = tmp_path / "pid"
    line = f"print(json.dumps(dict(port={server.port}, session_token='t')), flush=True)"
    binary.says(f"with open({str(pid)!r}, 'w') as pid: pid.write(str(os.getpid()))\ntime.sleep(2)\n{line}")
    trio.run(cancelled_on_trio, pid)
    wait_gone(int(pid.read_text()))


def fork(work: Callable[[], object]) -> int:
    """A process that is forked off here, does something, and ends with status 0 if that went well."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # There are threads here.
        child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return child


def test_a_fork_does_not_keep_the_process_from_ending(server: Server) -> None:
    release, held = os.pipe()
    with dagger.connect() as client:
        assert client.version() == ".version"
        child = fork(lambda: (os.close(held), os.read(release, 1)))
        os.close(release)
        assert client.version() == ".version"
        started = time.perf_counter()
    try:
        assert time.perf_counter() - started < 5
        assert os.waitpid(child, os.WNOHANG) == (0, 0)
    finally:
        os.close(held)
        os.waitpid(child, 0)


def test_a_fork_while_a_session_is_opened(binary: Fake, tmp_path: Path) -> None:
    """Another thread waits for what the process says: in the fork it holds the lock of that pipe for good."""
    begun = tmp_path / "begun"
    binary.says(f"open({str(begun)!r}, 'w').close(); time.sleep(3); sys.exit(5)", "")
    failed: list[BaseException] = []

    def opening() -> None:
        try:
            dagger.connect().__enter__()
        except dagger.SessionError as error:
            failed.append(error)

    thread = threading.Thread(target=opening)
    thread.start()
    while not begun.exists():
        time.sleep(0.01)
    child = fork(lambda: None)
    deadline = time.monotonic() + 10
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            pytest.fail("the fork hangs")
        time.sleep(0.01)
    thread.join()
    assert "status 5 before it was ready" in str(failed[0])


def test_a_fork_does_not_end_the_process(server: Server) -> None:
    connected = dagger.connect()
    with connected as client:
        assert client.version() == ".version"
        child = fork(lambda: connected.__exit__(None, None, None))
        assert os.waitpid(child, 0) == (child, 0)
        assert client.version() == ".version"


def test_a_connection_decorates_functions(server: Server) -> None:
    ran: list[str] = []

    @dagger.connection()
    async def version(prefix: str, *, end: str = "") -> str:
        """What the engine is."""
        ran.append(prefix)
        return prefix + await dag.version() + end

    async def main() -> list[str]:
        return [await version("a", end="z"), *await asyncio.gather(version("b"), version("c"))]

    assert asyncio.run(main()) == ["a.versionz", "b.version", "c.version"]
    assert sorted(ran) == ["a", "b", "c"]
    assert (version.__name__, version.__doc__) == ("version", "What the engine is.")
    with pytest.raises(dagger.ClientConnectionError, match="it has ended"):
        asyncio.run(dag.version())
    for wrong in (anything(len), anything(lambda: None), anything(3)):
        with pytest.raises(TypeError, match=r"decorates functions with `async def` alone"):
            dagger.connection()(wrong)


async def what_a_fork_is_told(work: Callable[[], Coroutine[Any, Any, Any]]) -> str:
    """What a coroutine gives, or fails with, that goes on in a process which it forks off."""
    receive, send = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # There are threads here.
        child = os.fork()
    if child == 0:
        try:
            told = f"{await work()}"
        except BaseException as failure:  # noqa: BLE001 - it is shown by the test
            told = f"{type(failure).__name__}: {failure}"
        os.write(send, told.encode())
        os._exit(0)
    os.close(send)
    with open(receive, "rb") as answer:
        told = answer.read().decode()
    os.waitpid(child, 0)
    return told


def test_a_coroutine_that_forks(server: Server) -> None:
    """No event loop runs in the new process, in the middle of a coroutine."""
    other = "ClientConnectionError: this session was opened by another process, of which this one is a fork"
    parent = (
        "ClientConnectionError: this process was forked off inside of an event loop, "
        "which runs in its parent alone; use asyncio.run() or dagger.connect() in this process"
    )

    async def opens() -> None:
        async with dagger.connection():
            pass

    async def begins_anew() -> Any:
        with dagger.connect() as client:
            return client.version()

    async def main() -> None:
        assert await what_a_fork_is_told(opens) == parent
        async with dagger.connection():
            assert await dag.version() == ".version"
            assert other in await what_a_fork_is_told(dag.version)
            assert await what_a_fork_is_told(opens) == parent
            assert await what_a_fork_is_told(begins_anew) == ".version"
            assert await dag.version() == ".version"

    asyncio.run(main())
    with pytest.raises(dagger.ClientConnectionError, match="no event loop is running"):
        dagger.connection().__aenter__().send(None)


def wait_gone(pid: int) -> None:
    """Waits until there is no such process."""
    for _ in range(50):
        if not Path(f"/proc/{pid}").exists():
            break
        time.sleep(0.1)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
