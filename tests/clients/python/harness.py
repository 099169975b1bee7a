"""What the scenarios share: registering them, comparing, and saying what became of each."""

import hashlib
import json
import os
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import dagger
from dagger import dag

#: Seconds that one scenario may take.
LIMIT = 120
#: A script that never ends, and has a pipe in a cache volume open as long as any process of it is there.
HOLD = "mkfifo /held/pipe 2> /dev/null; exec 9> /held/pipe; touch /held/runs; while true; do sleep 1; done"
#: One that waits until that has begun, and then until the last process of it has ended.
WATCH = "mkfifo /held/pipe 2> /dev/null; cat < /held/pipe; echo ended"
#: One that says whether both run.
LOOK = "[ ! -e /held/runs ] || echo runs"
#: How many steps have to run at the same moment.
MANY = 50
#: A script that ends when so many others of its kind, each with its own number, have begun.
MEET = (
    "touch /met/$0; turn=0; "
    f'until [ "$(ls /met | wc -l)" = {MANY} ]; do '
    '[ $turn -lt 300 ] || { echo "only $(ls /met | wc -l) have met" >&2; exit 1; }; '
    "turn=$((turn + 1)); sleep 0.2; done; echo $0 $1"
)
SCENARIOS: dict[str, Callable[[], Any]] = {}
F = TypeVar("F", bound=Callable[[], Any])


def scenario(name: str) -> Callable[[F], F]:
    """Makes a function the scenario of a name."""

    def register(function: F) -> F:
        assert name not in SCENARIOS, name
        SCENARIOS[name] = function
        return function

    return register


def mark(name: str) -> str:
    """A text that no other run has, for steps which must not be hits."""
    return f"{os.environ['CLIENTS_MARK']}-{name}"


def busybox() -> dagger.Container:
    """A container to run commands in."""
    return dag.container().from_("busybox")


def equal(found: object, wanted: object) -> None:
    """Fails unless both are the same; long ones are cut in the message."""
    if found != wanted:
        msg = f"found {cut(found)}, wanted {cut(wanted)}"
        raise AssertionError(msg)


def holds(truth: object, why: str) -> None:
    """Fails unless something is true."""
    if not truth:
        raise AssertionError(why)


def cut(value: object) -> str:
    """The beginning of a value."""
    text = repr(value)
    return text if len(text) < 400 else f"{text[:400]}… ({len(text)} characters)"


@contextmanager
def raises(kind: type[BaseException], text: str = "") -> Iterator[list[BaseException]]:
    """Fails unless the block raises such an error with such a text in it; the error is in the list afterwards."""
    caught: list[BaseException] = []
    try:
        yield caught
    except kind as error:
        if text not in str(error):
            msg = f"the error has no {text!r} in it: {error}"
            raise AssertionError(msg) from error
        caught.append(error)
    else:
        msg = f"no {kind.__name__} was raised"
        raise AssertionError(msg)


def sha256(content: bytes) -> str:
    """The digest as `sha256sum` prints it."""
    return hashlib.sha256(content).hexdigest()


class Results:
    """The file with a line for each scenario which was run."""

    def __init__(self) -> None:
        self.asked = os.environ["CLIENTS_SCENARIOS"].split()
        self._path = Path(os.environ["CLIENTS_RESULTS"])
        self._started = 0.0

    def begin(self, name: str) -> Callable[[], Any]:
        """The function of a scenario, which is run now."""
        self._started = time.monotonic()
        found = SCENARIOS.get(name)
        if found is None:
            msg = f"this client has no scenario {name}"
            raise AssertionError(msg)
        return found

    def end(self, name: str, failure: BaseException | None = None) -> None:
        """What became of it."""
        if failure is not None:
            traceback.print_exception(failure)
        error = "" if failure is None else f"{type(failure).__name__}: {failure}"
        line = {"scenario": name, "error": error, "seconds": round(time.monotonic() - self._started, 3)}
        with self._path.open("a") as results:
            results.write(json.dumps(line) + "\n")
