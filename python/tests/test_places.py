"""Errors name the line of the program that made the call which failed."""

import asyncio
import functools
import gc
import operator
import pickle
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagger
import pytest
from dagger import dag
from dagger._client import shared
from fake import KEEPS_FRAMES, PYPY, Api, Server, anything

Serve = Callable[[Callable[[str], Any]], Server]
ROOT = Path(__file__).parent.parent
HERE = Path(__file__).name


def fails(serve: Serve, *command: str, path: list[str] | None = None) -> None:
    """Starts a session in which a command fails."""
    told = {"_type": "EXEC_ERROR", "cmd": command, "exitCode": 3, "stdout": "", "stderr": "no"}
    extensions = told if command else {}
    error = {"message": "exit code: 3", "path": path, "extensions": extensions}
    serve(lambda _: {"errors": [error], "data": None})


def raised(container: dagger.Container) -> dagger.QueryError:
    """How it fails."""
    with pytest.raises(dagger.QueryError) as error:
        asyncio.run(container.stdout())
    return error.value


def told(error: dagger.QueryError) -> list[str]:
    """The lines that the error names; each is one of this file."""
    for place in error.source:
        assert Path(place.file).name == HERE
        assert Path(__file__).read_text().splitlines()[place.line - 1].strip() == place.text
    return [place.text for place in error.source]


@pytest.mark.skipif(PYPY, reason="PyPy knows only the line with which an expression begins")
def test_the_line_of_a_chain(serve: Serve) -> None:
    fails(serve, "exit", "3")
    container = (
        dag.container()
        .from_("alpine")
        .with_exec(["true"])
        .with_exec(["exit", "3"])  # this one
        .with_workdir("/")
        .with_exec(["false"])
    )
    error = raised(container)
    assert told(error) == ['.with_exec(["exit", "3"])  # this one']
    assert error.source[0].function == "test_the_line_of_a_chain"
    (first, place, text, *_) = str(error).splitlines()
    assert first == "exit code: 3"
    assert place.startswith('  File "')
    assert place.endswith(f'{HERE}", line {error.source[0].line}, in test_the_line_of_a_chain')
    assert text == '    .with_exec(["exit", "3"])  # this one'


def test_the_line_of_the_sync_client(serve: Serve) -> None:
    fails(serve, "make")
    with dagger.connect() as client:
        made = client.container().with_exec(["make"])  # this one
        with pytest.raises(dagger.ExecError) as error:
            made.stdout()
        assert told(error.value) == ['made = client.container().with_exec(["make"])  # this one']


def test_in_functions_and_arguments(serve: Serve) -> None:
    fails(serve, "make")

    def build(container: dagger.Container) -> dagger.Container:
        return container.with_exec(["make"])  # this one

    built = dag.container().with_(build)
    (text,) = told(raised(dag.container().with_file("/x", built.file("x"))))
    assert text == 'return container.with_exec(["make"])  # this one'


def test_what_with_is_given_is_no_function(serve: Serve) -> None:
    """Only frames of Python functions are known: here the next one above is that of the package."""
    fails(serve, "make")
    calls: list[Callable[[dagger.Container], dagger.Container]] = [
        operator.methodcaller("with_exec", ["make"]),
        functools.partial(dagger.Container.with_exec, args=["make"]),
    ]
    for call in calls:
        error = raised(dag.container().with_(call))  # this one
        assert told(error) == ["error = raised(dag.container().with_(call))  # this one"]
    with dagger.connect() as client:
        made = client.container().with_(operator.methodcaller("with_exec", ["make"]))  # of connect
        with pytest.raises(dagger.ExecError) as caught:
            made.stdout()
        assert told(caught.value)[0].endswith("# of connect")


def test_behind_an_entrypoint(serve: Serve) -> None:
    fails(serve, "sh", "-c", "exit 3")
    container = dag.container().with_exec(["exit 3"], use_entrypoint=True)  # this one
    container = container.with_exec(["-c"])
    assert "# this one" in told(raised(container))[0]


def test_with_variables(serve: Serve) -> None:
    fails(serve, "echo", "b")
    container = dag.container().with_env_variable("A", "b")
    container = container.with_exec(["echo", "$A"], expand=True)  # this one
    assert "# this one" in told(raised(container.with_exec(["true"])))[0]


def test_several_that_can_be_meant(serve: Serve) -> None:
    """The engine does not say which."""
    fails(serve, "make")
    container = dag.container().with_exec(["make"])  # one
    container = container.with_exec(["make"])  # two
    error = raised(container)
    assert [text[-3:] for text in told(error)] == ["two", "one"]
    lines = str(error).splitlines()
    assert lines[1] == "one of these lines made the call:"
    assert [line[-5:] for line in lines if " # " in line] == ["# two", "# one"]
    for _ in range(50):
        container = container.with_exec(["make"])  # the same line
    assert len(told(raised(container))) == 3
    container = container.with_exec(["make"]).with_exec(["make"])  # one more
    container = container.with_exec(["make"])  # and one more
    container = container.with_exec(["make"])  # more than is shown
    assert len(told(raised(container))) == 6
    assert "\n  … and 1 more\ncommand: make\n" in str(raised(container))


def which_fails(serve: Serve, *numbers: int) -> Api:
    """Starts a session in which `make` fails; each error names the call that has the next of these IDs."""
    api, left = Api(), list(numbers)

    def answer(document: str) -> Any:
        if "stdout" not in document:
            return api(document)
        told = {"_type": "EXEC_ERROR", "cmd": ["make"], "exitCode": 3, "call": f"id-{left.pop(0)}"}
        return {"errors": [{"message": "exit code: 3", "extensions": told}], "data": None}

    serve(answer)
    return api


def test_the_engine_says_which(serve: Serve) -> None:
    api = which_fails(serve, 0, 1, 7)
    container = dag.container().with_exec(["make"])  # one
    container = container.with_workdir("/b").with_exec(["make"])  # two
    # The ID of the second is asked for by way of that of the first.
    assert [text[-3:] for text in told(raised(container))] == ["one"]
    assert len(api.documents) == 2
    assert [text[-3:] for text in told(raised(container))] == ["two"]
    assert len(api.documents) == 2, "they are known"
    assert [text[-3:] for text in told(raised(container))] == ["two", "one"], "it is none of them"


def test_the_engine_says_which_to_the_sync_client(serve: Serve) -> None:
    which_fails(serve, 0)
    with dagger.connect() as client:
        container = client.container().with_exec(["make"])  # one
        container = container.with_workdir("/b").with_exec(["make"])  # two
        with pytest.raises(dagger.ExecError) as error:
            container.stdout()
    assert [text[-3:] for text in told(error.value)] == ["one"]


def test_what_the_engine_names(serve: Serve) -> None:
    fails(serve, path=["container", "from"])
    container = dag.container().from_("nope")  # this one
    assert told(raised(container.with_exec(["true"]))) == [
        'container = dag.container().from_("nope")  # this one'
    ]
    assert told(raised(dag.container().from_("a").from_("b"))) == []


def test_the_engine_names_the_value(serve: Serve) -> None:
    fails(serve, path=["container", "stdout"])
    assert told(raised(dag.container())) == []


def test_turned_off(serve: Serve) -> None:
    fails(serve, "make")
    assert dagger.Config().source_lines
    with dagger.connect(dagger.Config(source_lines=False)) as client:
        with pytest.raises(dagger.ExecError) as error:
            client.container().with_exec(["make"]).stdout()
        assert error.value.source == ()
    code = "import dagger as d; assert not d.Config().source_lines; assert not d.dag.container()._step.place"
    environment = {"KUKRI_SOURCE_LINES": "0", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def test_pickling_keeps_it(serve: Serve) -> None:
    fails(serve, "make")
    error = raised(dag.container().with_exec(["make"]))
    again = pickle.loads(pickle.dumps(error))
    assert again.source == error.source != ()
    assert str(again) == str(error)


def test_places_are_no_part_of_identity() -> None:
    one = dag.container().with_exec(["make"])
    other = dag.container().with_exec(["make"])
    assert one._step is not None
    assert other._step is not None
    assert one._step.place != other._step.place
    assert one == other


def test_tracebacks_are_those_of_the_program(serve: Serve) -> None:
    fails(serve, "make")
    mine = str(ROOT / "dagger")

    def frames(call: Callable[[], object]) -> int:
        with pytest.raises((dagger.ExecError, TypeError)) as error:
            call()
        return sum(str(entry.path).startswith(mine) for entry in error.traceback)

    more = 9 if KEEPS_FRAMES else 0
    assert frames(lambda: asyncio.run(dag.container().with_exec(["make"]).stdout())) <= 1 + more
    assert frames(lambda: dag.container().with_exec(anything("make"))) <= 2 + more
    with dagger.connect() as client:
        assert frames(lambda: client.container().with_exec(["make"]).stdout()) <= 2 + more
        assert frames(lambda: client.container().with_exec(["make"]).sync()) <= 2 + more


def test_remembering_is_cheap() -> None:
    """In time of the processor, by the median: what else the machine does is not counted."""

    def seconds(places: bool) -> float:
        shared.config = dagger.Config(source_lines=places)
        container = dag.container()
        gc.collect()
        started = time.thread_time()
        for number in range(1000):
            container = container.with_exec(["echo", str(number)])
        return time.thread_time() - started

    try:
        ratio = statistics.median(seconds(True) / seconds(False) for _ in range(31))
        assert ratio < 1.25, "a few hundredths more, usually"
    finally:
        shared.config = dagger.Config()


def test_a_place_of_code_without_source(api: Api) -> None:
    """As in `python -c`."""
    names: dict[str, Any] = {"dag": dag}
    exec(compile("\n\nmade = dag.container().with_exec(['x'])", "<string>", "exec"), names)
    from dagger._places import _line

    place = _line(*names["made"]._step.place)
    assert place == dagger.SourceLine("<string>", 3, "<module>", "")
    assert str(place) == 'File "<string>", line 3, in <module>'
