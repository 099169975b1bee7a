"""IDs: how long they live, and what is wrong with forged ones (protocol sections 2.3, 3.3 and 3.4)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from engine import Engine
from session import GraphQLError


def test_3_3_ids_live_on(fresh: Engine, asker: Any, tmp_path: Path) -> None:
    with fresh.session(workdir=tmp_path) as session:
        q = asker(session)
        secret = q.secret("mine", "v")
        plain = json.dumps(q.sh("echo hello", 'withEnvVariable(name: "A", value: "1")', leaf="id"))
        secretive = json.dumps(
            q.sh("echo $S | wc -c", f'withSecretVariable(name: "S", secret: {secret})', leaf="id")
        )
        element = json.dumps(
            q.ask('withEnvVariable(name: "B", value: "2")', "envVariables { id name }")[-1]["id"]
        )
        directory = q.dir_id(a="1")
    fresh.stop()
    with fresh.session(workdir=tmp_path) as session:
        q = asker(session)
        assert (
            session.query(f"{{ node(id: {plain}) {{ ... on Container {{ stdout }} }} }}")["node"]["stdout"]
            == "hello\n"
        )
        assert session.query(f"{{ node(id: {element}) {{ ... on EnvVariable {{ name value }} }} }}")[
            "node"
        ] == {"name": "B", "value": "2"}
        assert session.query(f"{{ loadDirectoryFromID(id: {directory}) {{ entries }} }}")[
            "loadDirectoryFromID"
        ]["entries"] == ["a"]
        assert (
            session.query(f"{{ node(id: {secret}) {{ ... on Secret {{ name }} }} }}")["node"]["name"]
            == "mine"
        )
        for query in [
            f"{{ node(id: {secretive}) {{ ... on Container {{ stdout }} }} }}",
            f"{{ node(id: {secret}) {{ ... on Secret {{ plaintext }} }} }}",
        ]:
            error = q.fails("session_query", query)
            assert 'secret "mine" is not known in this session' in error.message
        q.secret("mine", "v")
        assert (
            session.query(f"{{ node(id: {secretive}) {{ ... on Container {{ stdout }} }} }}")["node"][
                "stdout"
            ]
            == "2\n"
        )


def test_3_4_wrong_and_forged_ids(q: Any) -> None:
    directory = q.dir_id(a="1")
    error = q.fails("session_query", f"{{ loadContainerFromID(id: {directory}) {{ workdir }} }}")
    assert "load Container: expected Container, got Directory" in error.message
    error = q.fails("ask", f'withFile(path: "/x", source: {directory})', "workdir")
    assert "File" in error.message
    assert "Directory" in error.message
    forged = [
        directory[:-3] + ('AA"' if directory[-3:-1] != "AA" else 'BB"'),
        '"Container.zzzz"',
        '"%%%"',
        '"' + "A" * 5000 + '"',
        "12345",
        '"Container."',
        '"."',
    ]
    for text in forged:
        error = q.fails("session_query", f"{{ node(id: {text}) {{ id }} }}")
        assert error.extensions is None or "_type" not in error.extensions
        assert error.message
    assert isinstance(q.session.query("{ version }")["version"], str)


def test_2_3_the_query_error_is_raised_by_every_leaf_of_a_failed_chain(q: Any) -> None:
    with pytest.raises(GraphQLError, match="exit code: 5"):
        q.session.query(
            '{ container { from(address: "busybox") { withExec(args: ["sh", "-c", "exit 5"]) { a: stdout b: stderr } } } }'
        )
