"""Errors say what happened, and survive a trip to another process."""

import pickle
import re

import dagger
import pytest
from dagger import _errors
from dagger._errors import query_error

TOLD = {"_type": "EXEC_ERROR", "cmd": ["sh", "-c", "exit 3"], "exitCode": 3, "stdout": "out", "stderr": "err"}


def failed(**changes: object) -> dagger.ExecError:
    told = {**TOLD, **changes}
    message = "exit code: 3 [traceparent:0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331]"
    error = query_error([{"message": message, "path": ["container", "stdout"], "extensions": told}], "{x}")
    assert isinstance(error, dagger.ExecError)
    return error


def test_exec_errors() -> None:
    error = failed()
    assert (error.command, error.exit_code, error.stdout, error.stderr) == (
        ["sh", "-c", "exit 3"],
        3,
        "out",
        "err",
    )
    assert error.message.startswith("exit code: 3")
    assert str(error) == "exit code: 3\ncommand: sh -c 'exit 3'\nstdout:\n  out\nstderr:\n  err"
    assert str(failed(stderr=" \n")) == "exit code: 3\ncommand: sh -c 'exit 3'\nstdout:\n  out"
    assert str(failed(stderr="", stdout="")).endswith("the command wrote nothing")
    long = str(failed(stderr="\n".join(f"line {number}" for number in range(100))))
    assert "stderr, the last 20 of 100 lines:\n  line 80\n" in long
    assert long.endswith("  line 99")
    cut = "[omitting 400 bytes]...e 4\n" + "\n".join(f"line {number}" for number in range(100))
    assert "stderr, the last 20 lines:\n  line 80\n" in str(failed(stderr=cut))
    assert len(str(failed(stderr="x" * 100_000, cmd=["y" * 100_000]))) < 3000


def test_a_success_where_a_failure_was_expected() -> None:
    told = str(failed(exitCode=0))
    assert "hint: it did not fail, but a failure was expected: see `expect` of `with_exec`" in told


def test_hints() -> None:
    assert failed().hint == ""
    assert "hint:" not in str(failed())
    for code, words in [(126, "cannot be run"), (127, "not found"), (137, "memory"), (139, "crashed")]:
        assert words in failed(exitCode=code).hint
        assert str(failed(exitCode=code)).endswith(f"\nhint: {failed(exitCode=code).hint}")


def test_a_limit_that_the_engine_names_is_not_guessed_at() -> None:
    value = failed(exitCode=137).error
    value.message = "exit code: 137 (killed: out of memory, see `kukri engine --memory-max`)"
    assert dagger.ExecError([value]).hint == ""


def test_other_errors() -> None:
    error = query_error(
        [{"message": "no", "locations": [{"line": 1, "column": 2}], "extensions": None}, {"message": "b"}],
        "{x}",
    )
    assert type(error) is dagger.QueryError
    assert str(error) == "no"
    assert [str(each) for each in error.errors] == ["no", "b"]
    locations = error.errors[0].locations
    assert locations is not None
    assert locations[0].column == 2
    assert error.errors[0].extensions == {}
    assert error.debug_query() == "1: {x}\n    ^"
    assert error.errors[0].locations == [dagger.QueryErrorLocation(1, 2)]
    assert error.errors[1] == dagger.QueryErrorValue("b")
    assert error.errors[1] != error.errors[0]
    assert len({*error.errors, dagger.QueryErrorValue("b")}) == 2
    assert type(query_error([{"message": "x", "extensions": {"_type": "OTHER"}}], "")) is dagger.QueryError
    assert str(query_error(["just text"], "")) == "just text"
    assert failed(exitCode=-1, cmd=None).command == []
    with pytest.raises(ValueError, match="at least one"):
        dagger.QueryError([])


def test_the_tree() -> None:
    for child, parent in [
        ("ExecError", "QueryError"),
        ("QueryError", "ClientError"),
        ("TransportError", "ClientError"),
        ("ExecuteTimeoutError", "TransportError"),
        ("InvalidQueryError", "ClientError"),
        ("ClientConnectionError", "ClientError"),
        ("ClientError", "DaggerError"),
        ("SessionError", "ProvisionError"),
        ("ProvisionError", "DaggerError"),
    ]:
        assert getattr(dagger, child).__bases__ == (getattr(dagger, parent),)


def test_pickling() -> None:
    for error in (failed(), query_error([{"message": "no"}], "{x}"), dagger.TransportError("gone")):
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error)
        assert str(again) == str(error)


def test_the_tree_is_the_classes() -> None:
    """The page about the package includes it."""
    tree: dict[str, str] = {}
    above: list[str] = []
    for line in (_errors.__doc__ or "").partition("::")[2].splitlines():
        found = re.match(r"( {4}[ │├└─]*)(\w+)", line)
        if found is None:
            continue
        depth = (len(found[1]) - 4) // 4
        tree[found[2]] = above[depth - 1] if depth else ""
        above[depth:] = [found[2]]
    kinds = {name: kind for name in dagger.__all__ if isinstance(kind := getattr(dagger, name), type)}
    errors = {name: kind for name, kind in kinds.items() if issubclass(kind, (BaseException, Warning))}
    assert tree == {
        name: "" if base in (Exception, Warning) else base.__name__
        for name, kind in errors.items()
        for base in kind.__bases__
    }
