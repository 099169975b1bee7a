"""What errors look like: protocol 4.1, 4.3 and 4.5."""

from __future__ import annotations

import json
from typing import Any

import pytest
from session import GraphQLError, Session


def error_of(session: Session, document: str) -> GraphQLError:
    with pytest.raises(GraphQLError) as caught:
        session.query(document)
    return caught.value


def test_the_path_has_the_keys_of_the_answer(session: Session) -> None:
    """4.1: aliases, down to the field that failed."""
    error = error_of(
        session,
        '{ c: container { i: from(address: "busybox") { w: withExec(args: ["false"]) { s: sync } } } }',
    )
    assert error.path == ["c", "i", "w", "s"]
    assert len(error.errors) == 1


def test_the_failing_path_is_that_of_the_leaf(session: Session) -> None:
    """4.1: work happens at the leaf, so that is what fails, not the exec."""
    steps = 'withExec(args: ["false"]) { withWorkdir(path: "/") { stdout } }'
    error = error_of(session, f'{{ container {{ from(address: "busybox") {{ {steps} }} }} }}')
    assert error.path == ["container", "from", "withExec", "withWorkdir", "stdout"]


def test_elements_of_lists_have_their_index_in_the_path(session: Session) -> None:
    """4.1: indexes are whole numbers, and a list in a list has two of them."""
    contents = json.dumps(json.dumps({"a": [[1], [2, "x"]]}))
    value = f'json {{ withContents(contents: {contents}) {{ field(path: ["a"]) {{ %s }} }} }}'
    error = error_of(session, f"{{ {value % 'asArray { all: asArray { asInteger } }'} }}")
    assert error.path == ["json", "withContents", "field", "asArray", 1, "all", 1, "asInteger"]


def test_an_ordinary_error_has_no_extensions(session: Session) -> None:
    """4.1 and 4.3: only `message` and `path`; `extensions` is absent, not null."""
    error = error_of(session, '{ directory { file(path: "none") { contents } } }')
    assert set(error.errors[0]) == {"message", "path"}


def test_an_invalid_document_has_a_place_and_a_code(session: Session) -> None:
    """1.7 and 4.1: `locations` and the code, no `path`."""
    error = error_of(session, "{\n  version\n  nonsense\n}")
    assert error.errors[0]["locations"] == [{"line": 3, "column": 3}]
    assert error.extensions == {"code": "GRAPHQL_VALIDATION_FAILED"}
    error = error_of(session, "{ version")
    assert error.extensions == {"code": "GRAPHQL_PARSE_FAILED"} and error.errors[0]["locations"]


def test_an_exec_error_has_its_five_keys(session: Session) -> None:
    """4.2 and 4.4: `_type`, `cmd`, `exitCode`, `stdout`, `stderr`; all of them, of these types."""
    command = json.dumps(["sh", "-c", "echo ' out '; echo err >&2; exit 7"])
    error = error_of(
        session, f'{{ container {{ from(address: "busybox") {{ withExec(args: {command}) {{ sync }} }} }} }}'
    )
    assert error.status == 200 and error.message.startswith("exit code: 7")
    # Two more that are ours: the number of the step in progress events, and the ID of what the call gives.
    assert error.extensions.pop("step") > 0
    assert error.extensions.pop("call").startswith("Container.")
    assert error.extensions == {
        "_type": "EXEC_ERROR",
        "cmd": json.loads(command),
        "exitCode": 7,
        "stdout": "out",
        "stderr": "err",
    }


def test_the_message_of_a_failed_command_is_the_same_in_a_trace(session: Session) -> None:
    """4.2 and `docs/reference/differences.md`: nothing of the trace is in it."""
    document = (
        '{ container { from(address: "busybox") { withExec(args: ["sh", "-c", "exit 9"]) { sync } } } }'
    )
    trace = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    answer = json.loads(session.request(json.dumps({"query": document}).encode(), headers=trace)[2])
    assert [error["message"] for error in answer["errors"]] == ["exit code: 9"]


CONTAINER = 'container { from(address: "busybox") { %s } }'
TEXTS = {
    "no command": ("container { stdout }", "no command has been set"),
    "missing file": ('directory { file(path: "a/b") { contents } }', "a/b: no such file or directory"),
    "missing directory": ('directory { directory(path: "a") { entries } }', "a: no such file or directory"),
    "file for directory": (
        'directory { withNewFile(path: "f", contents: "") { directory(path: "f") { entries } } }',
        "path f is a file, not a directory",
    ),
    "directory for file": (
        'directory { withNewDirectory(path: "d") { file(path: "d") { contents } } }',
        "path d is a directory, not a file",
    ),
    "tmpfs": (
        CONTAINER % 'withMountedTemp(path: "/t") { directory(path: "/t") { entries } }',
        "/t: cannot retrieve path from tmpfs",
    ),
    "outside": (
        'directory { withNewDirectory(path: "../x") { entries } }',
        "cannot create directory outside parent",
    ),
    "long name": (
        'directory { withNewFile(path: "%s", contents: "") { entries } }' % ("x" * 256),
        "File name length exceeds the maximum supported 255 characters",
    ),
    "name with a slash": ('file(name: "a/b", contents: "") { size }', "not contain a directory"),
    "image reference": (
        CONTAINER % 'withExec(args: ["true"]) { imageRef }',
        "Image reference can only be retrieved immediately after the 'Container.From' call.",
    ),
    "secret provider": ('secret(uri: "x://y") { plaintext }', 'unsupported secret provider: "x"'),
    "secret uri": ('secret(uri: "xyz") { plaintext }', "malformed id"),
    "secret variable": ('secret(uri: "env://KUKRI_NOT_SET") { plaintext }', "secret env var not found"),
    "with error": ('directory { withError(err: "my own words") { entries } }', "my own words"),
    "volatile": (
        CONTAINER
        % 'withVolatileVariable(name: "V", value: "1") { withWorkdir(path: "/$V", expand: true) { workdir } }',
        'expand cannot be used with volatile env variable "V"',
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", TEXTS)
def test_texts(session: Session, what: str) -> None:
    """4.5: the parts of messages that users and their tests look for."""
    document, said = TEXTS[what]
    assert said in error_of(session, f"{{ {document} }}").message


def test_expansion_of_secrets(q: Any) -> None:
    """4.5: a secret variable cannot be expanded."""
    secret = q.secret("expanded", "value")
    steps = f'withSecretVariable(name: "S", secret: {secret})\nwithWorkdir(path: "/$S", expand: true)'
    assert 'expand cannot be used with secret env variable "S"' in q.fails("ask", steps, "workdir").message


def test_caches_cannot_be_read(q: Any) -> None:
    """4.5: files of a cache volume are not those of the container."""
    cache = q.id('cacheVolume(key: "not readable")')
    steps = f'withMountedCache(path: "/c", cache: {cache})'
    error = q.fails("ask", steps, 'directory(path: "/c") { entries }')
    assert "/c: cannot retrieve path from cache" in error.message
