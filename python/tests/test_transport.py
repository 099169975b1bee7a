"""What happens between the program and its session."""

import asyncio
import gc
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import dagger
import pytest
from dagger import dag
from dagger._client import shared
from dagger._errors import TransportError
from dagger._http import Answer
from fake import KEEPS_FRAMES, Api, Server, anything, http

Serve = Callable[[Callable[[str], Any]], Server]
VERSION = {"data": {"version": "v1"}}


def ask() -> str:
    """`version`, asked by the async client."""
    return asyncio.run(dag.version())


def ask_sync() -> str:
    """`version`, asked by the sync client."""
    with dagger.connect() as client:
        return client.version()


both = pytest.mark.parametrize("asked", [ask, ask_sync])


@both
def test_a_request(serve: Serve, asked: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    monkeypatch.setenv("TRACESTATE", "vendor=1")
    monkeypatch.setenv("BAGGAGE", "k=v")
    server = serve(lambda _: VERSION)
    assert asked() == "v1"
    (request,) = server.requests
    assert request[""] == "POST /query HTTP/1.1"
    assert request["authorization"] == "Basic c2VjcmV0Og=="
    assert request["content-type"] == "application/json"
    assert request["traceparent"].startswith("00-0af7651916cd43dd8448eb211c80319c")
    assert (request["tracestate"], request["baggage"]) == ("vendor=1", "k=v")


@both
@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (
            http(b"the engine is gone", "502 Bad Gateway"),
            dagger.TransportError,
            "status 502: the engine is gone",
        ),
        (
            http({"errors": [{"message": "the engine has ended"}], "data": None}, "502 Bad Gateway"),
            dagger.TransportError,
            "the engine has ended",
        ),
        (http(b"no", "401 Unauthorized"), dagger.TransportError, "DAGGER_SESSION_TOKEN"),
        (http(b"", "500 Internal Server Error"), dagger.TransportError, "status 500: nothing"),
        (http(b"[1]"), dagger.TransportError, "status 200"),
        (b"220 mail.example.org ESMTP\r\n\r\n", dagger.TransportError, "does not speak HTTP"),
        (
            http({"errors": [{"message": "no such field"}], "data": None}, "422 Nope"),
            dagger.QueryError,
            "no such field",
        ),
        (http(b'{"errors":[{"message":"set-up"}]}', "500 Oops"), dagger.QueryError, "set-up"),
        (
            http({"data": {"version": None}}),
            dagger.InvalidQueryError,
            "Query.version: the engine answered null",
        ),
        (
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\n{",
            dagger.TransportError,
            "before its answer",
        ),
    ],
)
def test_answers_that_are_none(
    serve: Serve, asked: Callable[[], str], answer: Any, kind: Any, message: str
) -> None:
    serve(lambda _: answer)
    with pytest.raises(kind, match=message) as raised:
        asked()
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


@both
@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("Transfer-Encoding: chunked", '9\r\n{"data":{\r\nE;x=y\r\n"version":"v1"\r\n2\r\n}}\r\n0\r\n\r\n'),
        ("Connection: close", '{"data":{"version":"v1"}}'),
        ("\r\nHTTP/1.1 200 OK\r\nContent-Length: 25", '{"data":{"version":"v1"}}'),
    ],
)
def test_forms_of_answers(serve: Serve, asked: Callable[[], str], head: str, body: str) -> None:
    first = "100 Continue" if head.startswith("\r\n") else "200 OK"
    serve(lambda _: f"HTTP/1.1 {first}\r\n{head}\r\n\r\n{body}".encode())
    assert asked() == "v1"


def test_answers_in_pieces() -> None:
    text = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\nX: y\r\n\r\n"
    whole = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabcd"
    for data in (text, whole):
        answer = Answer()
        for at in range(len(data)):
            assert not answer.done
            answer.feed(data[at : at + 1])
        assert (answer.done, bytes(answer.body), answer.keep) == (True, b"abcd", True)
    with pytest.raises(TransportError):
        Answer().feed(b"x" * 100_000)


def test_connections_are_kept(serve: Serve) -> None:
    server = serve(lambda _: VERSION)

    async def main() -> None:
        for _ in range(5):
            await dag.version()

    asyncio.run(main())
    assert server.connections == 1
    with dagger.connect() as client:
        for _ in range(5):
            client.version()
    assert server.connections == 2


@both
def test_a_kept_connection_that_was_closed(serve: Serve, asked: Callable[[], str]) -> None:
    close = b"HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\n" + b'{"data":{"version":"v1"}}'
    answers = [close, None, close]
    server = serve(lambda _: answers.pop(0) if answers else VERSION)

    async def main() -> None:
        assert await dag.version() == "v1"
        assert await dag.version() == "v1"

    if asked is ask:
        asyncio.run(main())
    else:
        with dagger.connect() as client:
            assert (client.version(), client.version()) == ("v1", "v1")
    assert server.connections == 2


def test_requests_run_side_by_side(serve: Serve) -> None:
    def slow(_: str) -> Any:
        time.sleep(0.1)
        return VERSION

    server = serve(slow)

    async def main() -> None:
        started = time.perf_counter()
        await asyncio.gather(*[dag.version() for _ in range(10)])
        assert time.perf_counter() - started < 0.6

    asyncio.run(main())
    assert server.connections == 10


def test_many_requests_wait_for_a_connection(serve: Serve) -> None:
    server = serve(lambda _: VERSION)

    async def main() -> None:
        await asyncio.gather(*[dag.version() for _ in range(1000)])

    asyncio.run(main())
    assert server.connections <= 100

    with dagger.connect() as client, ThreadPoolExecutor(200) as threads:
        assert set(threads.map(lambda _: client.version(), range(1000))) == {"v1"}
    assert server.connections <= 200


def test_cancelling_closes_the_connection(serve: Serve) -> None:
    server = serve(lambda _: time.sleep(0.3))

    async def main() -> None:
        task = asyncio.ensure_future(dag.version())
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert server.closed.wait(5)


@pytest.mark.parametrize(
    ("config", "setting"),
    [
        (dagger.Config(execute_timeout=0.1), "execute_timeout"),
        (dagger.Config(timeout=dagger.Timeout(0.1, connect=5)), "timeout"),
    ],
)
def test_time_limits(serve: Serve, config: dagger.Config, setting: str) -> None:
    serve(lambda _: time.sleep(1))
    message = rf"within 0\.1 seconds \({setting} of the configuration\)"
    with (
        pytest.raises(dagger.ExecuteTimeoutError, match=message),
        dagger.connect(config) as client,
    ):
        client.version()

    async def main() -> None:
        async with dagger.Connection(config) as client:
            await client.version()

    started = time.perf_counter()
    with pytest.raises(dagger.ExecuteTimeoutError, match=message):
        asyncio.run(main())
    assert time.perf_counter() - started < 0.9


@both
def test_nothing_listens(serve: Serve, asked: Callable[[], str]) -> None:
    serve(lambda _: VERSION).stop()
    started = time.perf_counter()
    with pytest.raises(dagger.ClientConnectionError, match="nothing listens on port"):
        asked()
    assert time.perf_counter() - started < 1


def test_text_that_cannot_be_sent(api: Api) -> None:
    with dagger.connect() as client, pytest.raises(dagger.TransportError, match="which is no text"):
        client.directory().with_new_file("a", "\udcff").entries()


def test_objects_after_their_session(api: Api) -> None:
    with dagger.connect() as client:
        directory = client.directory()
        assert directory.digest()
    with pytest.raises(dagger.TransportError, match="was closed"):
        directory.digest()

    async def main() -> None:
        async with dagger.Connection() as client:
            directory = client.directory()
            await directory.digest()
        with pytest.raises(dagger.TransportError, match="was closed"):
            await directory.digest()

    asyncio.run(main())


def test_without_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "ended", False)
    with pytest.raises(dagger.ClientConnectionError, match=r"async with dagger\.connection"):
        ask()


@pytest.mark.parametrize(("port", "token"), [("80", ""), ("x", "y"), ("70000", "y")])
def test_a_broken_environment(monkeypatch: pytest.MonkeyPatch, port: str, token: str) -> None:
    monkeypatch.setenv("DAGGER_SESSION_PORT", port)
    monkeypatch.setenv("DAGGER_SESSION_TOKEN", token)
    for asked in (ask, ask_sync):
        with pytest.raises(dagger.ClientConnectionError, match="DAGGER_SESSION_"):
            asked()


def test_workdir_of_a_given_session(api: Api) -> None:
    with (
        pytest.raises(dagger.ProvisionError, match="workdir cannot be chosen"),
        dagger.connect(dagger.Config(workdir=".")),
    ):
        pass


def test_the_ways_of_the_original(api: Api) -> None:
    async def main() -> None:
        async with await dagger.connect():
            assert await dag.directory().digest()
        connection = await dagger.connect()
        assert await dag.directory().digest()
        await connection.close()
        await dagger.close()
        async with dagger.connection(dagger.Config(log_output=sys.stderr)):
            assert await dag.directory().digest()

    asyncio.run(main())


def test_an_event_loop_of_its_own_each_time(api: Api) -> None:
    for _ in range(3):
        asyncio.run(dag.directory().digest())


def test_without_an_event_loop(api: Api) -> None:
    with pytest.raises(dagger.ClientConnectionError, match="the async API needs asyncio"):
        dag.version().send(None)


def test_anyio(api: Api) -> None:
    anyio = pytest.importorskip("anyio")
    anyio.run(dag.directory().digest)


def test_unawaited_calls_warn(api: Api) -> None:
    def forget() -> None:
        anything(dag.version())
        gc.collect()  # PyPy finds it only then.

    with pytest.warns(RuntimeWarning, match="'Query.version' was never awaited"):
        forget()


FAILING = """
import asyncio
from dagger import dag

async def main():
    await dag.container().from_("alpine").with_exec(["sh", "-c", "exit 3"]).stdout()

asyncio.run(main())
"""


def test_a_failed_command_is_shown_without_noise(serve: Serve) -> None:
    told = {
        "_type": "EXEC_ERROR",
        "cmd": ["sh", "-c", "exit 3"],
        "exitCode": 3,
        "stdout": "",
        "stderr": "boom\n" * 50,
    }
    serve(lambda _: {"errors": [{"message": "exit code: 3", "extensions": told}], "data": None})
    python = [sys.executable, "-c", "import sys; sys.path.insert(0, 'python')\n" + FAILING]
    ran = subprocess.run(
        python, capture_output=True, text=True, cwd=__file__.split("/python/tests")[0], check=False
    )
    assert ran.returncode == 1
    assert 'dagger.ExecError: exit code: 3\n  File "<string>", line 7, in main\n' in ran.stderr
    assert "\ncommand: sh -c 'exit 3'\nstderr, the last 20 of 50 lines:\n  boom" in ran.stderr
    assert "stderr, the last 20 of 50 lines:\n  boom" in ran.stderr
    frames = [line for line in ran.stderr.splitlines() if line.startswith("  File ")]
    assert len([line for line in frames if "/dagger/" in line]) <= (9 if KEEPS_FRAMES else 1)
    assert len(frames) <= (14 if KEEPS_FRAMES else 8)
    assert "During handling" not in ran.stderr
    assert "direct cause" not in ran.stderr
