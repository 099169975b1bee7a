"""The configuration takes what programs give it."""

import copy
import dataclasses
import io
import pickle
import sys
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import dagger
import pytest
from fake import anything


def test_defaults() -> None:
    config = dagger.Config()
    assert (config.timeouts().connect, config.timeouts().read) == (10.0, None)
    assert config.retry == dagger.Retry(connect=True, execute=True)
    assert config.log_output is None


@pytest.mark.parametrize(
    ("options", "connect", "read"),
    [
        ({"timeout": 5}, 5.0, None),
        ({"timeout": None}, None, None),
        ({"timeout": dagger.Timeout(7)}, 7, 7),
        ({"timeout": dagger.Timeout(None, connect=3.0)}, 3.0, None),
        ({"execute_timeout": 60}, 10.0, 60.0),
        ({"execute_timeout": None, "timeout": dagger.Timeout(7)}, 7, None),
    ],
)
def test_times(options: dict, connect: float | None, read: float | None) -> None:
    times = dagger.Config(**options).timeouts()
    assert (times.connect, times.read) == (connect, read)


class Nothing:
    """No number, no path, no stream."""


TIME = "a number of seconds above 0, or None to wait as long as it takes"
PATH = "a path: a str or a pathlib.Path"
TRUTH = "True or False"
STREAM = "a text stream, as sys.stderr or an open file"
WRONG: list[tuple[str, list[object], str]] = [
    ("timeout", ["soon", "5", b"5", True, [], Nothing(), 1j], f"a dagger.Timeout, {TIME}"),
    ("execute_timeout", ["soon", "60", False, [], Nothing()], TIME),
    ("retry", ["x", True, 3, Nothing()], "a dagger.Retry, or None to try nothing again"),
    ("workdir", [3, None, b"/src", ["/src"], Nothing()], PATH),
    ("config_path", [3, None, b"/src", Nothing()], PATH),
    ("load_workspace_modules", ["no", 1, None, Nothing()], TRUTH),
    ("source_lines", ["no", 0, None, Nothing()], TRUTH),
    ("console", [1, "console", io.StringIO(), Nothing()], "an object with a `file`, such as a rich.console"),
    ("log_output", ["a.log", Path("a.log"), io.BytesIO(), 2, Nothing()], STREAM),
]
"""Per field, values of types that it must not have, and what is said."""


def test_every_field_is_checked() -> None:
    assert {field.name for field in dataclasses.fields(dagger.Config)} == {name for name, _, _ in WRONG}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [(name, value, expected) for name, values, expected in WRONG for value in values],
)
def test_wrong_types(name: str, value: object, expected: str) -> None:
    with pytest.raises(TypeError) as error:
        dagger.Config(**anything({name: value}))
    message = str(error.value)
    assert message.startswith(f"{name} must be {expected}")
    assert message.endswith(f", not {type(value).__name__}")


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 1e300])
def test_times_that_are_none(seconds: float) -> None:
    for name, make in [
        ("timeout", lambda: dagger.Config(timeout=seconds)),
        ("execute_timeout", lambda: dagger.Config(execute_timeout=seconds)),
        ("timeout", lambda: dagger.Timeout(seconds, connect=1, read=1, write=1, pool=1)),
        ("connect", lambda: dagger.Timeout(None, connect=seconds)),
        ("read", lambda: dagger.Timeout(5, read=seconds)),
        ("write", lambda: dagger.Timeout(write=seconds)),
        ("pool", lambda: dagger.Timeout(pool=seconds)),
    ]:
        with pytest.raises(ValueError, match=f"^{name} must be .*{TIME}, not {seconds:g}$".replace("+", ".")):
            make()


def test_wrong_parts() -> None:
    with pytest.raises(TypeError, match=f"^pool must be {TIME}, not str"):
        dagger.Timeout(5, pool=anything("5"))
    with pytest.raises(TypeError, match=r"^execute must be True, False or a decorator, not str"):
        dagger.Retry(execute=anything("x"))
    assert dagger.Retry(connect=lambda function: function).execute is True


def test_times_may_be_any_numbers() -> None:
    config = dagger.Config(timeout=anything(Fraction(1, 2)), execute_timeout=anything(Decimal(60)))
    assert (config.timeouts().connect, config.timeouts().read) == (0.5, 60.0)


def test_paths_that_are_none() -> None:
    for name in ("workdir", "config_path"):
        with pytest.raises(ValueError, match=f"^{name} must be a path, and 'a.x00b' has a null character"):
            dagger.Config(**anything({name: "a\0b"}))


def test_streams_that_cannot_be_written(tmp_path: Path) -> None:
    """The name of a file would be taken, and nothing written."""
    path = tmp_path / "pipeline.log"
    with path.open("wb") as binary, pytest.raises(TypeError, match=f"^log_output must be {STREAM}, not Buf"):
        dagger.Config(log_output=anything(binary))
    with pytest.raises(ValueError, match=r"^log_output is closed already"):
        dagger.Config(log_output=closed(path))
    with path.open() as read, pytest.raises(ValueError, match=r"mode 'w' or 'a', not 'r'$"):
        dagger.Config(log_output=read)
    with path.open("a") as log:
        assert dagger.Config(log_output=log).log_output is log


def closed(path: Path) -> io.TextIOWrapper:
    with path.open("w") as stream:
        return stream


@pytest.mark.parametrize("kind", [dagger.connection, dagger.Connection, dagger.connect])
@pytest.mark.parametrize("value", ["/src", 3, {"log_output": None}, dagger.Config, sys.stderr])
def test_a_connection_takes_a_config(kind: type, value: object) -> None:
    with pytest.raises(TypeError, match=r"^config must be a dagger.Config, such as .*, not \w+$"):
        kind(value)


def test_a_directory_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_EXPERIMENTAL_DAGGER_CLI_BIN", "/bin/true")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    for workdir, message in [
        ("nope", r"nope does not exist$"),
        (tmp_path / "file", r"file is not a directory$"),
        ("~/project", r"/~/project does not exist; `~` has no meaning here, use os.path.expanduser$"),
    ]:
        with pytest.raises(dagger.ProvisionError, match=f"^workdir /.*{message}"):
            dagger.connect(dagger.Config(workdir=workdir)).__enter__()


def test_a_console_is_where_logs_go() -> None:
    class Console:
        file = io.StringIO()

    assert dagger.Config(console=Console()).log_output is Console.file


def test_it_is_a_dataclass() -> None:
    assert dataclasses.replace(dagger.Config(workdir="a"), workdir="b").workdir == "b"
    with pytest.raises(TypeError, match="positional argument"):
        anything(dagger.Config)("positional")


@pytest.mark.parametrize("config", [dagger.Config(), dagger.Config(execute_timeout=None, timeout=3)])
def test_copies_are_equal(config: dagger.Config) -> None:
    assert copy.copy(config) == copy.deepcopy(config) == pickle.loads(pickle.dumps(config)) == config
    assert copy.deepcopy(config).timeouts() == config.timeouts()
