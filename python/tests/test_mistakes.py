"""Typical mistakes get messages that say what to do."""

import asyncio
import copy
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import dagger
import pytest
from dagger import dag
from dagger._client import shared
from fake import KEEPS_FRAMES, PYPY, Api, anything


def test_a_coroutine_as_argument() -> None:
    """Nothing else is said: no warning that it was not awaited."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        message = r"argument contents is a coroutine, Container.stdout\(\), not its result: await it first"
        with pytest.raises(TypeError, match=message):
            dag.directory().with_new_file("a", anything(dag.container().stdout()))
        message = r"Container.with_exec\(\): argument args\[1\] is a coroutine, Query.version\(\)"
        with pytest.raises(TypeError, match=message):
            dag.container().with_exec(["echo", anything(dag.version())])
        with pytest.raises(TypeError, match=r"argument source is a coroutine, Directory.sync\(\)"):
            dag.container().with_directory("/x", anything(dag.directory().sync()))

    async def main() -> None:
        with pytest.raises(TypeError, match=r"argument path is a coroutine"):
            await dag.directory().export(anything(dag.directory().digest()))

    asyncio.run(main())


def test_none_for_what_must_be_given() -> None:
    """As `os.environ.get("X")` gives it: told at the call, with method and argument."""
    nothing = anything(None)
    made = dag.container()
    calls: list[tuple[str, Callable[[], object]]] = [
        (
            "Container.with_env_variable(): argument value must be a string",
            lambda: made.with_env_variable("X", nothing),
        ),
        ("Container.from(): argument address must be a string", lambda: made.from_(nothing)),
        ("Container.with_exec(): argument args must be a list", lambda: made.with_exec(nothing)),
        (
            "Container.with_directory(): argument source must be an object of the type Directory",
            lambda: made.with_directory("/x", nothing),
        ),
        (
            "Container.as_service(): argument args[0] must be a string",
            lambda: made.as_service(args=[nothing]),
        ),
        (
            "Host.service(): argument ports[0].backend must be a whole number",
            lambda: dag.host().service([dagger.PortForward(nothing)]),
        ),
    ]
    for message, call in calls:
        with pytest.raises(TypeError) as error:
            call()
        assert str(error.value) == f"{message}, not None"

    async def main() -> None:
        with pytest.raises(TypeError, match=r"export\(\): argument path must be a string, not None"):
            await dag.directory().export(nothing)

    asyncio.run(main())
    optional = made.with_exec(["a"], stdin=None, expect=None).with_exposed_port(80, description=None)
    assert optional == made.with_exec(["a"]).with_exposed_port(80), "what may be left out may be None"


def test_a_truth_is_no_number_and_a_number_no_truth() -> None:
    for wrong in (True, False):
        with pytest.raises(TypeError, match=r"argument permissions must be a whole number, not bool"):
            dag.directory().with_new_file("a", "", permissions=wrong)
        with pytest.raises(TypeError, match=r"argument port must be a whole number, not bool"):
            dag.container().with_exposed_port(wrong)
    for number in (0, 1):
        with pytest.raises(TypeError, match=r"argument use_entrypoint must be True or False, not int"):
            dag.container().with_exec(["a"], use_entrypoint=anything(number))


def caught(call: Callable[[], object]) -> list[str]:
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        call()
    for warning in found:
        assert warning.category is RuntimeWarning
        assert Path(warning.filename) == Path(__file__), "the line of the program"
    return [str(warning.message) for warning in found if "never awaited" not in str(warning.message)]


def test_a_coroutine_in_a_text() -> None:
    """A method's own coroutine refuses to be put into one; that of a function of the program cannot."""

    async def output() -> str:
        return await dag.container().stdout()

    def echo() -> dagger.Container:
        made = output()
        text = f"echo {made}"
        made.close()
        return dag.container().with_exec(["sh", "-c", text])

    (message,) = caught(echo)
    assert message == (
        "Container.with_exec(): argument args[2] holds the text of a coroutine, "
        "test_a_coroutine_in_a_text.<locals>.output(), not a value of it: await the value first"
    )


def test_an_object_in_a_text() -> None:
    file = dag.directory().file("a")
    (message,) = caught(lambda: dag.container().with_env_variable("A", f"{file}"))
    assert message.startswith(
        "Container.with_env_variable(): argument value holds the text of an object of the type File"
    )


def test_texts_that_only_look_alike() -> None:
    for text in ("<dagger.io>", "<coroutine object of a kind>", "<dagger.", "see <dagger.Container>"):
        assert caught(lambda text=text: dag.directory().with_new_file("a", text)) == []


def test_awaiting_what_is_no_value(api: Api) -> None:
    async def main() -> None:
        with pytest.raises(TypeError, match="Host"):
            await anything(dag.host())

    asyncio.run(main())


def test_the_wrong_kind_of_with(api: Api) -> None:
    for made in (dagger.connection(), dagger.Connection()):
        with pytest.raises(TypeError, match=r"needs `async with`; without async: `with dagger.connect\(\)"):
            anything(made).__enter__()
        with pytest.raises(TypeError, match="needs `async with`"):
            exec("with made: pass")

    async def main() -> None:
        with pytest.raises(
            TypeError, match=r"needs `with`; in async code: `async with dagger.connection\(\)"
        ):
            await anything(dagger.connect()).__aenter__()

    asyncio.run(main())


def test_a_connection_taken_for_a_client(api: Api) -> None:
    kinds = {
        "connect": "with dagger.connect() as client:",
        "Connection": "async with dagger.Connection() as client:",
        "connection": "from dagger import dag",
    }
    for kind, gives in kinds.items():
        message = f"'{kind}' object has no attribute 'container'; a client has it: {gives}"
        for made in (getattr(dagger, kind)(), copy.copy(getattr(dagger, kind)())):
            with pytest.raises(AttributeError, match=re.escape(message)):
                made.container()
            with pytest.raises(AttributeError, match=rf"'{kind}' object has no attribute '_nope'$"):
                made._nope  # noqa: B018 - it is what is tried

    async def main() -> None:
        async with dagger.connection() as client:
            with pytest.raises(AttributeError, match="a client has it: from dagger import dag"):
                anything(client).container()
        with pytest.raises(AttributeError, match="a client has it: from dagger import dag"):
            anything(await dagger.connect()).container()

    asyncio.run(main())


def test_an_object_made_by_its_class() -> None:
    for kind in (dagger.Client, dagger.sync.Client):
        with pytest.raises(
            TypeError, match=r"a Client is not made by its class: `with dagger.connect\(\) as client:` gives"
        ):
            anything(kind)()
    for kind in (dagger.Container, dagger.sync.Container):
        with pytest.raises(
            TypeError, match=r"a Container is not made by its class: a call, such as dag.directory\(\), gives"
        ):
            anything(kind)()


def test_texts_for_objects() -> None:
    made = dag.container()
    a_file = anything(dag.file("a", "b"))
    calls: list[tuple[str, Callable[[], object]]] = [
        (
            "source must be an object of the type Directory, not str: dag.host().directory(path) gives one",
            lambda: made.with_directory("/x", anything("src")),
        ),
        (
            "source must be an object of the type File, not PosixPath: dag.host().file(path) gives one",
            lambda: made.with_file("/x", anything(Path("a"))),
        ),
        (
            "secret must be an object of the type Secret, not str: dag.set_secret(name, value) gives one",
            lambda: made.with_secret_variable("X", anything("hunter2")),
        ),
        (
            "cache must be an object of the type CacheVolume, not str: dag.cache_volume(key) gives one",
            lambda: made.with_mounted_cache("/c", anything("pip")),
        ),
        (
            "source must be an object of the type Directory, not File",
            lambda: made.with_directory("/", a_file),
        ),
    ]

    for message, call in calls:
        with pytest.raises(TypeError, match=rf"argument {re.escape(message)}$"):
            call()


@pytest.mark.skipif(PYPY, reason="PyPy proposes no names")
@pytest.mark.parametrize(
    ("code", "meant"),
    [
        ("dagger.Contaner", "Container"),
        ("dagger.sync.Contaner", "Container"),
        ("dagger.dag.contaner", "container"),
        ("dagger.dag.container().with_exce", "with_exec"),
    ],
)
def test_names_that_are_alike(code: str, meant: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import dagger; {code}"],
        env={**os.environ, "PYTHONPATH": str(Path(dagger.__file__).parent.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr.rstrip().endswith(f"Did you mean: '{meant}'?")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("from dagger import dag, function, object_type", "dagger.function is for writing modules, which"),
        ("from dagger import (\n dag,\n field,\n)", "dagger.field is for writing modules, which"),
        ("from dagger import ModuleSource", "dagger.ModuleSource is not available: this engine does not"),
        ("from dagger import Contaner", "module 'dagger' has no attribute 'Contaner'"),
        (
            "from dagger.client.gen import ModuleSource",
            "dagger.ModuleSource is not available: this engine does not",
        ),
        ("from dagger.client.gen import Contaner", "module 'dagger.client.gen' has no attribute 'Contaner'"),
        ("from dagger import mod", "dagger.mod is for writing modules, which"),
        ("from dagger import telemetry", "dagger.telemetry is not there, since"),
        ("from dagger.client import base", "dagger.client.base is not there; "),
    ],
)
def test_names_that_cannot_be_imported(code: str, message: str) -> None:
    """A module of the original begins with such a line."""
    with pytest.raises(ImportError, match=f"^{re.escape(message)}"):
        exec(code, {})
    assert not hasattr(dagger, "function")
    with pytest.raises(AttributeError, match="for writing modules"):
        anything(dagger).function  # noqa: B018 - it is what is tried


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import dagger.mod", "dagger.mod is for writing modules, which"),
        ("from dagger.mod import function", "dagger.mod is for writing modules, which"),
        ("import dagger.mod.cli", "dagger.mod is for writing modules, which"),
        ("from dagger.telemetry import get_tracer", "dagger.telemetry is not there, since"),
        (
            "import dagger.client.base",
            "dagger.client.base is not there; Enum, Input and Scalar are in dagger",
        ),
        ("import dagger.nope", "No module named 'dagger.nope'"),
    ],
)
def test_modules_that_are_not_there(code: str, message: str) -> None:
    """Whoever imports them is told why; whoever looks whether they are there finds that they are not."""
    with pytest.raises(ModuleNotFoundError, match=f"^{re.escape(message)}") as error:
        exec(code, {})
    assert error.value.name is not None
    assert find_spec(error.value.name) is None
    assert error.value.name not in sys.modules


def test_entering_what_is_entered(api: Api) -> None:
    """The session of the first time would never be closed. One after the other is all right."""
    message = "this connection is open already; make another one"

    async def main() -> None:
        for made in (dagger.connection(), dagger.Connection()):
            for _ in range(2):
                async with made:
                    with pytest.raises(RuntimeError, match=message):
                        await made.__aenter__()
                    assert await dag.version() == ".version"
            first, second = await asyncio.gather(made.__aenter__(), made.__aenter__(), return_exceptions=True)
            assert not isinstance(first, Exception)
            assert isinstance(second, RuntimeError)
            await made.__aexit__(None, None, None)

    asyncio.run(main())
    plain = dagger.connect()
    for _ in range(2):
        with plain as client:
            with pytest.raises(RuntimeError, match=message):
                plain.__enter__()
            assert client.version() == ".version"


def test_a_connection_that_could_not_be_opened_can_be(monkeypatch: pytest.MonkeyPatch, api: Api) -> None:
    port, made = os.environ["DAGGER_SESSION_PORT"], dagger.connection()

    async def main() -> None:
        async with made:
            assert await dag.version() == ".version"

    monkeypatch.setenv("DAGGER_SESSION_PORT", "none")
    with pytest.raises(dagger.ClientConnectionError, match="no TCP port"):
        asyncio.run(main())
    monkeypatch.setenv("DAGGER_SESSION_PORT", port)
    asyncio.run(main())


def test_without_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "ended", False)

    async def main() -> None:
        with pytest.raises(dagger.ClientConnectionError, match=r"async with dagger.connection\(\)") as error:
            await dag.version()
        assert "start the program with `kukri run`" in str(error.value)

    asyncio.run(main())


def test_after_the_connection(api: Api) -> None:
    async def main() -> dagger.Container:
        async with dagger.Connection() as client:
            container = await client.container().from_("alpine").sync()
            assert container == client.container().from_("alpine"), "what was computed is what it was made by"
        with pytest.raises(dagger.TransportError, match=r"was closed; use .* inside of the `with` block"):
            await container.stdout()
        return container

    asyncio.run(main())
    with dagger.connect() as client:
        directory = client.directory()
    with pytest.raises(dagger.TransportError, match="was closed"):
        directory.entries()


def test_objects_outlive_sessions(api: Api) -> None:
    """What was found in one session can be used in another: by its calls, or by its ID."""

    async def main() -> None:
        async with dagger.connection():
            container = await dag.container().from_("alpine").sync()
            (variable,) = await container.env_variables()
        api.documents.clear()
        async with dagger.connection():
            await container.stdout()
            await variable.name()
            await dag.container().with_directory("/x", container.directory("/etc")).stdout()

    asyncio.run(main())
    assert api.documents[0] == '{container{from(address:"alpine"){stdout}}}'
    assert api.documents[1].startswith('{node(id:"id-1"){...on EnvVariable{name}')


def test_a_binary_that_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    hint = "\nhint: _EXPERIMENTAL_DAGGER_CLI_BIN names this binary; unset it to use the one of the package"
    for binary, message in [
        ("/nope", "cannot start /nope: No such file or directory"),
        ("/bin/true", "`kukri session` ended with status 0 before it was ready"),
    ]:
        monkeypatch.setenv("_EXPERIMENTAL_DAGGER_CLI_BIN", binary)
        with pytest.raises(dagger.SessionError) as error, dagger.connect():
            pass
        assert str(error.value) == message + hint


def test_pytest_shows_no_frames_of_the_package(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import asyncio\nfrom dagger import dag\n\n"
        "def test_it() -> None:\n    asyncio.run(dag.container().stdout())\n\n"
        "def test_arguments() -> None:\n    dag.container().with_exec(3)\n"
    )
    python = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "test_it.py"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    done = subprocess.run(python, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert "2 failed" in done.stdout, done.stderr
    told = [" ".join(line.split()) for line in done.stdout.splitlines() if line.startswith("E ")]
    assert any(line.startswith("E dagger.ClientConnectionError: there is no session") for line in told), told
    assert any(line.startswith("E TypeError: Container.with_exec()") for line in told), told
    frames = [
        line for line in done.stdout.splitlines() if line.endswith((": ", ": TypeError")) and ".py:" in line
    ]
    assert frames
    if not KEEPS_FRAMES:
        assert not [line for line in frames if "/dagger/" in line]
