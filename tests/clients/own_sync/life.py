"""What goes wrong, ends early, or happens at once, in a program without `async`."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import dagger
from dagger import sync
from harness import BEAT, equal, holds, mark, raises, scenario


def busybox(client: sync.Client) -> sync.Container:
    """A container to run commands in."""
    return client.container().from_("busybox")


def beating(client: sync.Client, name: str) -> sync.Container:
    """A step that never ends, and shows in a cache volume that it runs."""
    return (
        busybox(client).with_mounted_cache("/beat", client.cache_volume(name)).with_exec(["sh", "-c", BEAT])
    )


def beat(client: sync.Client, name: str) -> str:
    """What the step has written last."""
    look = busybox(client).with_mounted_cache("/beat", client.cache_volume(name))
    look = look.with_env_variable("NOW", os.urandom(8).hex()).with_exec(["sh", "-c", "cat /beat/now || true"])
    return look.stdout()


def until(what: Callable[[], bool], why: str) -> None:
    """Waits until something is so."""
    for _ in range(100):
        if what():
            return
        time.sleep(0.1)
    raise AssertionError(why)


def begins(client: sync.Client, name: str) -> None:
    """Waits until the step runs."""
    until(lambda: bool(beat(client, name).strip()), "the step does not begin")


def ends(client: sync.Client, name: str) -> None:
    """Waits until the step runs no more."""

    def stands() -> bool:
        before = beat(client, name)
        time.sleep(0.5)
        return beat(client, name) == before

    until(stands, "the step still runs")


def register(client: sync.Client) -> None:
    """Registers the scenarios."""

    @scenario("exec-errors")
    def exec_errors() -> None:
        command = ["sh", "-c", "echo to-out; echo to-err >&2; exit 3"]
        with raises(dagger.ExecError, "exit code: 3") as caught:
            busybox(client).with_exec(command).stdout()
        error = caught[0]
        assert isinstance(error, dagger.ExecError)
        equal((error.command, error.exit_code, error.stdout, error.stderr), (command, 3, "to-out", "to-err"))
        extensions = error.errors[0].extensions
        wanted = {
            "_type": "EXEC_ERROR",
            "cmd": command,
            "exitCode": 3,
            "stdout": "to-out",
            "stderr": "to-err",
        }
        equal({key: extensions.get(key) for key in wanted}, wanted)

    @scenario("other-errors")
    def other_errors() -> None:
        with raises(dagger.QueryError, "nothing: no such file or directory") as caught:
            client.directory().with_new_file("f", "").file("nothing").contents()
        holds(not isinstance(caught[0], dagger.ExecError), "this is no failing command")
        assert isinstance(caught[0], dagger.QueryError)
        path = caught[0].errors[0].path
        equal((path and path[:1], caught[0].errors[0].extensions), (["directory"], {}))
        with raises(dagger.QueryError, "no command has been set"):
            client.container().stdout()
        with raises(dagger.QueryError, "is a file, not a directory"):
            client.directory().with_new_file("f", "").directory("f").entries()
        equal(client.directory().with_new_file("after", "").entries(), ["after"])

    @scenario("cancel")
    def cancel() -> None:
        name = mark("cancel")

        def interrupt() -> None:
            begins(client, name)
            os.kill(os.getpid(), signal.SIGINT)

        # What Ctrl-C does to a program that waits. A shell starts what runs in its background without it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        helper = threading.Thread(target=interrupt, daemon=True)
        helper.start()
        with raises(KeyboardInterrupt):
            beating(client, name).stdout()
        helper.join()
        ends(client, name)

    @scenario("gone")
    def gone() -> None:
        name = mark("gone")
        other = subprocess.Popen(
            [sys.executable, sys.argv[0], "hang", name], stdin=subprocess.DEVNULL, stdout=sys.stderr
        )
        try:
            begins(client, name)
            holds(other.poll() is None, "the client has ended")
        finally:
            other.kill()
            other.wait()
        ends(client, name)

    @scenario("concurrency")
    def concurrency() -> None:
        word = mark("concurrency")

        def one(number: int) -> str:
            return busybox(client).with_exec(["sh", "-c", f"sleep 0.1; echo {number} {word}"]).stdout()

        with ThreadPoolExecutor(50) as pool:
            equal(list(pool.map(one, range(50))), [f"{number} {word}\n" for number in range(50)])
