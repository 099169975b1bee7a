"""What is part of the API but cannot be done yet says so, and names a way around it (section 5.9, 5.12, 5.14, 5.15).

`schema/coverage/gaps.txt` lists all of it, and so does `docs/reference/api-coverage.md`. Both are made from the
descriptions that make the errors; here each of them is asked for.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from engine import ROOT


def gaps() -> list[tuple[str, str, str]]:
    """Kind, name and reason of each."""
    lines = (ROOT / "schema/coverage/gaps.txt").read_text().splitlines()
    found = [line.split(" | ", 2) for line in lines if not line.startswith("#")]
    return [(kind, name, reason) for kind, name, reason in found]


GAPS = gaps()
FIELDS = {name: reason for kind, name, reason in GAPS if kind == "field"}

#: How an object of a type is had; those in the second part only from fields that are not available themselves.
RECEIVERS = {
    "Query": [],
    "Address": ['address(value: "x")'],
    "Container": ["container"],
    "Directory": ["directory"],
    "Host": ["host"],
}
UNREACHABLE = {
    "GitRef": ['git(url: "x")', "head"],
    "GitRepository": ['git(url: "x")'],
    "Service": ["container", "asService"],
}
#: Of this type there is nothing at all that would give an object.
NEVER = {"Terminal"}

DOCUMENT = """
{ __schema { types { name kind fields(includeDeprecated: true) {
  name
  args(includeDeprecated: true) { name defaultValue type { ...T } }
  type { ...T }
} } } }
fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }
"""


LEAVES = ("SCALAR", "ENUM")


def base(kind: dict[str, Any]) -> dict[str, Any]:
    """A type without its lists and non-nulls."""
    while kind.get("ofType"):
        kind = kind["ofType"]
    return kind


class Api:
    """What a document has to look like."""

    def __init__(self, q: Any) -> None:
        self.q = q
        types = q.session_query(DOCUMENT)["__schema"]["types"]
        self.objects = {
            each["name"]: {field["name"]: field for field in each["fields"] or []} for each in types
        }

    def call(self, place: str) -> str:
        """A field with the arguments that it needs."""
        of, _, name = place.partition(".")
        args = [arg for arg in self.objects[of][name]["args"] if arg["type"]["kind"] == "NON_NULL"]
        texts = [f"{arg['name']}: {self.literal(arg['name'], arg['type'])}" for arg in args]
        return f"{name}({', '.join(texts)})" if texts else name

    def literal(self, name: str, kind: dict[str, Any]) -> str:
        """A value of a type."""
        if kind["kind"] == "LIST":
            return f"[{self.literal(name, kind['ofType'])}]"
        if kind.get("ofType"):
            return self.literal(name, kind["ofType"])
        ids = {"service": "container{asService{id}}", "source": 'host{unixSocket(path: "/x"){id}}'}
        match kind["name"]:
            case "ID" if name == "other":
                return self.id('git(url: "x"){head{id}}')
            case "ID":
                return self.id(ids[name])
            case "Int":
                return "1"
            case "Boolean":
                return "true"
            case "PortForward":
                return "{backend: 80}"
            case _:
                return '"x"'

    def id(self, document: str) -> str:
        """The one ID in the answer."""
        found = self.q.session_query("{" + document + "}")
        while isinstance(found, dict):
            (found,) = found.values()
        return json.dumps(found)

    def document(self, place: str, receiver: list[str]) -> str:
        """Asks for a field in such a way that it has to be evaluated."""
        of, _, name = place.partition(".")
        fields = self.objects.get(base(self.objects[of][name]["type"])["name"]) or {}
        plain = (field for field in fields.values() if field["name"] not in ("id", "sync"))
        leaves = (each["name"] for each in plain if not each["args"] and base(each["type"])["kind"] in LEAVES)
        leaf = next(leaves, "")
        steps = [*receiver, self.call(place), *([leaf] if leaf else ["id"] if fields else [])]
        document = "{" + "{".join(steps) + "}" * len(steps)
        if fields and not leaf:
            # A socket is nothing but its ID, which costs nothing: something has to want it.
            return f'{{git(url: "x", sshAuthSocket: {self.id(document[1:-1])}){{url}}}}'
        return document


@pytest.fixture
def api(q: Any) -> Api:
    return Api(q)


@pytest.mark.parametrize("place", FIELDS)
def test_a_field_says_why_and_what_to_do_instead(q: Any, api: Api, place: str) -> None:
    of = place.partition(".")[0]
    if of in NEVER:
        giving = [
            name
            for fields in api.objects.values()
            for name, field in fields.items()
            if base(field["type"])["name"] == of
        ]
        assert giving == [f"load{of}FromID"], "there is a way to one: ask it"
        return
    message = q.fails("session_query", api.document(place, (RECEIVERS | UNREACHABLE)[of])).message
    told, _, reason = message.partition(" is not available in this engine: ")
    assert FIELDS[told] == reason
    # Where the object itself cannot be had, or one that it needs, that is what the error is about.
    needed = {"Container.withServiceBinding", "Container.withUnixSocket", "Host.tunnel"}
    assert told == place or of in UNREACHABLE or place in needed


ARGUMENTS = {
    "Container.from(registryService)": '{container{from(address: "busybox", registryService: %s){imageRef}}}',
    "Container.publish(registryService)": '{container{publish(address: "x/y", registryService: %s)}}',
    "Container.withExec(experimentalPrivilegedNesting)": (
        '{container{from(address: "busybox"){withExec(args: ["true"], experimentalPrivilegedNesting: true){stdout}}}}'
    ),
}
MEMBERS = {
    f"ImageLayerCompression.{name}": f"{{container{{asTarball(forcedCompression: {name}){{size}}}}}}"
    for name in ("EStarGZ", "ESTARGZ")
}
PARTLY = {
    f"Address.{field}": f'{{address(value: "https://example.com/a.git"){{{field}{{{leaf}}}}}}}'
    for field, leaf in (("directory", "entries"), ("file", "size"))
}
#: With the argument, or the step, and without: the same.
NO_EFFECT = {
    f"Address.file({name})": (
        f'{{address(value: "{{file}}"){{file({name}: {value}){{contents}}}}}}',
        '{address(value: "{file}"){file{contents}}}',
    )
    for name, value in (("exclude", '["*"]'), ("include", '["z"]'), ("gitignore", "true"))
} | {
    "Container.withExposedPort(experimentalSkipHealthcheck)": (
        '{container{from(address: "busybox"){withExposedPort(port: 1, experimentalSkipHealthcheck: true){withExec(args: ["env"]){stdout}}}}}',
        '{container{from(address: "busybox"){withExposedPort(port: 1){withExec(args: ["env"]){stdout}}}}}',
    ),
    "Container.withoutUnixSocket": (
        '{container{withNewFile(path: "/s", contents: "x"){withoutUnixSocket(path: "/s"){file(path: "/s"){contents}}}}}',
        '{container{withNewFile(path: "/s", contents: "x"){withExposedPort(port: 1){file(path: "/s"){contents}}}}}',
    ),
    "EngineCache.entrySet(key)": (
        '{engine{localCache{entrySet(key: "x"){__typename}}}}',
        "{engine{localCache{entrySet{__typename}}}}",
    ),
    "EngineCacheEntry.dagqlCall": (
        "{engine{localCache{entrySet{entries{dagqlCall}}}}}",
        '{engine{localCache{entrySet(key: "x"){entries{dagqlCall}}}}}',
    ),
    "File.asEnvFile(expand)": (
        '{file(name: "f", contents: "A=1\\nB=$A"){asEnvFile(expand: false){get(name: "B")}}}',
        '{file(name: "f", contents: "A=1\\nB=$A"){asEnvFile(expand: true){get(name: "B")}}}',
    ),
    "Query.envFile(expand)": (
        '{envFile(expand: false){withVariable(name: "A", value: "1"){withVariable(name: "B", value: "$A"){get(name: "B")}}}}',
        '{envFile(expand: true){withVariable(name: "A", value: "1"){withVariable(name: "B", value: "$A"){get(name: "B")}}}}',
    ),
}


def of_kind(kind: str) -> dict[str, str]:
    return {name: reason for known, name, reason in GAPS if known == kind}


def test_each_of_the_list_is_asked_for() -> None:
    assert {name.partition(".")[0] for name in FIELDS} == {*RECEIVERS, *UNREACHABLE, *NEVER}
    wanted = {"argument": ARGUMENTS, "member": MEMBERS, "partly": PARTLY, "no effect": NO_EFFECT}
    assert {kind: set(of_kind(kind)) for kind in wanted} == {kind: set(of) for kind, of in wanted.items()}
    page = (ROOT / "docs/reference/api-coverage.md").read_text()
    assert [name for _, name, reason in GAPS if f"| `{name}` | {reason} |" not in page] == []


@pytest.mark.parametrize("place", of_kind("argument"))
def test_an_argument_is_refused_by_name(q: Any, api: Api, place: str) -> None:
    document = ARGUMENTS[place]
    field, _, name = place.removesuffix(")").partition("(")
    if "%s" in document:
        # Whatever makes a service is not available either, and that comes first.
        message = q.fails("session_query", document % api.id("container{asService{id}}")).message
        assert message.startswith("Container.asService is not available in this engine: ")
        return
    message = q.fails("session_query", document).message
    assert (
        message == f"argument {name} of {field} is not available in this engine: {of_kind('argument')[place]}"
    )
    # The default is no request for it.
    assert q.session_query(document.replace("true)", "false)"))


@pytest.mark.parametrize("place", of_kind("member"))
def test_a_member_is_refused_by_name(q: Any, place: str) -> None:
    message = q.fails("session_query", MEMBERS[place]).message
    reason = of_kind("member")[place]
    assert message == f"argument forcedCompression: EStarGZ is not available in this engine: {reason}"


@pytest.mark.parametrize("place", of_kind("partly"))
def test_what_is_not_done_of_a_field_is_refused(q: Any, place: str) -> None:
    message = q.fails("session_query", PARTLY[place]).message
    assert message == f"https://example.com/a.git: {of_kind('partly')[place].partition(': ')[2]}"


@pytest.mark.parametrize("place", of_kind("no effect"))
def test_what_has_no_effect_changes_nothing(q: Any, tmp_path: Any, place: str) -> None:
    (tmp_path / "f").write_text("text")
    with_it, without = (text.replace("{file}", str(tmp_path / "f")) for text in NO_EFFECT[place])

    def leaves(found: Any) -> Any:
        # Steps beside the one in question have other names.
        while isinstance(found, dict) and len(found) == 1:
            (found,) = found.values()
        return found

    found = leaves(q.session_query(with_it))
    assert found == leaves(q.session_query(without))
    if place == "EngineCacheEntry.dagqlCall":
        assert {entry["dagqlCall"] for entry in found} == {""}


def test_the_schema_says_so_too(q: Any) -> None:
    def text(document: str, what: str, name: str) -> str:
        return {
            each["name"]: each["description"].lower() for each in q.session_query(document)["__type"][what]
        }[name]

    host = '{__type(name: "Host"){fields{name description}}}'
    assert "not available in this engine" in text(host, "fields", "tunnel")
    assert "not available" not in text(host, "fields", "directory")
    compression = '{__type(name: "ImageLayerCompression"){enumValues{name description}}}'
    assert "not available in this engine yet: estargz" in text(compression, "enumValues", "EStarGZ")
    assert "not available" not in text(compression, "enumValues", "Zstd")
    address = '{__type(name: "Address"){fields{name description}}}'
    assert "not available in this engine yet: addresses of git" in text(address, "fields", "directory")
    container = '{__type(name: "Container"){fields{name description}}}'
    assert "has no effect: " in text(container, "fields", "withoutUnixSocket")


def test_an_id_costs_nothing_and_so_fails_only_when_used(q: Any) -> None:
    socket = q.session_query('{host{unixSocket(path: "/run/x.sock"){id}}}')["host"]["unixSocket"]["id"]
    message = q.fails("session_query", f'{{git(url: "x", sshAuthSocket: "{socket}"){{url}}}}').message
    assert message.startswith("Host.unixSocket is not available")
