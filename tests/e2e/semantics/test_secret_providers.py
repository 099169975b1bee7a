"""Secrets of other providers (protocol section 5.13): the client asks their programs, which stand in here for services
that need accounts."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from engine import Engine

ANSWERS = {
    "op": "printf 'of op'",
    "vault": "printf 'of vault'",
    "secret-tool": "printf 'of the keyring'",
    "gcloud": "printf 'of gcp'",
    "aws": """case $1 in
        ssm) echo '{"Parameter": {"Value": "of a parameter"}}' ;;
        *) echo '{"SecretString": "{\\"password\\": \\"of a field\\"}"}' ;;
    esac""",
}


@pytest.fixture
def with_programs(engine: Engine, q: Any, asker: Any, tmp_path: Path) -> Callable[..., Any]:
    """A session whose client has these programs and no others; each notes its arguments. `q` has the engine started."""

    def open_session(stack: Any, programs: dict[str, str]) -> Any:
        directory = tmp_path / "bin"
        directory.mkdir()
        for name, script in programs.items():
            (directory / name).write_text(
                f'#!/bin/sh\nfor arg in "$@"; do echo "$arg" >> {tmp_path}/asked; done\n{script}\n'
            )
            (directory / name).chmod(0o755)
        other = Engine(engine.root, None)
        other.env = {**engine.env, "PATH": str(directory)}
        return asker(stack.enter_context(other.session(workdir=tmp_path)))

    return open_session


@pytest.mark.parametrize(
    ("uri", "value", "asked"),
    [
        ("op://vault/an item/field", "of op", ["read", "--no-newline", "op://vault/an item/field"]),
        ("vault://team/app.token", "of vault", ["kv", "get", "-mount=secret", "-field=token", "team/app"]),
        ("libsecret://login?user=me", "of the keyring", ["lookup", "user", "me"]),
        ("gcp://projects/p/secrets/s", "of gcp", ["secrets", "versions", "access", "latest", "--secret=s", "--project=p"]),
        ("aws+sm://db?field=password", "of a field", ["secretsmanager", "get-secret-value", "--secret-id=db", "--output=json"]),
        ("aws+ps://a/b", "of a parameter", ["ssm", "get-parameter", "--with-decryption", "--name=/a/b", "--output=json"]),
    ],
)  # fmt: skip
def test_5_13_the_value_comes_from_the_program_when_it_is_needed(
    with_programs: Any, tmp_path: Path, uri: str, value: str, asked: list[str]
) -> None:
    with contextlib.ExitStack() as stack:
        q = with_programs(stack, ANSWERS)
        root = f"secret(uri: {json.dumps(uri)}, cacheKey: {json.dumps(uri)})"
        found = q.session.query(f"{{ {root} {{ id uri name }} }}")["secret"]
        assert (found["uri"], found["name"]) == (uri, "")
        assert not (tmp_path / "asked").exists(), "describing a secret asks nobody"
        assert q.session.query(f"{{ {root} {{ plaintext }} }}")["secret"]["plaintext"] == value
        assert (tmp_path / "asked").read_text().splitlines() == asked
        mounted = f'withMountedSecret(path: "/s", source: {json.dumps(found["id"])})'
        assert q.sh("cat /s; wc -c < /s", mounted) == f"***{len(value)}\n"


def test_5_13_programs_that_fail_or_are_not_there(with_programs: Any) -> None:
    with contextlib.ExitStack() as stack:
        q = with_programs(stack, {"op": "echo sealed; echo not signed in >&2; exit 6"})

        def fails(uri: str) -> str:
            return str(q.fails("session_query", f'{{ secret(uri: "{uri}") {{ plaintext }} }}').message)

        message = fails("op://a/b/c")
        assert "the program op did not give the secret op://a/b/c" in message
        assert "not signed in" in message and "sealed" not in message
        for uri, program in [("vault://a.b", "vault"), ("gcp://name", "gcloud")]:
            message = fails(uri)
            assert f"the program {program}, which is not installed here" in message
            assert "env://" in message, "it says what to do instead"
        assert "expected vault://PATH.FIELD" in fails("vault://path")
        assert 'unsupported secret provider: "foo"' in fails("foo://x")
