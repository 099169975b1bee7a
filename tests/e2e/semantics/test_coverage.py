"""The published bindings of the official client find all they can produce (protocol 1.8), apart from what is left out."""

from __future__ import annotations

import ast
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from engine import ROOT
from session import Session

#: Came with later versions of the 0.21 line: no part of the API of 0.21.8.
LATER = {
    "object Volume",
    "field Address.volume",
    "field Container.withMountedVolume",
    "field Query.sshfsVolume",
    "field Query.loadVolumeFromID",
}

DOCUMENT = """
{ __schema { types {
  name
  fields(includeDeprecated: true) { name args(includeDeprecated: true) { name defaultValue } }
  inputFields(includeDeprecated: true) { name defaultValue }
  enumValues(includeDeprecated: true) { name }
} } }
"""


class Bindings:
    """What a generated client can say: objects with fields and arguments, enums, inputs, scalars."""

    def __init__(self, source: str) -> None:
        self.fields: dict[str, dict[str, dict[str, object]]] = {}
        self.members: dict[str, set[str]] = {}
        self.inputs: dict[str, set[str]] = {}
        self.scalars: set[str] = set()
        for node in ast.parse(source).body:
            if not isinstance(node, ast.ClassDef):
                continue
            base = ast.unparse(node.bases[0]) if node.bases else ""
            if base == "Enum":
                values = [each.value for each in node.body if isinstance(each, ast.Assign)]
                self.members[node.name] = {ast.literal_eval(value) for value in values}
            elif base == "Input":
                names = [each.target for each in node.body if isinstance(each, ast.AnnAssign)]
                self.inputs[node.name] = {camel(ast.unparse(name)) for name in names}
            elif base == "Scalar":
                self.scalars.add(node.name)
            elif base in ("Type", "Root"):
                # `_NodeClient` is the interface Node.
                name = node.name
                name = name[1:].removesuffix("Client") if name.startswith("_") else name
                self.fields[name] = dict(filter(None, map(self._field, node.body)))
        self.fields["Query"] = {**self.fields.pop("Client", {}), **self.fields.get("Query", {})}

    @staticmethod
    def _field(method: ast.stmt) -> tuple[str, dict[str, object]] | None:
        """The field that a method asks for, and its arguments with their defaults."""
        found, args = None, {}
        for call in ast.walk(method):
            if not isinstance(call, ast.Call):
                continue
            function = ast.unparse(call.func)
            if function == "Arg":
                name, default = ast.literal_eval(call.args[0]), call.args[2:3]
                args[name] = ast.unparse(default[0]) if default else REQUIRED
            elif function == "self._select":
                found = ast.literal_eval(call.args[0])
            elif function == "self._ctx.execute_sync":
                found = ast.literal_eval(call.args[1])
        return (found, args) if found else None


REQUIRED = object()


def camel(name: str) -> str:
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(word.capitalize() for word in rest)


def python(default: str | None) -> object:
    """A default of the API as the client writes it."""
    words = {None: "None", "true": "True", "false": "False", "null": "None"}
    return words.get(default, default)


@pytest.fixture(scope="module")
def bindings(official_python: str) -> Bindings:
    code = "import importlib.util as u; print(u.find_spec('dagger.client.gen').origin)"
    done = subprocess.run([official_python, "-I", "-c", code], capture_output=True, text=True, check=True)
    return Bindings(Path(done.stdout.strip()).read_text())


def left_out() -> set[str]:
    lines = (ROOT / "schema/coverage/left-out.txt").read_text().splitlines()
    return {line.split(" | ")[0] for line in lines if not line.startswith("#")}


def introspected(session: Session) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in session.query(DOCUMENT)["__schema"]["types"]}


def test_the_bindings_are_read(bindings: Bindings) -> None:
    """Protocol 2.5: 67 loaders; guards the test itself against a file of another form."""
    assert len(bindings.fields) >= 65 and sum(map(len, bindings.fields.values())) > 700
    assert sum(name.startswith("load") for name in bindings.fields["Query"]) == 67
    assert bindings.fields["Container"]["withNewFile"]["permissions"] == "420"
    assert "sync" in bindings.fields["Container"] and len(bindings.members) == 14


def test_everything_is_found(bindings: Bindings, session: Session) -> None:
    """Protocol 1.8: a type, field, argument or member that introspection lacks fails in the client."""
    types, missing = introspected(session), set()
    for name, fields in bindings.fields.items():
        if name not in types:
            missing.add(f"object {name}")
            continue
        served = {field["name"]: {arg["name"] for arg in field["args"]} for field in types[name]["fields"]}
        for field, args in fields.items():
            if field not in served:
                missing.add(f"field {name}.{field}")
            else:
                missing |= {f"arg {name}.{field}.{arg}" for arg in args.keys() - served[field]}
    for name, members in bindings.members.items():
        served = {each["name"] for each in types.get(name, {}).get("enumValues") or []}
        missing |= {f"value {name}.{member}" for member in members - served} if served else {f"enum {name}"}
    for name, fields in bindings.inputs.items():
        served = {each["name"] for each in types[name]["inputFields"]}
        assert fields <= served, name
    explained = left_out() | LATER
    gone = {entry.partition(" ")[2] for entry in explained if not entry.startswith(("field", "arg"))}
    missing |= {f"scalar {name}" for name in bindings.scalars - types.keys()}

    def is_explained(entry: str) -> bool:
        kind, _, subject = entry.partition(" ")
        if kind == "scalar":
            return subject.removesuffix("ID") in gone
        if subject.startswith("Query.load"):
            return subject.removeprefix("Query.load").removesuffix("FromID") in gone
        return entry in explained

    assert {entry for entry in missing if not is_explained(entry)} == set()


def test_defaults_are_equal(bindings: Bindings, session: Session) -> None:
    """Protocol 2.1: the client leaves out what equals its own default, so the server's must be the same."""
    types, wrong, compared = introspected(session), [], 0
    for name, fields in bindings.fields.items():
        for field in (types.get(name) or {}).get("fields") or []:
            for arg in field["args"]:
                default = fields.get(field["name"], {}).get(arg["name"], REQUIRED)
                if default is REQUIRED:
                    continue
                compared += 1
                # Members of enums have their class before them, texts another kind of quotes, lists no default.
                ours = python(arg["defaultValue"])
                theirs = str(default).rpartition(".")[2] if str(default)[0].isupper() else default
                if ours != theirs and str(ours).strip('"') != str(theirs).strip("'"):
                    wrong.append((name, field["name"], arg["name"], ours, theirs))
    assert wrong == [] and compared > 50


def test_the_schema_as_a_file(session: Session) -> None:
    """Protocol 2.8: `__schemaJSONFile` has introspection with directives, and its version; types can be hidden."""
    document = "{ __schemaVersion all: __schemaJSONFile { name contents } %s }"
    hidden = 'some: __schemaJSONFile(hiddenTypes: ["File"]) { contents }'
    found = session.query(document % hidden)
    everything = json.loads(found["all"]["contents"])
    assert everything["__schemaVersion"] == found["__schemaVersion"]
    types = {each["name"]: each for each in everything["__schema"]["types"]}
    sync = next(field for field in types["Container"]["fields"] if field["name"] == "sync")
    assert sync["directives"] == [
        {"name": "expectedType", "args": [{"name": "name", "value": '"Container"'}]}
    ]
    less = {each["name"]: each for each in json.loads(found["some"]["contents"])["__schema"]["types"]}
    assert types.keys() - less.keys() == {"File"}
    fields = {field["name"] for field in less["Directory"]["fields"]}
    assert "file" not in fields and "directory" in fields
    # Hidden from introspection itself, as is everything with such a name.
    assert not any(field["name"].startswith("_") for field in types["Query"]["fields"])
    assert not any(name.startswith("_") for name in types)
