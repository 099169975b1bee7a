"""JSON values (protocol sections 2.6 and 5.17)."""

from __future__ import annotations

import json
from typing import Any

import pytest


def ask(q: Any, contents: str, leaf: str) -> Any:
    document = f"{{ json {{ withContents(contents: {json.dumps(contents)}) {{ {leaf} }} }} }}"
    return q.session.query(document)["json"]["withContents"]


def fails(q: Any, contents: str, leaf: str) -> str:
    return str(
        q.fails(
            "session_query", f"{{ json {{ withContents(contents: {json.dumps(contents)}) {{ {leaf} }} }} }}"
        ).message
    )


def test_5_17_json_is_null(q: Any) -> None:
    assert q.session.query("{ json { contents } }") == {"json": {"contents": "null"}}


def test_2_6_json_is_a_text_in_both_directions(q: Any) -> None:
    contents = ask(q, ' {"b": [1, "x"], "a": null} ', "contents")["contents"]
    assert isinstance(contents, str)
    assert json.loads(contents) == {"b": [1, "x"], "a": None}


def test_5_17_a_text_that_was_given_stays_as_it_is(q: Any) -> None:
    """Order and spaces, and numbers that no float has."""
    text = '{"z": 123456789012345678901234567890, "a": 1.0, "b": {"y": 1, "x": 2}}\n'
    assert ask(q, text, "contents") == {"contents": text}
    file = f'file(name: "f.json", contents: {json.dumps(text)}) {{ asJSON {{ contents }} }}'
    assert q.session.query(f"{{ {file} }}")["file"]["asJSON"] == {"contents": text}
    assert ask(q, text, 'field(path: ["b"]) { contents }') == {"field": {"contents": '{"x":2,"y":1}'}}


@pytest.mark.parametrize("number", ["123456789012345678901", "1.10", "1e400", "-0"])
def test_5_17_numbers_stay_as_they_are_written(q: Any, number: str) -> None:
    text = f'{{"n": [{number}]}}'
    found = ask(
        q,
        text,
        'field(path: ["n"]) { contents asArray { contents } pretty: contents(pretty: true, indent: "") }',
    )
    assert found["field"] == {
        "contents": f"[{number}]",
        "asArray": [{"contents": number}],
        "pretty": f"[\n{number}\n]",
    }
    one = json.dumps(q.session.query("{ json { newInteger(value: 1) { id } } }")["json"]["newInteger"]["id"])
    more = ask(q, text, f'withField(path: ["one"], value: {one}) {{ contents }}')
    assert more["withField"]["contents"] == f'{{"n":[{number}],"one":1}}'


def test_5_17_contents_pretty(q: Any) -> None:
    found = ask(
        q,
        '{"b":[1,{}],"a":"é"}',
        'compact: contents two: contents(pretty: true) tab: contents(pretty: true, indent: "\\t")',
    )
    assert found == {
        "compact": '{"b":[1,{}],"a":"é"}',
        "two": '{\n  "a": "é",\n  "b": [\n    1,\n    {}\n  ]\n}',
        "tab": '{\n\t"a": "é",\n\t"b": [\n\t\t1,\n\t\t{}\n\t]\n}',
    }


@pytest.mark.parametrize(
    ("make", "leaf", "expected"),
    [
        ("newInteger(value: 42)", "asInteger", 42),
        ("newInteger(value: -9007199254740993)", "asInteger", -9007199254740993),
        ('newString(value: "hello\\nworld\\t\\"quotes\\"")', "asString", 'hello\nworld\t"quotes"'),
        ('newString(value: "")', "asString", ""),
        ("newBoolean(value: true)", "asBoolean", True),
        ("newBoolean(value: false)", "asBoolean", False),
    ],
)
def test_5_17_new_values(q: Any, make: str, leaf: str, expected: object) -> None:
    ((found,),) = (q.session.query(f"{{ json {{ {make} {{ {leaf} }} }} }}")["json"].values(),)
    assert found == {leaf: expected}


def test_5_17_elements_of_an_array_have_ids(q: Any) -> None:
    items = ask(q, '[1, "hello", true, null, [2]]', "asArray { id contents }")["asArray"]
    assert [item["contents"] for item in items] == ["1", '"hello"', "true", "null", "[2]"]
    node = f"{{ node(id: {json.dumps(items[1]['id'])}) {{ ... on JSONValue {{ asString }} }} }}"
    assert q.session.query(node)["node"] == {"asString": "hello"}


def test_5_17_fields(q: Any) -> None:
    text = '{"user": {"name": "John", "profile": {"active": true}}, "age": 30}'
    found = ask(
        q,
        text,
        """fields name: field(path: ["user", "name"]) { asString } deep: field(path: ["user", "profile", "active"]) {
           asBoolean }""",
    )
    assert found == {
        "fields": ["age", "user"],
        "name": {"asString": "John"},
        "deep": {"asBoolean": True},
    }
    assert fails(q, text, 'field(path: ["x"]) { contents }') == "no such field: 'x'"
    assert ask(q, "[1]", "field(path: []) { contents }") == {"field": {"contents": "[1]"}}


def test_5_17_with_field_makes_objects_on_the_way(q: Any) -> None:
    name = json.dumps(
        q.session.query('{ json { newString(value: "Bob") { id } } }')["json"]["newString"]["id"]
    )
    made = q.session.query(
        f"""{{ json {{ withField(path: ["name"], value: {name}) {{ withField(path: ["profile", "email"], value: {name}) {{
            contents }} }} }} }}"""
    )
    assert made["json"]["withField"]["withField"]["contents"] == '{"name":"Bob","profile":{"email":"Bob"}}'


def test_5_17_with_field_loses_nothing(q: Any) -> None:
    """What is on the way and is no object is told, not replaced; `null` holds nothing that could be lost."""
    one = json.dumps(q.session.query("{ json { newInteger(value: 1) { id } } }")["json"]["newInteger"]["id"])
    for contents, path, of, kind in [
        ("[1, 2]", ["a"], "", "an array"),
        ('"text"', ["a", "b"], "", "a string"),
        ('{"a": 7, "c": 2}', ["a", "b"], " of 'a'", "a number"),
        ('{"b": {"c": [0]}}', ["b", "c", "n"], " of 'b.c'", "an array"),
    ]:
        error = fails(q, contents, f"withField(path: {json.dumps(path)}, value: {one}) {{ contents }}")
        name = path[of.count(".") + 1 if of else 0]
        assert error == (
            f"cannot set the field '{name}': the value{of} is not an object but {kind}; "
            "set another value there first"
        )
    for contents, path in [
        ('{"a": null, "c": 2}', '["a", "b"]'),
        ('{"a": {"b": [1]}, "c": 2}', '["a", "b"]'),
    ]:
        found = ask(q, contents, f"withField(path: {path}, value: {one}) {{ contents }}")
        assert json.loads(found["withField"]["contents"]) == {"a": {"b": 1}, "c": 2}
    assert "empty" in fails(q, "{}", f"withField(path: [], value: {one}) {{ contents }}")


@pytest.mark.parametrize(
    ("contents", "leaf", "message"),
    [
        ("{}", "asArray { id }", "value is not an array: it is an object"),
        ("1", "asString", "value is not a string: it is a number"),
        ('"1"', "asInteger", "value is not an integer: it is a string"),
        ("1.5", "asInteger", "value is not an integer: it is a number"),
        ("123456789012345678901", "asInteger", "value is not an integer of 64 bits: it is a number"),
        ("null", "asBoolean", "value is not a boolean: it is null"),
        ("[]", "fields", "value is not an object: it is an array"),
    ],
)
def test_5_17_wrong_kinds(q: Any, contents: str, leaf: str, message: str) -> None:
    assert fails(q, contents, leaf) == message


def test_4_5_what_is_no_json_is_said_on_use(q: Any) -> None:
    assert "invalid JSON" in fails(q, "{", "contents")
    root = 'file(name: "a.json", contents: "no") { asJSON'
    assert q.session.query(f"{{ {root} {{ id }} }} }}")["file"]["asJSON"]["id"]
    message = q.fails("session_query", f"{{ {root} {{ contents }} }} }}").message
    assert message.startswith("a.json: invalid JSON")
    assert "invalid JSON" in fails(q, "[" * 100_000, "contents")


def test_5_11_a_file_as_json(q: Any) -> None:
    document = '{ file(name: "a.json", contents: "{\\"a\\": [1]}") { asJSON { fields } } }'
    assert q.session.query(document)["file"]["asJSON"] == {"fields": ["a"]}
