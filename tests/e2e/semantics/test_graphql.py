"""HTTP, documents and execution: protocol 1.6, 1.7 and section 2."""

from __future__ import annotations

import gzip
import http.client
import json
import time
from typing import Any

import pytest
from session import GraphQLError, Session

GRAPHQL = "application/graphql-response+json"


def post(session: Session, body: Any, **headers: str) -> tuple[int, str, Any]:
    """Status, content type and answer."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    status, found, answer = session.request(text, headers=headers)
    return status, found.get("content-type", "").split(";")[0], json.loads(answer)


def error_of(session: Session, document: str, variables: dict[str, Any] | None = None) -> GraphQLError:
    with pytest.raises(GraphQLError) as caught:
        session.query(document, variables)
    return caught.value


@pytest.mark.parametrize(
    "body",
    [
        {"query": "{ version }"},
        {"query": "\n      { version }\n    "},
        {"query": "query{version}", "variables": None},
        {"query": "query{version}", "variables": {}, "operationName": ""},
        {"query": "query A { version }", "operationName": "A", "extensions": {"x": 1}},
    ],
    ids=["python", "typescript", "rust", "go", "named"],
)
def test_bodies_of_all_clients(session: Session, body: dict[str, Any]) -> None:
    """1.6: the bodies that the four clients send."""
    assert post(session, body) == (200, "application/json", {"data": {"version": "v0.21.8"}})


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        (f"{GRAPHQL}, application/json", GRAPHQL),
        (f"application/json, {GRAPHQL}", "application/json"),
        ("text/html", "application/json"),
    ],
)
def test_content_negotiation(session: Session, accept: str, kind: str) -> None:
    """1.7: the first known entry of `Accept` wins; an invalid document is 422, or 400 in the other type."""
    assert post(session, {"query": "{ version }"}, Accept=accept)[:2] == (200, kind)
    status = 400 if kind == GRAPHQL else 422
    assert post(session, {"query": "{ nonsense }"}, Accept=accept)[:2] == (status, kind)


def test_statuses(session: Session) -> None:
    """1.7: resolver errors are 200; a body that is no JSON and batches are 400; all are JSON with `errors`."""
    status, kind, answer = post(session, {"query": '{ directory { file(path: "x") { contents } } }'})
    assert (status, kind, answer["data"]) == (200, "application/json", None)
    for body in (b"{ version }", b"", b"\xff\xfe", b"[]", b"1", b'{"query": 1}', b'{"variables": {}}'):
        status, kind, answer = post(session, body)
        assert (status, kind, answer["data"]) == (400, "application/json", None), body
        assert answer["errors"][0]["message"], body
    status, _, answer = post(session, [{"query": "{ version }"}, {"query": "{ version }"}])
    assert status == 400 and "batches are not supported" in answer["errors"][0]["message"]


@pytest.mark.parametrize(
    ("method", "kind"), [("DELETE", "application/json"), ("PUT", "application/json"), ("POST", "text/plain")]
)
def test_other_transports_are_refused(session: Session, method: str, kind: str) -> None:
    """1.7: wrong method or request type: 400, `transport not supported`."""
    status, _, body = session.request(b'{"query":"{version}"}', method=method, headers={"Content-Type": kind})
    assert status == 400 and "transport not supported" in json.loads(body)["errors"][0]["message"]


def test_bodies_have_a_limit(session: Session) -> None:
    """1.6: a body that is too large is refused with a message that says the limit and what to do instead."""
    body = b'{"query":"{ version }","x":"' + b"x" * (65 << 20) + b'"}'
    # Every time: the request is read to its end, so the answer never meets a connection that broke off.
    for _ in range(4):
        status, _, text = session.request(body)
        assert status == 413
        assert b"pass large contents as files of the host" in text
    # What is allowed is large, and the session goes on.
    contents = "x" * (8 << 20)
    document = f'{{ file(name: "f", contents: "{contents}") {{ size }} }}'
    assert session.query(document)["file"]["size"] == 8 << 20


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip"])
def test_compressed_bodies_are_refused_by_name(session: Session, encoding: str) -> None:
    """1.6: no client sends them; the answer says what is wrong instead of something about JSON."""
    body = gzip.compress(b'{"query": "{ version }"}')
    status, kind, answer = post(session, body, **{"Content-Encoding": encoding})
    assert (status, kind, answer["data"]) == (415, "application/json", None)
    assert f'"{encoding}": send it as it is, without compression' in answer["errors"][0]["message"]
    assert post(session, {"query": "{ version }"}, **{"Content-Encoding": "identity"})[0] == 200


def test_answers_are_not_compressed(session: Session) -> None:
    """1.6: whatever the client accepts."""
    _, headers, _ = session.request(
        b'{"query":"{ __schema { types { name } } }"}', headers={"Accept-Encoding": "gzip, deflate, br"}
    )
    assert "content-encoding" not in headers


def test_connections_are_kept(session: Session) -> None:
    """1.6: HTTP/1.1 with keep-alive, also after errors."""
    connection = http.client.HTTPConnection("127.0.0.1", session.port, timeout=30)
    for document in ("{ version }", "{ nonsense }", "{", '{ file(name: "/", contents: "") { size } }') * 5:
        connection.request("POST", "/query", json.dumps({"query": document}), session.headers())
        answer = connection.getresponse()
        answer.read()
        assert not answer.will_close
    connection.close()


def test_answers_have_what_was_selected_and_nothing_else(session: Session) -> None:
    """2.4: no other keys in `data`, none beside it, in the order of the document."""
    document = "{ b: version container { a: workdir __typename platform } directory { entries } }"
    found = session.query(document)
    assert list(found) == ["b", "container", "directory"]
    assert list(found["container"]) == ["a", "__typename", "platform"]
    assert found["directory"] == {"entries": []}


def test_no_partial_data(session: Session) -> None:
    """1.7: any error makes `data` null as a whole, with one entry in `errors`."""
    status, _, answer = post(session, {"query": '{ version directory { file(path: "x") { contents } } }'})
    assert status == 200 and answer["data"] is None and len(answer["errors"]) == 1


def test_aliases(session: Session) -> None:
    """2.1: aliases equal to the name, and any others; the same field twice under two of them."""
    found = session.query(
        '{ directory: directory { one: withNewFile(path: "a", contents: "1") { entries: entries } '
        'two: withNewFile(path: "b", contents: "2") { entries } } }'
    )["directory"]
    assert found == {"one": {"entries": ["a"]}, "two": {"entries": ["b"]}}
    assert 'Fields "x" conflict' in error_of(session, "{ x: version x: defaultPlatform }").message


def test_fragments(session: Session) -> None:
    """2.1 and 2.2: named and inline, with and without type, merged; on interfaces of the object."""
    found = session.query(
        """
        query { directory { ...A ... on Directory { name } ... { entries } ... on Node { id } ... on Syncer { __typename } } }
        fragment A on Directory { ...B digest }
        fragment B on Exportable { __typename }
        """
    )["directory"]
    assert set(found) == {"name", "entries", "id", "__typename", "digest"}
    assert "within itself" in error_of(session, "{ ...A } fragment A on Query { ...A }").message
    assert error_of(session, "{ ...Unknown }").extensions == {"code": "GRAPHQL_VALIDATION_FAILED"}


def test_a_fragment_of_another_type_gives_nothing(session: Session) -> None:
    """2.3: a non-matching inline fragment gives `{}`."""
    name = session.query("{ directory { id } }")["directory"]["id"]
    assert session.query(f'{{ node(id: "{name}") {{ ... on File {{ size }} }} }}') == {"node": {}}


def test_variables(session: Session) -> None:
    """2.1: variables of all kinds, defaults, lists; a missing one counts as not given."""
    document = """
    query($path: String!, $mode: Int = 384, $globs: [String!], $on: Boolean!, $platform: Platform, $missing: Int) {
      directory { withNewFile(path: $path, contents: "c", permissions: $mode) {
        filter(include: $globs) { entries @include(if: $on) stat(path: "a") { permissions } @skip(if: $on) }
        withNewFile(path: "b", contents: "", permissions: $missing) { stat(path: "b") { permissions } }
      } }
      container(platform: $platform) { platform }
    }"""
    variables = {"path": "a", "globs": "*", "on": True, "platform": "linux/x86_64"}
    # `@skip` of `stat` stands before its selection in GraphQL.
    document = document.replace("{ permissions } @skip(if: $on)", "@skip(if: $on) { permissions }")
    found = session.query(document, variables)
    made = found["directory"]["withNewFile"]
    assert made["filter"] == {"entries": ["a"]}
    assert made["withNewFile"]["stat"] == {"permissions": 0o644}
    assert found["container"] == {"platform": "linux/amd64"}
    assert session.query(document, {**variables, "on": False})["directory"]["withNewFile"]["filter"] == {
        "stat": {"permissions": 0o600}
    }
    assert "path" in error_of(session, document, {"on": True}).message


def test_conditions(session: Session) -> None:
    """2.1: `@include` and `@skip` on fields, spreads and inline fragments."""
    found = session.query(
        """{ a: version @include(if: true) b: version @include(if: false) c: version @skip(if: true)
             ... on Query @skip(if: true) { d: version } ...F @include(if: false) ...G @skip(if: false) }
           fragment F on Query { e: version } fragment G on Query { f: version }"""
    )
    assert set(found) == {"a", "f"}
    assert "if" in error_of(session, "{ version @include }").message


def test_operations_are_chosen_by_name(session: Session) -> None:
    """2.1: several operations with `operationName`; without it that is an error."""
    document = "query A { version } query B { defaultPlatform }"
    assert set(post(session, {"query": document, "operationName": "B"})[2]["data"]) == {"defaultPlatform"}
    for name in (None, "", "C"):
        status, _, answer = post(session, {"query": document, "operationName": name})
        assert status == 422 and answer["data"] is None


@pytest.mark.parametrize("kind", ["mutation", "subscription"])
def test_only_queries(session: Session, kind: str) -> None:
    """2.2: mutations and subscriptions are rejected."""
    assert error_of(session, f"{kind} {{ version }}").status == 422


@pytest.mark.parametrize("value", ["0o600", "0x180", "384"])
def test_numbers_as_texts(session: Session, value: str) -> None:
    """2.2: Int from a text with its base."""
    steps = f'withNewFile(path: "a", contents: "", permissions: "{value}")'
    assert session.chain(steps, 'stat(path: "a") { permissions }', root="directory")["permissions"] == 0o600


@pytest.mark.parametrize(
    ("value", "kept"), [('"true"', True), ('"1"', True), ('"false"', False), ('"0"', False), ("true", True)]
)
def test_truth_as_text(session: Session, value: str, kept: bool) -> None:
    """2.2: Boolean from a text."""
    steps = (
        f'withEnvVariable(name: "A", value: "1")\nwithEnvVariable(name: "B", value: "$A", expand: {value})'
    )
    assert session.chain(steps, 'envVariable(name: "B")') == ("1" if kept else "$A")


@pytest.mark.parametrize("value", ["REGULAR_TYPE", '"REGULAR_TYPE"'])
def test_enums_bare_and_quoted(session: Session, value: str) -> None:
    """2.1 and 2.2: enum names as such and as texts; unknown ones are refused."""
    steps = 'withNewFile(path: "a", contents: "")'
    assert session.chain(steps, f'exists(path: "a", expectedType: {value})', root="directory") is True
    assert (
        "NOTHING" in error_of(session, '{ directory { exists(path: "a", expectedType: NOTHING) } }').message
    )


def test_enums_in_input_objects_are_quoted(session: Session) -> None:
    """2.1: one client writes enum names in input objects as texts: they mean the same, so the call has the same ID."""
    asked = "{ host { service(ports: [{backend: %s, frontend: 8080%s}]) { id } } }"
    ids = {
        session.query(asked % form)["host"]["service"]["id"]
        for form in (
            ("80", ', protocol: "TCP"'), ("80", ", protocol: TCP"), ("80", ""), ('"80"', ""), ('"0x50"', "")
        )
    }  # fmt: skip
    assert len(ids) == 1
    variables = {"ports": {"backend": 80, "frontend": 8080, "protocol": "TCP"}}
    document = "query($ports: [PortForward!]!) { host { service(ports: $ports) { id } } }"
    assert session.query(document, variables)["host"]["service"]["id"] in ids
    assert session.query(asked % ("80", ', protocol: "UDP"'))["host"]["service"]["id"] not in ids
    error = error_of(session, asked % ("80", ', protocol: "TPC"'))
    assert (
        'PortForward.protocol: "TPC" is not a member of NetworkProtocol. Did you mean "TCP"?' in error.message
    )


def test_enum_aliases(session: Session) -> None:
    """2.7: aliases are accepted; introspection lists both forms with `@enumValue`; defaults are canonical."""
    tar = 'container { withNewFile(path: "/f", contents: "x") { %s } }'
    for value in ("OCI", "OCIMediaTypes", '"DOCKER"', "DockerMediaTypes"):
        found = session.query(
            "{ %s }" % (tar % f"asTarball(mediaTypes: {value}, forcedCompression: GZIP) {{ name }}")
        )
        assert found["container"]["withNewFile"]["asTarball"]["name"]
    members = session.query(
        '{ __type(name: "ImageLayerCompression") { enumValues { name directives { name args { name value } } } } }'
    )["__type"]["enumValues"]
    applied = {each["name"]: each["directives"] for each in members}
    assert applied["Gzip"] == []
    assert applied["GZIP"] == [{"name": "enumValue", "args": [{"name": "value", "value": '"Gzip"'}]}]
    fields = session.query('{ __type(name: "Container") { fields { name args { name defaultValue } } } }')[
        "__type"
    ]["fields"]
    args = next(field["args"] for field in fields if field["name"] == "asTarball")
    assert {"name": "mediaTypes", "defaultValue": "OCIMediaTypes"} in args


def test_ids_as_whole_numbers(session: Session) -> None:
    """2.1: an ID of digits comes as a number literal: read as a text, and refused as such."""
    error = error_of(session, "{ container { withRootfs(directory: 12345) { id } } }")
    assert '"12345" is not an ID of this engine' in error.message


def test_lists_from_single_values(session: Session) -> None:
    """2.1: a single value where a list is wanted."""
    assert (
        session.chain(
            'withNewFile(path: "a", contents: "")\nfilter(include: "b")', "entries", root="directory"
        )
        == []
    )


def test_null_means_not_set(session: Session) -> None:
    """2.1: null literals are the same as nothing."""
    steps = 'withNewFile(path: "a", contents: "", permissions: null)'
    assert session.chain(steps, 'stat(path: "a") { permissions }', root="directory")["permissions"] == 0o644


@pytest.mark.parametrize(
    ("literal", "expected"),
    [
        (r'"\"\\\n\u00e9\uD83D\uDE00\/\b\f\t"', '"\\\né😀/\b\f\t'),
        ('"""\n    one\n      two\n  """', "  one\n    two"),
        ('"""a \\""" b"""', 'a """ b'),
        ('"{\\"a\\": \\"\\u0001\\"}"', '{"a": "\x01"}'),
    ],
)
def test_texts(session: Session, literal: str, expected: str) -> None:
    """2.1: JSON-style escapes and block strings."""
    if "two" in literal:
        # The common indentation of all lines but the first goes, and so do empty lines at both ends.
        expected = "one\n  two"
    assert session.chain("", "contents", root=f'file(name: "f", contents: {literal})') == expected


def test_an_object_needs_a_selection(session: Session) -> None:
    """2.2: a run-time error with this text; a selection on a leaf is refused too."""
    error = error_of(session, '{ container { from(address: "busybox") } }')
    assert error.message == 'field "from" of type "Container!" must have a selection of subfields'
    assert error.status == 200
    assert error_of(session, "{ version { id } }").message


def test_meta_fields(session: Session) -> None:
    """2.2 and 2.8: `__typename`, `__schema`, `__type`, `__schemaVersion`; no mutation, no subscription."""
    found = session.query(
        "{ __typename __schemaVersion __schema { queryType { name kind } mutationType { name } subscriptionType { name } } "
        'a: __type(name: "Node") { kind possibleTypes { name } interfaces { name } } b: __type(name: "None") { name } }'
    )
    assert found["__typename"] == "Query" and found["__schemaVersion"] == "v0.21.8"
    assert found["__schema"] == {
        "queryType": {"name": "Query", "kind": "OBJECT"},
        "mutationType": None,
        "subscriptionType": None,
    }
    assert found["a"]["kind"] == "INTERFACE" and found["a"]["interfaces"] == [] and found["b"] is None
    assert {"Query", "Container"} <= {each["name"] for each in found["a"]["possibleTypes"]}


#: Directive: where it may stand, and its arguments with their types.
DIRECTIVES: dict[str, tuple[set[str], dict[str, str]]] = {
    "cache": ({"FIELD_DEFINITION"}, {"policy": "FunctionCachePolicy", "ttl": "String"}),
    "check": ({"FIELD_DEFINITION"}, {}),
    "defaultAddress": ({"ARGUMENT_DEFINITION"}, {"address": "String!"}),
    "defaultPath": ({"ARGUMENT_DEFINITION"}, {"path": "String!"}),
    "deprecated": (
        {"FIELD_DEFINITION", "ARGUMENT_DEFINITION", "INPUT_FIELD_DEFINITION", "ENUM_VALUE"},
        {"reason": "String"},
    ),
    "enumValue": ({"ENUM_VALUE"}, {"value": "String!"}),
    "expectedType": ({"ARGUMENT_DEFINITION", "FIELD_DEFINITION"}, {"name": "String!"}),
    "experimental": (
        {"FIELD_DEFINITION", "ARGUMENT_DEFINITION", "INPUT_FIELD_DEFINITION", "ENUM_VALUE"},
        {"reason": "String!"},
    ),
    "generate": ({"FIELD_DEFINITION"}, {}),
    "ignorePatterns": ({"ARGUMENT_DEFINITION"}, {"patterns": "[String!]!"}),
    "include": ({"FIELD", "FRAGMENT_SPREAD", "INLINE_FRAGMENT"}, {"if": "Boolean!"}),
    "skip": ({"FIELD", "FRAGMENT_SPREAD", "INLINE_FRAGMENT"}, {"if": "Boolean!"}),
    "sourceMap": (
        {
            "SCALAR", "OBJECT", "FIELD_DEFINITION", "ARGUMENT_DEFINITION", "UNION", "ENUM", "ENUM_VALUE",
            "INPUT_OBJECT",
        },
        {"module": "String!", "filename": "String!", "line": "Int!", "column": "Int!", "url": "String!"},
    ),
    "specifiedBy": ({"SCALAR"}, {"url": "String!"}),
    "up": ({"FIELD_DEFINITION"}, {}),
}  # fmt: skip

_TYPE = "kind name ofType { kind name ofType { kind name ofType { kind name } } }"


def written(kind: dict[str, Any]) -> str:
    """A type as documents have it."""
    forms = {"NON_NULL": "{}!", "LIST": "[{}]"}
    return forms[kind["kind"]].format(written(kind["ofType"])) if kind["kind"] in forms else str(kind["name"])


def test_directives_are_declared(session: Session) -> None:
    """2.8: what there is, where each may stand, and its arguments; the types of these are there too."""
    found = session.query(
        f"{{ __schema {{ types {{ name }} directives {{ name locations args {{ name defaultValue type {{ {_TYPE} }} }} }} }} }}"
    )["__schema"]
    served = {
        each["name"]: (set(each["locations"]), {arg["name"]: written(arg["type"]) for arg in each["args"]})
        for each in found["directives"]
    }
    assert served == DIRECTIVES
    defaults = {
        (each["name"], arg["name"]): arg["defaultValue"]
        for each in found["directives"]
        for arg in each["args"]
        if arg["defaultValue"] is not None
    }
    assert defaults == {
        ("deprecated", "reason"): '"No longer supported"',
        ("experimental", "reason"): '"Not stabilized"',
    }
    names = {each["name"] for each in found["types"]}
    assert {kind.strip("[]!") for _, args in DIRECTIVES.values() for kind in args.values()} <= names


def test_directives_are_applied(session: Session) -> None:
    """2.8: `directives` of types, fields, arguments and members; deprecation is in the standard fields too."""
    applied = "directives { name args { name value } }"
    types = session.query(
        f"""{{ __schema {{ types {{ name {applied}
          fields(includeDeprecated: true) {{ name {applied} isDeprecated
            args(includeDeprecated: true) {{ name {applied} isDeprecated deprecationReason
              type {{ {_TYPE} }} }}
          type {{ {_TYPE} }} }}
        }} }} }}"""
    )["__schema"]["types"]
    by_name = {each["name"]: each for each in types}
    fields = {each["name"]: each for each in by_name["Container"]["fields"]}
    expected = [{"name": "expectedType", "args": [{"name": "name", "value": '"Directory"'}]}]
    rootfs = next(arg for arg in fields["withRootfs"]["args"] if arg["name"] == "directory")
    assert rootfs["directives"] == expected
    patch = next(field for field in by_name["Directory"]["fields"] if field["name"] == "withPatch")
    assert patch["directives"] == [
        {"name": "experimental", "args": [{"name": "reason", "value": '"Not stabilized"'}]}
    ]
    for owner in types:
        for field in owner["fields"] or []:
            for arg in field["args"]:
                names = [each["name"] for each in arg["directives"]]
                assert arg["isDeprecated"] == ("deprecated" in names), (owner["name"], field["name"], arg)
                # Every argument that takes IDs says of what, except where any object is meant.
                takes_id = written(arg["type"]).strip("[]!") == "ID"
                assert takes_id == ("expectedType" in names) or field["name"] == "node", (field["name"], arg)
    git = next(field for field in by_name["Query"]["fields"] if field["name"] == "git")
    keep = next(arg for arg in git["args"] if arg["name"] == "keepGitDir")
    assert keep["isDeprecated"] and keep["deprecationReason"]
    hidden = session.query('{ __type(name: "Query") { fields { name args { name } } } }')["__type"]["fields"]
    shown = next(field for field in hidden if field["name"] == "git")
    assert "keepGitDir" not in {arg["name"] for arg in shown["args"]}, "unless asked for"


def test_interfaces(session: Session) -> None:
    """2.4: every object implements Node; Syncer and Exportable have `id` and their own field."""
    types = {
        each["name"]: each
        for each in session.query(
            "{ __schema { types { name kind fields { name } interfaces { name } possibleTypes { name } } } }"
        )["__schema"]["types"]
    }
    for each in types.values():
        if each["kind"] == "OBJECT":
            assert "Node" in {interface["name"] for interface in each["interfaces"]}, each["name"]
            assert "id" in {field["name"] for field in each["fields"]}
    for name, fields in (("Node", {"id"}), ("Syncer", {"id", "sync"}), ("Exportable", {"id", "export"})):
        assert {field["name"] for field in types[name]["fields"]} == fields
        assert {each["name"] for each in types[name]["possibleTypes"]} >= {"Container", "Directory", "File"}


@pytest.mark.parametrize(("version", "typed"), [("v0.21.8", True), ("v0.22.0", False), ("n/a", True)])
def test_views(engine: Any, version: str, typed: bool) -> None:
    """2.5: clients before 0.22 see an ID scalar and a loader for each type, later ones do not."""
    with engine.session("--version", version) as session:
        found = session.query('{ __schema { types { name } } __type(name: "Query") { fields { name } } }')
        names = {each["name"] for each in found["__schema"]["types"]}
        fields = {each["name"] for each in found["__type"]["fields"]}
    assert ("ContainerID" in names) == typed
    assert ("loadContainerFromID" in fields) == typed
    assert "node" in fields and "QueryID" not in names


def test_empty_and_absent(session: Session) -> None:
    """2.3 and 2.6: empty lists are `[]`, a null object skips its selection, Void is null."""
    found = session.query(
        '{ container { envVariables { name } labels { name } envVariable(name: "X") } host { findUp(name: "no such file") } }'
    )
    assert found == {
        "container": {"envVariables": [], "labels": [], "envVariable": None},
        "host": {"findUp": None},
    }


@pytest.mark.parametrize("level", ["root", "below"])
def test_siblings_run_at_the_same_time(session: Session, level: str) -> None:
    """2.3: selections beside each other are evaluated in parallel, wherever they stand in the document."""
    mark = time.time_ns()
    steps = [
        f'withExec(args: ["sh", "-c", "sleep 1; echo {mark} {level} {n}"]) {{ stdout }}' for n in range(5)
    ]
    image = 'from(address: "busybox")'
    session.query(f"{{ container {{ {image} {{ sync }} }} }}")
    if level == "root":
        document = " ".join(f"a{n}: container {{ {image} {{ {step} }} }}" for n, step in enumerate(steps))
    else:
        document = (
            f"container {{ {image} {{ {' '.join(f'a{n}: {step}' for n, step in enumerate(steps))} }} }}"
        )
    started = time.monotonic()
    answer = json.dumps(session.query(f"{{ {document} }}"))
    assert time.monotonic() - started < 4, "five seconds of sleep"
    assert all(f"{mark} {level} {n}" in answer for n in range(5))


def test_what_is_evaluated_when_it_is_selected(session: Session) -> None:
    """2.3: only the ID is asked for: files and what lies on the host are looked for at once, directories are not."""
    for document, path in [
        ('host { directory(path: "none") { id } }', ["host", "directory"]),
        ('host { file(path: "none") { id } }', ["host", "file"]),
        ('directory { file(path: "none") { id } }', ["directory", "file"]),
        ('container { file(path: "none") { id } }', ["container", "file"]),
    ]:
        error = error_of(session, f"{{ {document} }}")
        assert "none: no such file or directory" in error.message and error.path == path, document
    for root in ("directory", "container"):
        found = session.query(f'{{ {root} {{ directory(path: "none") {{ id }} }} }}')
        name = found[root]["directory"]["id"]
        assert (
            "none: no such file"
            in error_of(session, f'{{ node(id: "{name}") {{ ... on Syncer {{ sync }} }} }}').message
        )


def test_whole_numbers_have_64_bits(session: Session) -> None:
    """2.6: Int beyond 32 bits arrives whole, as a literal and as a variable."""
    document = (
        'query($n: Int) { directory { withNewFile(path: "a", contents: "", permissions: %s) { entries } } }'
    )
    for text in ("9223372036854775807", "-9007199254740993"):
        assert text in error_of(session, document.replace("($n: Int)", "") % text).message
        assert text in error_of(session, document % "$n", {"n": int(text)}).message


def test_the_same_call_twice_is_one(session: Session) -> None:
    """2.3: the same call gives the same result, in one request and across requests."""
    command = 'withExec(args: ["cat", "/proc/sys/kernel/random/uuid"])'
    chain = f'from(address: "busybox") {{ {command} {{ stdout }} }}'
    found = session.query(f"{{ a: container {{ {chain} }} b: container {{ {chain} }} }}")
    assert found["a"] == found["b"] == session.query(f"{{ a: container {{ {chain} }} }}")["a"]
