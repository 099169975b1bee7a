"""The HTTP surface and what documents may look like."""

import json
import re
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from engine import Engine
from session import GraphQLError, Session


def post(session: Session, body: dict[str, object]) -> tuple[int, dict[str, Any]]:
    status, _, text = session.request(json.dumps(body).encode())
    return status, json.loads(text)


def test_a_query_may_be_asked_with_get(session: Session) -> None:
    document = (
        'query Ask($name: String!) { directory { withNewFile(path: $name, contents: "c") { entries } } }'
    )
    parameters = urlencode({"query": document, "operationName": "Ask", "variables": '{"name": "a b"}'})
    status, headers, body = session.request(b"", path=f"/query?{parameters}", method="GET")
    assert (status, headers["content-type"].split(";")[0]) == (200, "application/json")
    assert json.loads(body)["data"] == {"directory": {"withNewFile": {"entries": ["a b"]}}}
    status, _, _ = session.request(b"", path=f"/query?{parameters}", method="GET", token="another")
    assert status == 401


@pytest.mark.parametrize(
    "extra", [{}, {"variables": None}, {"variables": {}}, {"operationName": ""}, {"operationName": None}]
)
def test_absent_null_and_empty_are_equal(session: Session, extra: dict[str, object]) -> None:
    status, answer = post(session, {"query": "{ version }", **extra})
    assert status == 200 and set(answer) == {"data"}


def test_an_unknown_field_is_a_validation_error(session: Session) -> None:
    status, answer = post(session, {"query": "{ container { fron(address: 1) { id } } }"})
    assert status == 422
    (error,) = answer["errors"]
    assert answer["data"] is None
    assert 'Cannot query field "fron" on type "Container".' in error["message"]
    assert error["extensions"] == {"code": "GRAPHQL_VALIDATION_FAILED"}


def test_a_document_that_is_none_is_a_parse_error(session: Session) -> None:
    status, answer = post(session, {"query": "{ container { "})
    assert status == 422
    assert answer["errors"][0]["extensions"] == {"code": "GRAPHQL_PARSE_FAILED"}


def test_graphql_response_type_is_negotiated(session: Session) -> None:
    kind = "application/graphql-response+json"
    status, headers, _ = session.request(
        b'{"query":"{nothing}"}', headers={"Accept": f"{kind}, application/json"}
    )
    assert (status, headers["content-type"].split(";")[0]) == (400, kind)


def test_a_body_that_is_not_json_is_refused(session: Session) -> None:
    status, _, body = session.request(b"query { version }")
    assert status == 400 and json.loads(body)["errors"]


def test_telemetry_is_taken(session: Session) -> None:
    for signal in ("traces", "logs", "metrics"):
        status, _, _ = session.request(
            b"", path=f"/v1/{signal}", headers={"Content-Type": "application/x-protobuf"}
        )
        assert status // 100 == 2


def test_variables_fragments_and_operation_names(session: Session) -> None:
    document = """
    query Other { version }
    query Wanted($name: String!, $mode: Int = 384) {
      directory { withNewFile(path: $name, contents: "c", permissions: $mode) { ...Listing } }
    }
    fragment Listing on Directory { entries glob(pattern: "**") again: entries }
    """
    status, answer = post(
        session, {"query": document, "operationName": "Wanted", "variables": {"name": "a/b"}}
    )
    assert status == 200
    found = answer["data"]["directory"]["withNewFile"]
    assert found == {"entries": ["a/"], "glob": ["a/", "a/b"], "again": ["a/"]}


def test_literals_of_all_sdks(session: Session) -> None:
    # Enums as strings inside objects, numbers as strings, single values for lists, commas everywhere or nowhere.
    found = session.query(
        'query{container{from(address:"busybox"){withExec(args:"true",expect:"ANY"){exitCode}'
        'withNewFile(path:"/x" contents:"\\u0041\\n\\"" permissions:"0o600"){file(path:"/x"){contents stat{permissions}}}}}}'
    )["container"]["from"]
    assert found["withExec"] == {"exitCode": 0}
    assert found["withNewFile"]["file"] == {"contents": 'A\n"', "stat": {"permissions": 0o600}}


def test_typename_and_meta_fields(session: Session) -> None:
    found = session.query('{__typename container{__typename} __type(name:"File"){name kind}}')
    assert found["__typename"] == "Query" and found["container"]["__typename"] == "Container"
    assert found["__type"] == {"name": "File", "kind": "OBJECT"}


def test_an_object_without_selection_is_an_error(session: Session) -> None:
    with pytest.raises(GraphQLError, match="must have a selection of subfields"):
        session.query("{ container }")


def test_types_of_ids_for_clients_of_this_line(session: Session) -> None:
    found = session.query('{ directory { withNewFile(path: "f", contents: "x") { id } } }')
    name = found["directory"]["withNewFile"]["id"]
    loaded = session.query(f"{{ loadDirectoryFromID(id: {json.dumps(name)}) {{ entries }} }}")
    assert loaded["loadDirectoryFromID"]["entries"] == ["f"]
    with pytest.raises(GraphQLError, match="expected Container, got Directory"):
        session.query(f"{{ loadContainerFromID(id: {json.dumps(name)}) {{ id }} }}")


def test_node_loads_what_sync_returns(session: Session) -> None:
    name = session.chain('from(address: "busybox")\nwithExec(args: ["echo", "hi"])', "sync")
    found = session.query(
        f"{{ node(id: {json.dumps(name)}) {{ ... on Container {{ stdout }} ... on File {{ size }} }} }}"
    )
    assert found == {"node": {"stdout": "hi\n"}}


def test_elements_of_lists_have_ids(session: Session) -> None:
    ids = session.chain(
        'withEnvVariable(name: "A", value: "1")\nwithEnvVariable(name: "B", value: "2")',
        "envVariables { id }",
    )
    found = [
        session.query(f"{{ node(id: {json.dumps(each['id'])}) {{ ... on EnvVariable {{ name value }} }} }}")
        for each in ids
    ]
    assert [each["node"] for each in found] == [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]


@pytest.mark.parametrize("depth", [100, 5000])
def test_deep_documents(session: Session, depth: int) -> None:
    steps = "".join(f'withNewFile(path: "f{number}", contents: "x") {{ ' for number in range(depth))
    document = f"{{ directory {{ {steps} id {'}' * depth} }} }}"
    status, _, body = session.request(json.dumps({"query": document}).encode())
    # Too deep for this side's JSON parser.
    (name,) = re.findall(rb'"id":"([^"]+)"', body)
    assert status == 200 and body.count(b'"withNewFile"') == depth
    again = session.query(f'{{ node(id: "{name.decode()}") {{ ... on Directory {{ entries }} }} }}')
    assert len(again["node"]["entries"]) == depth


def test_requests_run_at_the_same_time(session: Session) -> None:
    session.run("true")
    started = time.monotonic()

    def one(number: int) -> None:
        session.run("sh", "-c", f"sleep 1; echo {number}")

    threads = [threading.Thread(target=one, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - started < 3


def test_lines_of_programs_become_events(engine: Engine, tmp_path: Path) -> None:
    """A client may say which line made a step that has failed."""
    with engine.session("--progress", "json", workdir=tmp_path) as session:
        said = {"step": 7, "file": "/a b.py", "line": 3}
        assert session.request(json.dumps(said).encode(), path="/v1/source")[0] == 201
        for wrong in (b"", b"{}", b"[]", b'{"step": -1, "file": "x", "line": 1}', b"x" * 100_000):
            assert session.request(wrong, path="/v1/source")[0] == 400
        assert session.request(json.dumps(said).encode(), path="/v1/source", token="x")[0] == 401
        session.close()
        events = [json.loads(line) for line in session.stderr().splitlines()]
    assert [event for event in events if event["event"] == "span_source"] == [
        {"event": "span_source", "id": 7, "file": "/a b.py", "line": 3}
    ]
