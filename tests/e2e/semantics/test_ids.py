"""IDs: protocol 2.4, 2.5 and section 3."""

from __future__ import annotations

import json
import re
import statistics
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from engine import Engine
from session import GraphQLError, Session

MADE = 'directory { withNewFile(path: "a/b", contents: "text") { id } }'


def made(session: Session) -> str:
    return str(session.query(f"{{ {MADE} }}")["directory"]["withNewFile"]["id"])


def node(session: Session, name: str, selection: str) -> Any:
    """What a fragment selects of the object with an ID."""
    return session.query(f"{{ node(id: {json.dumps(name)}) {{ {selection} }} }}")["node"]


def test_form(q: Any) -> None:
    """3.2: printable, without characters that need escapes, not all digits, short enough to stand in documents."""
    steps = "\n".join(f'withEnvVariable(name: "V{n}", value: "{n}")' for n in range(100))
    for name in (
        made(q.session),
        q.ask(steps, "id"),
        json.loads(q.id("host")),
        q.session.query("{ id }")["id"],
    ):
        assert re.fullmatch(r"[A-Za-z0-9_.-]+", name) and not name.isdigit() and len(name) < 120, name


def test_the_same_call_has_the_same_id_everywhere(engine: Engine, session: Session, tmp_path: Path) -> None:
    """2.3 and 3.2: an ID depends on what was asked for, not on who asked, when, or how it was written."""
    here = made(session)
    defaults = MADE.replace('"text"', '"text", permissions: 420')
    assert session.query(f"{{ {defaults} }}")["directory"]["withNewFile"]["id"] == here
    (tmp_path / "other").mkdir()
    with engine.session(workdir=tmp_path / "other") as other:
        assert made(other) == here
    image = 'container { from(address: "busybox") { withWorkdir(path: "/w") { id } } }'
    ids = {session.query(f"{{ {image} }}")["container"]["from"]["withWorkdir"]["id"]}
    with engine.session(workdir=tmp_path / "other") as other:
        ids.add(other.query(f"{{ {image} }}")["container"]["from"]["withWorkdir"]["id"])
    assert len(ids) == 1


def test_asking_runs_nothing(q: Any) -> None:
    """3.2: selecting `id` evaluates nothing, not even what would fail."""
    volume = q.id(f'cacheVolume(key: "{uuid.uuid4().hex}")')
    mount = f'withMountedCache(path: "/v", cache: {volume})'
    assert q.sh("echo ran >> /v/log; exit 1", before=mount, leaf="id")
    assert q.sh("cat /v/log 2>/dev/null | wc -l", before=mount).strip() == "0"


@pytest.mark.alone
def test_a_long_chain_costs_no_more_than_a_short_one(session: Session) -> None:
    """3.2: the ID of one more step after 3,000 steps that were never evaluated costs less than 1 ms."""
    steps = 3_000
    chain = "".join(f'withNewFile(path: "f{n}", contents: "{n}") {{ ' for n in range(steps))
    document = f"{{ directory {{ {chain} id {'}' * steps} }} }}"
    body = session.request(json.dumps({"query": document}).encode())[2]
    (name,) = re.findall(rb'"id":"([^"]+)"', body)

    def took(query: str) -> float:
        started = time.perf_counter()
        session.query(query)
        return time.perf_counter() - started

    def more(n: int) -> str:
        step = f'withNewFile(path: "more", contents: "{n}") {{ id }}'
        return f'{{ node(id: "{name.decode()}") {{ ... on Directory {{ {step} }} }} }}'

    nothing = statistics.median(took("{ version }") for _ in range(50))
    one = statistics.median(took(more(n)) for n in range(50))
    assert one - nothing < 0.001, (one, nothing)


def test_ids_of_long_chains_survive_a_kill_right_after_the_answer(make_engine: Any, tmp_path: Path) -> None:
    """3.3: whoever was given an ID can rely on it, however long the chain and however short the time."""
    engine: Engine = make_engine()
    names: dict[int, str] = {}
    for steps in (10, 1_000, 3_000):
        with engine.session(workdir=tmp_path) as session:
            chain = "".join(f'withNewFile(path: "f{n}", contents: "{steps}") {{ ' for n in range(steps))
            document = f"{{ directory {{ {chain} id {'}' * steps} }} }}"
            body = session.request(json.dumps({"query": document}).encode())[2]
            engine.kill()
        names[steps] = re.findall(rb'"id":"([^"]+)"', body)[0].decode()
        with engine.session(workdir=tmp_path) as session:
            for made_of, name in names.items():
                assert len(node(session, name, "... on Directory { entries }")["entries"]) == made_of


def test_ids_survive_the_engine(make_engine: Any, tmp_path: Path) -> None:
    """3.3, better than the original: content-based IDs resolve after a restart, in another session."""
    engine: Engine = make_engine()
    with engine.session(workdir=tmp_path) as session:
        directory = made(session)
        file = node(session, directory, '... on Directory { file(path: "a/b") { id } }')["file"]["id"]
        steps = 'from(address: "busybox")\nwithEnvVariable(name: "A", value: "1")'
        container = session.chain(steps, "id")
        variables = session.chain(steps, "envVariables { id name }")
        element = next(each["id"] for each in variables if each["name"] == "A")
        ran = session.chain(f'{steps}\nwithExec(args: ["cat", "/proc/sys/kernel/random/uuid"])', "id")
        output = node(session, ran, "... on Container { stdout }")["stdout"]
    for end in (engine.kill, engine.stop):
        end()
        with engine.session(workdir=tmp_path) as session:
            assert node(session, directory, "... on Directory { entries }") == {"entries": ["a/"]}
            assert node(session, file, "... on File { contents }") == {"contents": "text"}
            assert node(session, container, '... on Container { envVariable(name: "A") }') == {
                "envVariable": "1"
            }
            assert node(session, element, "... on EnvVariable { name value }") == {"name": "A", "value": "1"}
            assert node(session, ran, "... on Container { stdout }")["stdout"] == output
            # From where it was made, in turn.
            assert made(session) == directory


def test_an_image_of_an_id_stays_the_same_image(make_engine: Any, registry: Any, tmp_path: Path) -> None:
    """3.3: what a tag meant when the ID was made is part of it; the registry is not asked again."""
    engine: Engine = make_engine()
    with engine.session(workdir=tmp_path) as session:
        name = session.chain('from(address: "busybox")', "id")
        reference = node(session, name, "... on Container { imageRef }")
        listing = node(session, name, "... on Container { rootfs { entries } }")
    engine.stop()
    engine.env["KUKRI_REGISTRY_MIRRORS"] = "docker.io=http://127.0.0.1:9"
    with engine.session(workdir=tmp_path) as session:
        assert node(session, name, "... on Container { imageRef }") == reference
        assert node(session, name, "... on Container { rootfs { entries } }") == listing


def test_files_of_the_host_mean_what_they_meant(engine: Engine, tmp_path: Path) -> None:
    """2.3 and 5.16.4: the ID of a directory of the client is that of its content, in other sessions too."""
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "f").write_text(folder)
    asked = '{ host { directory(path: ".") { id file(path: "f") { id } } file(path: "f") { id } } }'

    def ids(session: Session) -> list[str]:
        host = session.query(asked)["host"]
        return [host["directory"]["id"], host["directory"]["file"]["id"], host["file"]["id"]]

    with engine.session(workdir=tmp_path / "one") as session:
        one = ids(session)
    (tmp_path / "one" / "f").unlink()
    with engine.session(workdir=tmp_path / "two") as session:
        assert node(session, one[0], '... on Directory { entries file(path: "f") { contents } }') == {
            "entries": ["f"],
            "file": {"contents": "one"},
        }
        for file in one[1:]:
            assert node(session, file, "... on File { name contents }") == {"name": "f", "contents": "one"}
        assert not set(ids(session)) & set(one)
        # Equal content, whatever the path and the time: the same ID.
        (tmp_path / "two" / "f").write_text("one")
    (tmp_path / "three").mkdir()
    for folder in ("two", "three"):
        (tmp_path / folder / "f").write_text("x")
    with engine.session(workdir=tmp_path) as session:
        step = 'withNewFile(path: "g", contents: "g") { glob(pattern: "**") id }'
        found = session.query(f'{{ host {{ directory(path: "two") {{ {step} }} }} }}')["host"]["directory"]
        again = node(session, found["withNewFile"]["id"], '... on Directory { glob(pattern: "**") }')
        assert found["withNewFile"]["glob"] == again["glob"] == ["f", "g"]


def test_secrets_are_of_those_who_were_given_them(engine: Engine, session: Session, asker: Any) -> None:
    """3.3: the ID of a secret loads elsewhere, using it fails; so does a step that needs it."""
    name = f"s{uuid.uuid4().hex}"
    secret = json.loads(asker(session).secret(name, "the value"))
    with_secret = f'from(address: "busybox")\nwithSecretVariable(name: "S", secret: "{secret}")'
    command = f'withExec(args: ["sh", "-c", "echo ${{#S}} # {name}"])'
    container = session.chain(f"{with_secret}\n{command}", "id")
    with engine.session() as other:
        assert node(other, secret, "... on Secret { name }") == {"name": name}
        with pytest.raises(GraphQLError, match=f'secret "{name}" is not known in this session'):
            node(other, secret, "... on Secret { plaintext }")
        with pytest.raises(GraphQLError, match="is not known in this session"):
            node(other, container, "... on Container { stdout }")
        # Given a secret of that name, the session has what the step needs.
        asker(other).secret(name, "another")
        assert node(other, container, "... on Container { stdout }") == {"stdout": "7\n"}
    assert node(session, secret, "... on Secret { plaintext }") == {"plaintext": "the value"}


@pytest.mark.parametrize("kind", ["set", "file"])
def test_what_was_made_of_a_secret_is_a_result_like_any_other(
    make_engine: Any, asker: Any, tmp_path: Path, kind: str
) -> None:
    """3.3 and 5.16: with `setSecret` a name is the identity, so a session without the value reads from the cache what a
    step made of it. Where the value is part of the identity, a session without it cannot even ask for the step."""
    engine: Engine = make_engine()
    name = f"s{uuid.uuid4().hex}"
    (tmp_path / "secret").write_text("the value")
    with engine.session(workdir=tmp_path) as session:
        secret = (
            session.query('{ secret(uri: "file://secret") { id } }')["secret"]["id"]
            if kind == "file"
            else json.loads(asker(session).secret(name, "the value"))
        )
        steps = f'from(address: "busybox")\nwithSecretVariable(name: "S", secret: "{secret}")'
        command = f'withExec(args: ["sh", "-c", "echo ${{#S}} > /{name}"])'
        container = session.chain(f"{steps}\n{command}", "sync")
        leaf = f'... on Container {{ file(path: "/{name}") {{ contents }} }}'
        assert node(session, container, leaf) == {"file": {"contents": "9\n"}}
        later = '... on Container { withExec(args: ["true"]) { stdout } }'
        (tmp_path / "elsewhere").mkdir()
        with engine.session(workdir=tmp_path / "elsewhere") as other:
            if kind == "set":
                assert node(other, container, leaf) == {"file": {"contents": "9\n"}}
                # A further step is run with the secret as well, so it needs it.
                with pytest.raises(GraphQLError, match=f'secret "{name}" is not known in this session'):
                    node(other, container, later)
            else:
                with pytest.raises(GraphQLError, match="secret"):
                    node(other, container, leaf)
                with pytest.raises(GraphQLError, match="secret"):
                    node(other, container, later)


WRONG = {
    "nothing like it": ("hello", "is not an ID of this engine"),
    "a handle of the original": ("EhIIKhIOCglDb250YWluZXIYAQ==", "is not an ID of this engine"),
    "digits": ("12345", "is not an ID of this engine"),
    "control characters": ("a\u0000b\n.c.d", "is not an ID of this engine"),
    "other alphabets": ("Контейнер.a.b", "is not an ID of this engine"),
    "only dots": ("..", "is not an ID of this engine"),
    "a type alone": ("Container..", "is damaged"),
    "an unknown digest": ("Container.JnCVDh-brR4a0gbcIyqEVkk0ePuyQLB9reErZjm-890.DQP3", "is not known to this engine"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("how", ["node", "load", "argument", "variable"])
def test_wrong_ids_have_clear_errors(session: Session, what: str, how: str) -> None:
    """3.4: an ID that leads to nothing is an error that says why, wherever it stands."""
    name, said = WRONG[what]
    text = json.dumps(name)
    document, variables = {
        "node": (f"{{ node(id: {text}) {{ id }} }}", None),
        "load": (f"{{ loadContainerFromID(id: {text}) {{ id }} }}", None),
        "argument": (f"{{ container {{ withRootfs(directory: {text}) {{ id }} }} }}", None),
        "variable": ("query($id: ID!) { container { withRootfs(directory: $id) { id } } }", {"id": name}),
    }[how]
    with pytest.raises(GraphQLError, match=said) as caught:
        session.query(document, variables)
    assert caught.value.extensions is None and len(caught.value.message) < 400


def test_damaged_ids_are_told_from_unknown_ones(session: Session) -> None:
    """3.4: cut, changed, of another type."""
    name = made(session)
    kind, digest, check = name.split(".")
    flipped = digest.replace(digest[7], "A" if digest[7] != "A" else "B", 1)
    for damaged in (
        name[:-1],
        name[: len(name) // 2],
        f"{kind}.{flipped}.{check}",
        f"Container.{digest}.{check}",
        f"{kind}.{digest}.{check[::-1]}x",
        f" {name}",
        f"{name} ",
    ):
        with pytest.raises(GraphQLError, match=r"is damaged|is not an ID of this engine"):
            node(session, damaged, "id")


@pytest.mark.parametrize("size", [100_000, 10_000_000])
def test_huge_ids_are_refused_quickly(session: Session, size: int) -> None:
    """3.4: neither time nor the message grows with what somebody sends as an ID."""
    started = time.monotonic()
    for text in ("x" * size, "Container." + "A" * size + ".AAAA", "." * size):
        with pytest.raises(GraphQLError) as caught:
            session.query("query($id: ID!) { node(id: $id) { id } }", {"id": text})
        assert len(caught.value.message) < 400
    assert time.monotonic() - started < 10


def test_types_are_checked(session: Session) -> None:
    """2.5 and 3.4: `load X: expected X, got Y`; an argument's error names both types."""
    name = json.dumps(made(session))
    for load, wanted in (("loadContainerFromID", "Container"), ("loadFileFromID", "File")):
        with pytest.raises(GraphQLError, match=f"load {wanted}: expected {wanted}, got Directory"):
            session.query(f"{{ {load}(id: {name}) {{ id }} }}")
    with pytest.raises(GraphQLError, match="expected File, got Directory"):
        session.query(f'{{ directory {{ withFile(path: "x", source: {name}) {{ id }} }} }}')
    with pytest.raises(GraphQLError, match="expected File, got Directory"):
        session.query(f'{{ directory {{ withFiles(path: "x", sources: [{name}]) {{ id }} }} }}')


def test_interfaces_load_what_implements_them(session: Session) -> None:
    """2.5: `loadSyncerFromID` and `loadExportableFromID` take every object of the interface."""
    name = json.dumps(made(session))
    for load in ("loadSyncerFromID", "loadExportableFromID"):
        found = session.query(f"{{ {load}(id: {name}) {{ __typename id }} }}")[load]
        assert found == {"__typename": "Directory", "id": json.loads(name)}
    host = session.query("{ host { id } }")["host"]["id"]
    with pytest.raises(GraphQLError, match="expected Syncer, got Host"):
        session.query(f"{{ loadSyncerFromID(id: {json.dumps(host)}) {{ id }} }}")


@pytest.mark.parametrize("empty", ['""', "null"])
def test_an_empty_id_is_no_object(session: Session, empty: str) -> None:
    """3.2: an empty text as an ID argument counts as null."""
    cache = json.dumps(session.query('{ cacheVolume(key: "k") { id } }')["cacheVolume"]["id"])
    mount = f'withMountedCache(path: "/c", cache: {cache}, source: {empty})'
    assert session.query(f"{{ container {{ {mount} {{ mounts }} }} }}")["container"]["withMountedCache"] == {
        "mounts": ["/c"]
    }
    with pytest.raises(GraphQLError, match=r"is required|ID is empty|expected"):
        session.query(f"{{ container {{ withRootfs(directory: {empty}) {{ id }} }} }}")


def test_sync_gives_the_id_of_the_same_object(session: Session) -> None:
    """2.4.1: `sync` gives an ID from which the client goes on; the object is computed then."""
    name = session.chain('from(address: "busybox")\nwithExec(args: ["echo", "hi"])', "sync")
    assert name.startswith("Container.")
    assert node(session, name, "... on Container { stdout }") == {"stdout": "hi\n"}
    for root in (
        'directory { withNewFile(path: "f", contents: "") { sync } }',
        'file(name: "f", contents: "") { sync }',
    ):
        found = session.query(f"{{ {root} }}")
        while isinstance(found, dict):
            found = next(iter(found.values()))
        assert node(session, found, "... on Syncer { sync }") == {"sync": found}


def test_every_element_of_a_list_has_an_id(session: Session) -> None:
    """2.4.2: lists of objects are asked for `{ id }`, and each element is loaded by it later."""
    steps = "\n".join(
        [
            'withEnvVariable(name: "A", value: "1")',
            'withLabel(name: "l", value: "v")',
            'withExposedPort(port: 80, description: "web")',
        ]
    )
    for leaf, kind, fields in (
        ("envVariables", "EnvVariable", {"name": "A", "value": "1"}),
        ("labels", "Label", {"name": "l", "value": "v"}),
        ("exposedPorts", "Port", {"port": 80, "protocol": "TCP", "description": "web"}),
    ):
        (element,) = session.chain(steps, f"{leaf} {{ id }}")
        assert node(session, element["id"], f"... on {kind} {{ {' '.join(fields)} }}") == fields
        loaded = session.query(f"{{ load{kind}FromID(id: {json.dumps(element['id'])}) {{ __typename }} }}")
        assert loaded == {f"load{kind}FromID": {"__typename": kind}}


def test_an_id_of_what_was_pruned(make_engine: Any, asker: Any, tmp_path: Path) -> None:
    """3.3: what the engine can make again is made again; what only a client has is asked for, and then is there again."""
    engine: Engine = make_engine()
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "f").write_text("of the host")
    asked = '{ host { directory(path: "src") { id withNewFile(path: "g", contents: "x") { id } } file(path: "src/f") { id } } }'
    with engine.session(workdir=tmp_path) as session:
        q = asker(session)
        ran = q.ask('withExec(args: ["cat", "/proc/sys/kernel/random/uuid"])', "id")
        first = node(session, ran, "... on Container { stdout }")["stdout"]
        new = made(session)
        host = session.query(asked)["host"]
        step = f'withMountedDirectory(path: "/m", source: "{host["directory"]["id"]}")'
        of_host = q.ask(f'{step}\nwithExec(args: ["cat", "/m/f"])', "id")
        assert node(session, of_host, "... on Container { stdout }") == {"stdout": "of the host"}
    from_host = [
        (host["directory"]["id"], '... on Directory { file(path: "f") { contents } }'),
        (host["directory"]["withNewFile"]["id"], '... on Directory { file(path: "f") { contents } }'),
        (host["file"]["id"], "... on File { contents }"),
        (of_host, "... on Container { stdout }"),
    ]
    for restart in (False, True):
        engine.kukri("cache", "prune")
        if restart:
            engine.stop()
        with engine.session(workdir=tmp_path) as session:
            again = node(session, ran, "... on Container { stdout }")["stdout"]
            assert again != first and re.fullmatch(r"[0-9a-f-]{36}\n", again), "it ran again"
            assert node(session, new, "... on Directory { entries }") == {"entries": ["a/"]}
            for name, selection in from_host:
                assert node(session, name, "id") == {"id": name}, "an ID costs nothing, and so needs nothing"
                with pytest.raises(
                    GraphQLError, match="no longer in the engine's store: take them from"
                ) as caught:
                    node(session, name, selection)
                assert caught.value.extensions is None
    with engine.session(workdir=tmp_path) as session:
        assert session.query(asked)["host"] == host
        for name, selection in from_host:
            assert "of the host" in json.dumps(node(session, name, selection))


def test_a_session_goes_on_when_its_content_is_pruned(make_engine: Any, asker: Any, tmp_path: Path) -> None:
    """3.3 and 5.12: the first answer of the host holds for the session; if it is gone it is taken again."""
    engine: Engine = make_engine()
    (tmp_path / "f").write_text("of the host")
    asked = '{ host { directory(path: ".") { entries file(path: "f") { contents } } } }'
    expected = {"entries": ["f"], "file": {"contents": "of the host"}}
    with engine.session(workdir=tmp_path) as session:
        q = asker(session)
        for _ in range(2):
            assert session.query(asked)["host"]["directory"] == expected
            assert q.sh("echo hi") == "hi\n"
            engine.kukri("cache", "prune")
