"""What documents are refused before anything runs: protocol 2.1 and 2.2."""

from __future__ import annotations

import json
import time

import pytest
from session import GraphQLError, Session


def error_of(session: Session, document: str) -> GraphQLError:
    with pytest.raises(GraphQLError) as caught:
        session.query(document)
    return caught.value


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("{ contianer { id } }", 'Cannot query field "contianer" on type "Query". Did you mean "container"'),
        ("{ container { from(adress: 1) { id } } }", 'Unknown argument "adress"'),
        ("{ container { from { id } } }", "address"),
        ("query($x: Nothing) { version }", "Nothing"),
        ("{ directory { withNewFile(path: $x, contents: 1) { id } } }", "$x"),
        ("query($x: Int) { version } ", "never used"),
        ("query($x: Int, $x: Int) { container(platform: $x) { id } }", "x"),
        ("{ version @include(if: true) @include(if: false) }", "can only be used once at this location"),
        ("{ version } fragment F on Query { version }", 'Fragment "F" is never used'),
        ("{ host { service(ports: [{backend: 80, backend: 81}]) { id } } }", "only one input field named"),
        ("query($x: Boolean) { version @skip(if: $x) }", 'position expecting type "Boolean!"'),
        ("query($x: String!) { container(platform: $x) { id } }", 'position expecting type "Platform"'),
        (
            '{ directory { sync a: directory(path: "a") { id } a: directory(path: "b") { id } } }',
            "differing arguments",
        ),
    ],
)
def test_standard_rules(session: Session, document: str, said: str) -> None:
    """2.2: unknown fields (with suggestions) and arguments, missing arguments, variables, what stands twice."""
    error = error_of(session, document)
    assert said.replace("$", "") in error.message and error.status == 422
    assert error.extensions == {"code": "GRAPHQL_VALIDATION_FAILED"}


def test_one_key_on_different_objects(session: Session) -> None:
    """2.2: an ID is of one object, so what is asked of each kind of object may have the same key, if its form is the same."""
    made = session.query('{ directory { withNewFile(path: "x", contents: "1") { id } } }')
    name = made["directory"]["withNewFile"]["id"]
    asked = (
        '... on Directory { x: directory(path: "/") { f: file(path: "x") { contents } } }'
        '... on Container { x: rootfs { f: file(path: "y") { contents } } }'
    )
    found = session.query(f'{{ node(id: "{name}") {{ {asked} }} }}')
    assert found == {"node": {"x": {"f": {"contents": "1"}}}}
    asked = "... on Directory { x: entries } ... on Container { x: exitCode }"
    assert "conflicting types" in error_of(session, f'{{ node(id: "{name}") {{ {asked} }} }}').message


def doubling(levels: int) -> str:
    """Fragments that each spread the next one twice."""
    fragments = "".join(
        f"fragment F{n} on Directory {{ {twice} }} "
        for n in range(levels)
        for twice in [
            " ".join(f'{key}: withNewFile(path: "{key}{n}", contents: "") {{ ...F{n + 1} }}' for key in "ab")
        ]
    )
    return f"{{ directory {{ ...F0 }} }} {fragments} fragment F{levels} on Directory {{ entries }}"


def test_fragments_multiply_within_bounds(session: Session) -> None:
    """2.1: how much fragments select is bounded before anything runs: 3 kB of them could ask for 2^30 fields."""
    found = session.query(doubling(7))
    assert json.dumps(found).count("entries") == 128
    started = time.monotonic()
    error = error_of(session, doubling(30))
    assert "selects more than 100000 fields" in error.message and "several requests" in error.message
    assert error.status == 422 and error.extensions == {"code": "GRAPHQL_VALIDATION_FAILED"}
    # A fraction of a second; without the bound, minutes.
    assert time.monotonic() - started < 20
    # Who writes more than that may have it, also where fields are merged.
    aliases = " ".join(f"a{n}: version" for n in range(120_000))
    assert len(session.query(f"{{ {aliases} ... {{ version }} }}")) == 120_001
