"""The configuration takes what programs give it."""

import dataclasses
import io
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


def test_wrong_times() -> None:
    with pytest.raises(TypeError, match="timeout must be a number of seconds"):
        dagger.Config(timeout=anything("soon")).timeouts()
    with pytest.raises(TypeError, match="execute_timeout"):
        dagger.Config(execute_timeout=anything([])).timeouts()


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_times_that_are_none(seconds: float) -> None:
    with pytest.raises(ValueError, match="timeout must be a number of seconds above 0 or None"):
        dagger.Config(timeout=seconds).timeouts()
    with pytest.raises(ValueError, match="execute_timeout must be"):
        dagger.Config(execute_timeout=seconds).timeouts()
    with pytest.raises(ValueError, match="connect must be"):
        dagger.Timeout(None, connect=seconds)


def test_where_logs_cannot_go(tmp_path: Path) -> None:
    """The name of a file would be taken, and nothing written."""
    for wrong in ("pipeline.log", tmp_path / "pipeline.log", io.BytesIO(), 2):
        with pytest.raises(TypeError, match=r"log_output must be a text stream, .* not \w+"):
            dagger.Config(log_output=anything(wrong))


def test_a_console_is_where_logs_go() -> None:
    class Console:
        file = io.StringIO()

    assert dagger.Config(console=Console()).log_output is Console.file


def test_it_is_a_dataclass() -> None:
    assert dataclasses.replace(dagger.Config(workdir="a"), workdir="b").workdir == "b"
    with pytest.raises(TypeError, match="positional argument"):
        anything(dagger.Config)("positional")
