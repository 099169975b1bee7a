"""The client's machine (protocol sections 5.12 and 5.13)."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from engine import Engine


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.txt").write_text("b")
    (tmp_path / "sub" / "run.sh").write_text("#!/bin/sh\n")
    (tmp_path / "sub" / "run.sh").chmod(0o750)
    (tmp_path / "link").symlink_to("sub/b.txt")
    return tmp_path


def host(q: Any, arguments: str, leaf: str) -> Any:
    return q.session.query(f"{{ host {{ directory({arguments}) {{ {leaf} }} }} }}")["host"]["directory"]


def test_5_12_paths(q: Any, files: Path) -> None:
    expected = {"entries": ["a.txt", "link", "sub/"]}
    assert host(q, 'path: "."', "entries") == expected
    assert host(q, f'path: "{files}"', "entries") == expected
    assert host(q, 'path: "sub"', "entries name") == {"entries": ["b.txt", "run.sh"], "name": "/"}
    assert q.session.query('{ host { file(path: "sub/b.txt") { contents name } } }')["host"]["file"] == {
        "contents": "b",
        "name": "b.txt",
    }
    assert q.session.query('{ host { file(path: "link") { contents } } }')["host"]["file"] == {
        "contents": "b"
    }


def test_5_12_a_slash_after_a_file_says_nothing(q: Any, files: Path) -> None:
    found = q.session.query('{ host { file(path: "a.txt/") { name contents } } }')["host"]["file"]
    assert found == {"name": "a.txt", "contents": "a"}


def test_5_12_home(engine: Engine, files: Path, asker: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = Engine(engine.root, None)
    other.env = {**engine.env, "HOME": str(files)}
    with other.session(workdir=tmp_path_factory.mktemp("elsewhere")) as session:
        assert host(asker(session), 'path: "~/sub"', "entries") == {"entries": ["b.txt", "run.sh"]}
        assert (
            session.query('{ host { file(path: "~/a.txt") { contents } } }')["host"]["file"]["contents"]
            == "a"
        )


def test_5_12_what_is_missing_is_named(q: Any) -> None:
    for query in [
        '{ host { directory(path: "no/such") { entries } } }',
        '{ host { file(path: "no-such") { contents } } }',
    ]:
        error = q.fails("session_query", query)
        assert "no such file or directory" in error.message.lower()
        assert "no-such" in error.message or "no/such" in error.message


def test_5_12_owners_become_root_and_the_rest_is_kept(q: Any, files: Path) -> None:
    os.utime(files / "a.txt", (10**9, 10**9))
    if os.getuid() == 0:
        os.chown(files / "a.txt", 1000, 1000)
    found = json.dumps(host(q, 'path: "."', "id")["id"])
    script = "cd /h; stat -c '%n %u:%g %a' sub/run.sh a.txt; stat -c %Y a.txt; readlink link"
    mode = f"{(files / 'a.txt').stat().st_mode & 0o777:o}"
    assert q.sh(script, f'withMountedDirectory(path: "/h", source: {found})') == (
        f"sub/run.sh 0:0 750\na.txt 0:0 {mode}\n1000000000\nsub/b.txt\n"
    )


def test_5_12_the_first_answer_holds_for_the_session(q: Any, files: Path, engine: Engine, asker: Any) -> None:
    assert host(q, 'path: "sub"', "entries")["entries"] == ["b.txt", "run.sh"]
    (files / "sub" / "new").write_text("")
    assert host(q, 'path: "sub"', "entries")["entries"] == ["b.txt", "run.sh"]
    assert host(q, 'path: "sub", noCache: true', "entries")["entries"] == ["b.txt", "new", "run.sh"]
    (files / "sub" / "newer").write_text("")
    assert host(q, 'path: "sub", noCache: true', "entries")["entries"] == ["b.txt", "new", "newer", "run.sh"]
    with engine.session(workdir=files) as session:
        assert host(asker(session), 'path: "sub"', "entries")["entries"] == [
            "b.txt",
            "new",
            "newer",
            "run.sh",
        ]


def test_5_12_patterns(q: Any, files: Path) -> None:
    glob = 'glob(pattern: "**")'
    assert host(q, 'path: ".", include: ["**/*.txt"]', glob) == {"glob": ["a.txt", "sub/", "sub/b.txt"]}
    assert host(q, 'path: ".", exclude: ["sub", "link"]', glob) == {"glob": ["a.txt"]}
    assert host(q, 'path: ".", include: ["sub"], exclude: ["**/*.sh"]', glob) == {
        "glob": ["sub/", "sub/b.txt"]
    }


def test_5_12_gitignore_of_parents_up_to_the_repository(q: Any, files: Path) -> None:
    subprocess.run(["git", "init", "-q", str(files)], check=True)
    (files / ".gitignore").write_text("*.sh\n")
    assert host(q, 'path: "sub", gitignore: true', "entries")["entries"] == ["b.txt"]
    assert host(q, 'path: "sub"', "entries")["entries"] == ["b.txt", "run.sh"]


def test_5_12_find_up(engine: Engine, files: Path, asker: Any) -> None:
    with engine.session(workdir=files / "sub") as session:
        for name, found in [("b.txt", "b.txt"), ("a.txt", "../a.txt"), ("no-such-name-anywhere", None)]:
            assert session.query(f'{{ host {{ findUp(name: "{name}") }} }}')["host"]["findUp"] == found


def test_5_13_names_and_addresses(q: Any) -> None:
    assert q.session.query('{ setSecret(name: "n", plaintext: "v") { name uri plaintext } }')["setSecret"] == {
        "name": "n", "uri": "", "plaintext": "v",
    }  # fmt: skip
    assert q.session.query('{ secret(uri: "env://HOME") { name uri } }')["secret"] == {
        "name": "",
        "uri": "env://HOME",
    }


def test_5_13_a_value_is_neither_told_nor_kept(fresh: Engine, tmp_path: Path, asker: Any) -> None:
    value = f"never-written-{os.urandom(8).hex()}"
    with fresh.session(workdir=tmp_path) as session:
        q = asker(session)
        secret = q.secret("kept", value)
        mounted = f'withMountedSecret(path: "/s", source: {secret})'
        steps = f'withSecretVariable(name: "S", secret: {secret})\n{mounted}'
        assert q.sh("echo $S; cat /s; cp /s /dev/shm/copy", steps) == "***\n***"
        # Also as a variable of the document, and in one that fails.
        document = 'query($v: String!) { setSecret(name: "kept", plaintext: $v) { id } container { file(path: "no") { id } } }'
        answer = json.loads(
            session.request(json.dumps({"query": document, "variables": {"v": value}}).encode())[2]
        )
        assert value not in json.dumps(answer) and answer["errors"]
        assert value not in session.stderr()
        found = subprocess.run(
            ["grep", "-rlF", value, str(fresh.root)], capture_output=True, text=True, check=False
        )
        assert found.stdout == "", "no file of the engine has it"
        assert value not in json.dumps(
            q.session.query("{ engine { localCache { entrySet { entries { description } } } } }")
        )


def test_5_13_the_last_value_of_a_name_counts(q: Any) -> None:
    values = []
    for value in ["one", "two", "one"]:
        values.append(
            q.session.query(f'{{ setSecret(name: "again", plaintext: "{value}") {{ plaintext }} }}')[
                "setSecret"
            ]["plaintext"]
        )
        secret = q.secret("again", value)
        config = f'withSecretVariable(name: "S", secret: {secret})\nwithEnvVariable(name: "BUST", value: "{len(values)}")'
        assert q.sh("echo $S | md5sum", config) == q.sh(f"echo {value} | md5sum")
    assert values == ["one", "two", "one"]


def test_5_13_sources(q: Any, files: Path, engine: Engine, asker: Any) -> None:
    (files / "token").write_text("from a file\n")
    other = Engine(engine.root, None)
    other.env = {**engine.env, "KUKRI_TEST_TOKEN": "from the environment", "HOME": str(files)}
    with other.session(workdir=files) as session:
        for uri, value in [
            ("env://KUKRI_TEST_TOKEN", "from the environment"),
            (f"file://{files}/token", "from a file\n"),
            ("file://~/token", "from a file\n"),
            ("cmd://printf hello", "hello"),
        ]:
            assert (
                session.query(f'{{ secret(uri: "{uri}") {{ plaintext }} }}')["secret"]["plaintext"] == value
            )
    for uri, message in [
        ("nope://x", 'unsupported secret provider: "nope"'),
        ("nothing", "malformed id: the URI of a secret says where its value lies, as in env://TOKEN"),
        ("env://", 'malformed id: "env://": the name of a variable is missing, as in env://TOKEN'),
        ("file://", 'malformed id: "file://": the path of a file is missing, as in file://PATH'),
        ("cmd://", 'malformed id: "cmd://": a command is missing, as in cmd://COMMAND'),
        ("op://", 'malformed id: "op://": it does not say which secret'),
        ("env://NO_SUCH_VARIABLE_AT_ALL", 'secret env var not found: "NO_..."'),
        ("env://NO_SUCH_VARIABLE_AT_ALL", "set the variable where the program is started"),
        ("file:///no/such/file", "a file:// secret: /no/such/file: no such file or directory"),
        ("file:///proc", "a file:// secret: path /proc is a directory, not a file"),
        (
            "file:///dev/zero",
            "the file:// secret is larger than 1 MiB, which is the most that a secret may have",
        ),
        ("cmd://echo oops >&2; exit 3", "a cmd:// secret (echo …) failed (exit status: 3): oops"),
        ("cmd://no-such-program", "a cmd:// secret (no-such-program …) failed (exit status: 127): "),
        ("cmd://false", "it wrote no reason: run it in a shell"),
    ]:
        said = q.fails("session_query", f'{{ secret(uri: "{uri}") {{ plaintext }} }}').message
        assert message in said and "nothing" not in said and "NO_SUCH" not in said


def test_5_13_cache_identity_of_values_from_the_client(engine: Engine, tmp_path: Path, asker: Any) -> None:
    def run(value: str, cache_key: str = "") -> str:
        other = Engine(engine.root, None)
        other.env = {**engine.env, "TOKEN": value}
        with other.session(workdir=tmp_path) as session:
            q = asker(session)
            secret = q.id(f'secret(uri: "env://TOKEN"{cache_key})')
            return str(
                q.sh(
                    "cat /proc/sys/kernel/random/uuid; test -n $T",
                    f'withSecretVariable(name: "T", secret: {secret})',
                )
            )

    first = run("one")
    assert run("one") == first
    assert run("two") != first, "another value is another secret"
    keyed = run("one", ', cacheKey: "mine"')
    assert run("two", ', cacheKey: "mine"') == keyed
