"""What a method gives whose value is awaited: a coroutine like any other, but no value."""

import asyncio
import collections.abc
import copy
import functools
import gc
import inspect
import json
import os
import pickle
import pydoc
import subprocess
import sys
import types
import typing
import warnings
import weakref
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from unittest import mock

import dagger
import pytest
from dagger import dag
from dagger._object import Object
from fake import PYPY, Api, anything

EXISTS = r"^Directory.exists\(\) has to be awaited: without `await` it is a coroutine, not its result$"


def exists() -> Any:
    return dag.directory().exists("a")


def test_it_is_not_taken_for_its_value(recwarn: pytest.WarningsRecorder) -> None:
    uses: list[Callable[[Any], object]] = [
        bool,
        lambda found: not found,
        lambda found: found and 1,
        lambda found: 1 if found else 2,
        str,
        lambda found: f"{found}",
        lambda found: f"{found:>10}",
        lambda found: "{}%s".format(found) % found,  # noqa: UP032 - the other ways to write it are above
        lambda found: "%s" % found,  # noqa: UP031 - as above
        print,
        lambda found: found == "a",
        lambda found: found != "a",
        lambda found: found == True,  # noqa: E712 - as programs write it
        lambda found: None == found,  # noqa: E711, SIM300 - as above
        lambda found: found == ["a"],
        lambda found: found == ("a",),
        lambda found: b"a" == found,  # noqa: SIM300 - as above
        lambda found: found != {"a": "b"},
        lambda found: {"a"} == found,
        lambda found: found == dagger.ExistsType.REGULAR_TYPE,
        lambda found: dagger.ExistsType.REGULAR_TYPE == found,  # noqa: SIM300 - as above
        lambda found: found in ("a", "b"),
        lambda found: "a" in found,
        bytes,
        list,
        lambda found: [*found],
        lambda found: dict(a=1, **dict.fromkeys(found, 1)),
        len,
        int,
        float,
        round,
        abs,
        range,
        sorted,
        lambda found: found + "a",
        lambda found: "a" + found,
        lambda found: ["a"] + found,
        lambda found: 1 + found,
        lambda found: found - 1,
        lambda found: found * 2,
        lambda found: "a" * found,
        lambda found: found / 2,
        lambda found: found % 2,
        lambda found: found < 1,
        lambda found: found >= 1,
        lambda found: 1 < found,  # noqa: SIM300 - as above
        lambda found: max(found, 1),
    ]
    # PyPy looks whether the class can be an index, and says itself that it cannot.
    if sys.implementation.name != "pypy":
        uses.append(lambda found: "abc"[found])
    for use in uses:
        with pytest.raises(TypeError, match=EXISTS):
            use(exists())

    def matched(found: Any) -> bool:
        match found:
            case "a":
                return True
        return False

    with pytest.raises(TypeError, match=EXISTS):
        matched(exists())
    with pytest.raises(TypeError, match=r"^Directory.exists\(\) has to be awaited first, in brackets: "):
        exists()[0]
    given = exists()
    with pytest.raises(TypeError, match=r"^Object of type coroutine is not JSON serializable"):
        json.dumps(given)
    given.close()
    gc.collect()
    assert not recwarn.list, "what was told is not told again"


def test_a_name_of_its_value() -> None:
    """`await container.stdout().strip()` asks the coroutine."""
    message = (
        "'coroutine' object has no attribute 'strip'; "
        "Container.stdout() has to be awaited first, in brackets: (await ….stdout()).strip"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(AttributeError) as error:
            anything(dag.container().stdout()).strip()
    assert str(error.value) == message
    output = dag.container().stdout()
    assert not hasattr(output, "strip")
    assert getattr(output, "_repr_html_", None) is None
    output.close()


def forget(found: object) -> None:
    """Lets go of it; without counting of references, Python does so when it collects."""
    del found
    gc.collect()


def test_what_is_never_awaited_is_still_told() -> None:
    with pytest.warns(RuntimeWarning, match=r"^coroutine 'Directory.export' was never awaited$") as found:
        forget(dag.directory().export("a"))
    assert Path(found[0].filename) == Path(__file__)


def test_it_is_a_coroutine() -> None:
    found = exists()
    assert inspect.iscoroutine(found)
    assert asyncio.iscoroutine(found)
    assert inspect.isawaitable(found)
    assert isinstance(found, (types.CoroutineType, collections.abc.Coroutine, collections.abc.Awaitable))
    assert not isinstance(found, (collections.abc.Generator, collections.abc.AsyncIterable))
    assert inspect.getcoroutinestate(found) == "CORO_CREATED"
    assert found.__name__ == "exists"
    assert found.__qualname__ == "Directory.exists"
    assert found.cr_frame is not None
    assert repr(found).startswith("<coroutine object Directory.exists at 0x")
    assert found == found
    other = exists()
    assert found != other
    assert found != object()
    assert len({found, other, found}) == 2
    assert weakref.ref(found)() is found
    for one in (found, other):
        one.close()
    assert inspect.getcoroutinestate(found) == "CORO_CLOSED"
    for _ in range(2):
        with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
            asyncio.run(found)
        assert not hasattr(found, "strip"), "telling makes it no new one"


def test_the_method_is_a_coroutine_function() -> None:
    """Libraries that wrap functions ask, such as those that call again what failed."""
    method = dagger.Directory.exists
    bound = dag.directory().exists
    for one in (method, bound, functools.partial(method), functools.partial(bound, "a")):
        assert inspect.iscoroutinefunction(one)
    assert not inspect.iscoroutinefunction(dagger.Directory.file)
    assert method is dagger.Directory.exists
    assert bound.__func__ is method
    assert "method Directory.exists of <dagger.Directory directory>" in repr(bound)


def test_the_method_is_a_function() -> None:
    """For whoever looks at it: documentation, debuggers, mocks."""
    method = dagger.Directory.exists
    assert inspect.isfunction(method)
    assert repr(method).startswith("<function Directory.exists at ")
    assert (method.__module__, method.__qualname__) == ("dagger._gen.directory", "Directory.exists")
    assert list(inspect.signature(method).parameters)[:2] == ["self", "path"]
    assert list(inspect.signature(dag.directory().exists).parameters)[:1] == ["path"]
    assert typing.get_type_hints(dagger.Container.stdout)["return"] is str
    assert pickle.loads(pickle.dumps(method)) is method
    assert copy.deepcopy(method) is method
    assert weakref.ref(method)() is method
    text = pydoc.plain(pydoc.render_doc(method))
    assert "function exists in module dagger._gen.directory" in text
    assert method.__doc__
    assert ("exists", method) in inspect.getmembers(dagger.Directory, inspect.isfunction)


def test_wrong_arguments_are_told_where_it_is_called() -> None:
    with pytest.raises(TypeError, match=r"exists\(\) missing 1 required positional argument: 'path'"):
        anything(dag.directory()).exists()


def test_mocks_are_awaited() -> None:
    container = mock.create_autospec(dagger.Container, instance=True)
    assert inspect.iscoroutinefunction(container.stdout) or asyncio.iscoroutinefunction(container.stdout)
    container.stdout.return_value = "mocked"
    assert asyncio.run(container.stdout()) == "mocked"


def test_asyncio_takes_it(api: Api) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        wanted = ".version"
        assert await dag.version() == wanted
        assert await asyncio.gather(dag.version(), dag.version()) == [wanted] * 2
        assert await asyncio.create_task(dag.version()) == wanted
        assert await asyncio.ensure_future(dag.version()) == wanted
        assert await asyncio.wait_for(dag.version(), 5) == wanted
        assert await asyncio.shield(dag.version()) == wanted
        assert [await one for one in asyncio.as_completed([dag.version()])] == [wanted]
        called = asyncio.run_coroutine_threadsafe(dag.version(), loop)
        assert await asyncio.wrap_future(called) == wanted
        task = loop.create_task(dag.version())
        assert "Query.version() running at" in repr(task)
        await asyncio.sleep(0)
        assert task.get_stack()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        if sys.version_info >= (3, 11):
            async with asyncio.TaskGroup() as group:
                first = group.create_task(dag.version())
            assert first.result() == wanted

    asyncio.run(main())
    asyncio.run(main(), debug=True)
    assert asyncio.run(dag.version()) == ".version"


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_anyio_takes_it(backend: str, api: Api) -> None:
    anyio = pytest.importorskip("anyio")
    if backend == "trio":
        pytest.importorskip("trio")

    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(dag.version)
            group.start_soon(dag.directory().exists, "a")
        assert len(api.documents) == 2

    anyio.run(main, backend=backend)
    assert anyio.run(dag.version, backend=backend) == ".version"


def test_trio_takes_it(api: Api) -> None:
    trio = pytest.importorskip("trio")

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(dag.version)
        with trio.move_on_after(0):
            await dag.version()

    trio.run(main)
    assert trio.run(dag.version) == ".version"


def test_what_was_misused_can_be_awaited_nevertheless(api: Api) -> None:
    async def awaits(version: Coroutine[Any, Any, str]) -> str:
        with pytest.raises(TypeError):
            bool(version)
        assert inspect.getcoroutinestate(version) == "CORO_CREATED"
        awaiting = asyncio.ensure_future(last(version))
        del version
        return await awaiting

    async def last(version: Coroutine[Any, Any, str]) -> str:
        return await version

    assert asyncio.run(awaits(dag.version())) == ".version"


def test_it_cannot_be_pickled_or_copied() -> None:
    for use in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match=EXISTS):
            use(exists())


def test_every_method_that_is_awaited_gives_one() -> None:
    """A generated method that was forgotten would be a plain coroutine function."""
    count = 0
    for name in dagger.__all__:
        kind = getattr(dagger, name)
        if not isinstance(kind, type) or not issubclass(kind, Object):
            continue
        for key, method in vars(kind).items():
            if inspect.isfunction(method) and inspect.iscoroutinefunction(method):
                assert hasattr(method, "__wrapped__"), f"{name}.{key}"
                count += 1
    assert count > 100


def run_program(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    """How a program ends for which every warning is an error."""
    (folder / "deploy.py").write_text(text)
    return subprocess.run(
        [sys.executable, "-W", "error", "deploy.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(dagger.__file__).parent.parent)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_program_that_forgets_it_fails(tmp_path: Path, api: Api) -> None:
    done = run_program(
        tmp_path,
        "import asyncio\nfrom dagger import dag\n\n"
        "async def main():\n"
        '    if dag.directory().exists("release"):\n        print("deployed")\n\n'
        "asyncio.run(main())\n",
    )
    assert done.returncode == 1
    assert done.stdout == ""
    last = done.stderr.splitlines()[-1]
    assert last == f"TypeError: {EXISTS[1:-1]}".replace("\\", "")
    assert "never awaited" not in done.stderr


@pytest.mark.skipif(PYPY, reason="PyPy prints what is given to sys.exit by a program of its own")
@pytest.mark.parametrize("ends", ["sys.exit(one)", "raise SystemExit(one)", "asyncio.run(main())"])
def test_a_program_that_ends_with_it_fails(tmp_path: Path, api: Api, ends: str) -> None:
    """The interpreter prints it, when nothing can be raised any more."""
    done = run_program(
        tmp_path,
        "import asyncio, sys\nfrom dagger import dag\n\n"
        "one = dag.container().exit_code()\n\n"
        "async def main():\n    sys.exit(one)\n\n"
        f"{ends}\n",
    )
    assert done.returncode == 1
    assert done.stderr == (
        "sys.exit: Container.exit_code() has to be awaited: "
        "without `await` it is a coroutine, not its result\n"
    )
