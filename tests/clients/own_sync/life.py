"""What goes wrong, ends early, or happens at once, in a program without `async`."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import dagger
from dagger import sync
from harness import HOLD, LIMIT, LOOK, MANY, MEET, WATCH, equal, holds, mark, raises, scenario


def busybox(client: sync.Client) -> sync.Container:
    """A container to run commands in."""
    return client.container().from_("busybox")


def step(client: sync.Client, name: str, script: str) -> sync.Container:
    """A step with the cache volume of that name."""
    container = busybox(client).with_env_variable("NOW", os.urandom(8).hex())
    return container.with_mounted_cache("/held", client.cache_volume(name)).with_exec(["sh", "-c", script])


def watched(client: sync.Client, name: str) -> Future[str]:
    """Waits until the step that holds runs; the result says `ended` when no process of it is left."""
    pool = ThreadPoolExecutor(1)
    watch = pool.submit(lambda: step(client, name, WATCH).stdout())
    pool.shutdown(wait=False)
    while step(client, name, LOOK).stdout() != "runs\n":
        holds(not watch.done(), "the step has ended by itself")
        time.sleep(0.1)
    return watch


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

        watches: list[Future[str]] = []

        def interrupt() -> None:
            watches.append(watched(client, name))
            os.kill(os.getpid(), signal.SIGINT)

        # What Ctrl-C does to a program that waits. A shell starts what runs in its background without it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        helper = threading.Thread(target=interrupt, daemon=True)
        helper.start()
        with raises(KeyboardInterrupt):
            step(client, name, HOLD).stdout()
        helper.join()
        equal([watch.result(LIMIT) for watch in watches], ["ended\n"])

    @scenario("gone")
    def gone() -> None:
        name = mark("gone")
        other = subprocess.Popen(
            [sys.executable, sys.argv[0], "hang", name], stdin=subprocess.DEVNULL, stdout=sys.stderr
        )
        try:
            watch = watched(client, name)
            holds(other.poll() is None, "the client has ended")
        finally:
            other.kill()
            other.wait()
        equal(watch.result(LIMIT), "ended\n")

    @scenario("concurrency")
    def concurrency() -> None:
        word = mark("concurrency")
        meeting = busybox(client).with_mounted_cache("/met", client.cache_volume(word))

        def one(number: int) -> str:
            return meeting.with_exec(["sh", "-c", MEET, str(number), word]).stdout()

        with ThreadPoolExecutor(MANY) as pool:
            equal(list(pool.map(one, range(MANY))), [f"{number} {word}\n" for number in range(MANY)])
