"""Environment files (protocol section 5.17, and `withEnvFileVariables` of section 5.1)."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from engine import Engine

FILE = """# of a shop
animal=dog
message=hello, nice ${animal}
quoted="hello, nice $animal"
single='hello, nice $animal'
"""


def env_file(text: str, steps: str = "") -> str:
    """The root of a chain: a file that is read as an environment file."""
    return f'file(name: ".env", contents: {json.dumps(text)}) {{ asEnvFile {{ {steps}'


def ask(q: Any, text: str, leaf: str) -> Any:
    document = f'{{ file(name: ".env", contents: {json.dumps(text)}) {{ asEnvFile {{ {leaf} }} }} }}'
    return q.session.query(document)["file"]["asEnvFile"]


def test_5_17_get(q: Any) -> None:
    leaf = """
        plain: get(name: "message") raw: get(name: "message", raw: true) quoted: get(name: "quoted")
        quotedRaw: get(name: "quoted", raw: true) single: get(name: "single")
        missing: get(name: "no") missingRaw: get(name: "no", raw: true) there: exists(name: "animal") not: exists(name: "no")
    """
    assert ask(q, FILE, leaf) == {
        "plain": "hello, nice dog",
        "raw": "hello, nice ${animal}",
        "quoted": "hello, nice dog",
        "quotedRaw": '"hello, nice $animal"',
        "single": "hello, nice $animal",
        "missing": "",
        "missingRaw": "",
        "there": True,
        "not": False,
    }


def test_5_17_the_last_value_wins(q: Any) -> None:
    assert ask(q, "A=1\nB=2\nA=3\n", 'get(name: "A") variables { name value }') == {
        "get": "3",
        "variables": [{"name": "A", "value": "3"}, {"name": "B", "value": "2"}],
    }


def test_5_17_variables_with_and_without_their_quotes(q: Any) -> None:
    found = ask(q, FILE, "plain: variables { name value } raw: variables(raw: true) { value }")
    assert [variable["value"] for variable in found["plain"]] == [
        "dog",
        "hello, nice dog",
        "hello, nice dog",
        "hello, nice $animal",
    ]
    assert [variable["value"] for variable in found["raw"]] == [
        "dog",
        "hello, nice ${animal}",
        '"hello, nice $animal"',
        "'hello, nice $animal'",
    ]


def test_5_17_every_variable_has_an_id(q: Any) -> None:
    variables = ask(q, FILE, "variables { id }")["variables"]
    answer = q.session.query(
        f"{{ node(id: {json.dumps(variables[1]['id'])}) {{ ... on EnvVariable {{ name value }} }} }}"
    )
    assert answer["node"] == {"name": "message", "value": "hello, nice dog"}


@pytest.mark.parametrize("prefix", ["my_app", "my-app", "MY_APP_", "myApp"])
def test_5_17_a_namespace_strips_its_prefix(q: Any, prefix: str) -> None:
    text = "my_app_token=topsecret\nmyApp_name=petstore\nMY_aPp_URL=http://$HOST\nfoo=bar\nHOST=x\n"
    found = ask(
        q, text, f'namespace(prefix: "{prefix}") {{ variables {{ name value }} exists(name: "foo") }}'
    )
    assert found["namespace"] == {
        "variables": [
            {"name": "token", "value": "topsecret"},
            {"name": "name", "value": "petstore"},
            {"name": "URL", "value": "http://x"},
        ],
        "exists": False,
    }


def test_5_17_as_file_gives_what_was_read(q: Any) -> None:
    assert ask(q, FILE, "asFile { name contents }")["asFile"] == {"name": ".env", "contents": FILE}
    made = q.session.query(
        """{ envFile { withVariable(name: "A", value: "1") { withVariable(name: "B", value: "x $A") {
             withVariable(name: "A", value: "2") { withoutVariable(name: "C") {
             asFile { contents } get(name: "B") } } } } } }"""
    )
    for name in ["envFile", "withVariable", "withVariable", "withVariable", "withoutVariable"]:
        made = made[name]
    assert made == {"asFile": {"contents": "B=x $A\nA=2\n"}, "get": "x 2"}


def test_5_17_as_file_gives_what_can_be_read_again(q: Any) -> None:
    steps = 'envFile { withVariable(name: "A", value: "1\\n$B") { withVariable(name: "B", value: "2") {'
    (found,) = q.session.query(
        f"{{ {steps} asFile {{ contents asEnvFile {{ variables {{ value }} }} }} }} }} }} }}"
    ).values()
    found = found["withVariable"]["withVariable"]["asFile"]
    assert found["contents"] == 'A="1\n$B"\nB=2\n'
    assert found["asEnvFile"]["variables"] == [{"value": "1\n2"}, {"value": "2"}]


def test_5_17_references_to_nothing_fail_only_when_used(q: Any) -> None:
    text = "GREETING=bonjour\nNAME=monde\nmessage=$GREETING, $NAME!\n"
    assert ask(q, text, 'get(name: "message")') == {"get": "bonjour, monde!"}
    without = 'withoutVariable(name: "NAME")'
    raw = ask(q, text, f'{without} {{ get(name: "message", raw: true) other: get(name: "GREETING") }}')
    assert raw["withoutVariable"] == {"get": "$GREETING, $NAME!", "other": "bonjour"}
    document = f'{{ {env_file(text, without)} {{ get(name: "message") }} }} }} }}'
    assert "refers to NAME" in q.fails("session_query", document).message


def test_5_17_a_cycle_is_an_error(q: Any) -> None:
    document = f'{{ {env_file("A=$B" + chr(10) + "B=$A", "")} get(name: "A") }} }} }}'
    assert "refers to itself" in q.fails("session_query", document).message


def test_5_17_a_line_that_is_no_variable_is_named_on_use(q: Any) -> None:
    document = f'{{ {env_file("A=1" + chr(10) + "two words", "")} get(name: "A") }} }} }}'
    assert ".env: line 2" in q.fails("session_query", document).message
    # Asking for an ID reads nothing.
    assert ask(q, "two words", "id")["id"]


def test_variables_of_the_client(engine: Engine, asker: Any, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("NAME=${KUKRI_TEST_NAME}\nOTHER=${KUKRI_TEST_NONE:-none}\n")
    document = (
        '{ host { file(path: ".env") { asEnvFile { name: get(name: "NAME") other: get(name: "OTHER") } } } }'
    )
    for user in ["user1", "user2"]:
        other = Engine(engine.root, None)
        other.env = {**engine.env, "KUKRI_TEST_NAME": user}
        with other.session(workdir=tmp_path) as session:
            found = session.query(document)["host"]["file"]["asEnvFile"]
            assert found == {"name": user, "other": "none"}


def test_5_1_with_env_file_variables(engine: Engine, asker: Any, tmp_path: Path) -> None:
    """Each variable is set with its value; equal values are a hit, also in another session."""
    (tmp_path / ".env").write_text(f"NAME=${{KUKRI_TEST_NAME}}\nSTAMP={time.time_ns()}\n")
    runs: dict[str, set[str]] = {"user1": set(), "user2": set()}
    for user in ["user1", "user2", "user1", "user2"]:
        other = Engine(engine.root, None)
        other.env = {**engine.env, "KUKRI_TEST_NAME": user}
        with other.session(workdir=tmp_path) as session:
            file = session.query('{ host { file(path: ".env") { asEnvFile { id } } } }')
            source = json.dumps(file["host"]["file"]["asEnvFile"]["id"])
            step = f'withEnvVariable(name: "NAME", value: "before")\nwithEnvFileVariables(source: {source})'
            said = asker(session).sh("echo $NAME; cat /proc/sys/kernel/random/uuid", step)
            name, run = said.split()
            assert name == user
            runs[user].add(run)
            names = asker(session).ask(step, "envVariables { name }")
            assert [entry["name"] for entry in names][-2:] == ["NAME", "STAMP"]
    assert {user: len(seen) for user, seen in runs.items()} == {"user1": 1, "user2": 1}


def test_5_1_env_file_variables_replace_secret_and_volatile_ones(q: Any) -> None:
    file = json.dumps(
        q.session.query('{ envFile { withVariable(name: "A", value: "file") { id } } }')["envFile"][
            "withVariable"
        ]["id"]
    )
    for before in [
        f'withSecretVariable(name: "A", secret: {q.secret("env-file", "x")})',
        'withVolatileVariable(name: "A", value: "x")',
    ]:
        assert q.sh("echo $A", f"{before}\nwithEnvFileVariables(source: {file})") == "file\n"
