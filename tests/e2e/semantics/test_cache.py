"""What is run again and what is not; IDs (protocol sections 3.3, 3.4, 5.16)."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from engine import Engine
from session import GraphQLError

#: Tells runs apart by what it prints.
STAMP = "cat /proc/sys/kernel/random/uuid"


def unique() -> str:
    return f'withEnvVariable(name: "TEST", value: "{time.time_ns()}")\n'


def test_5_16_the_same_chain_hits_also_in_a_later_session(
    q: Any, engine: Engine, asker: Any, tmp_path: Path
) -> None:
    config = unique()
    first = q.sh(STAMP, config)
    assert q.sh(STAMP, config) == first
    with engine.session(workdir=tmp_path) as session:
        again = asker(session)
        assert again.sh(STAMP, config) == first
        assert (
            again.sh(
                STAMP,
                config,
                'withExec(args: ["true"])\nwithNewFile(path: "/x", contents: "")',
                'exists(path: "/x")',
            )
            is True
        )
    assert q.sh(STAMP, unique()) != first


def test_5_16_what_belongs_to_the_identity(q: Any) -> None:
    base = unique()
    first = q.sh(STAMP, base)
    for step in [
        'withEnvVariable(name: "A", value: "1")',
        'withUser(name: "nobody")',
        'withWorkdir(path: "/tmp")',
        'withMountedTemp(path: "/t")',
    ]:
        assert q.sh(STAMP, base + step) != first, step
    for step in [
        'withLabel(name: "a", value: "1")',
        "withExposedPort(port: 80)",
        'withEntrypoint(args: ["x"])',
    ]:
        assert q.sh(STAMP, base + step) == first, f"{step}: the command cannot see it"


def test_5_16_failures_are_not_cached_unless_accepted(q: Any) -> None:
    volume = q.id('cacheVolume(key: "failures")')
    config = unique() + f'withMountedCache(path: "/c", cache: {volume})'
    count = "echo x >> /c/$TEST; wc -l < /c/$TEST; exit 3"
    assert [q.fails("sh", count, config).extensions["stdout"] for _ in range(2)] == ["1", "2"]
    assert [q.sh(count, config, expect="FAILURE") for _ in range(2)] == ["3\n", "3\n"]
    assert [q.sh(count, config, leaf="exitCode", expect="ANY") for _ in range(2)] == [3, 3]


def test_5_16_equal_content_from_elsewhere_hits(q: Any, tmp_path: Path) -> None:
    config = unique()
    for name in ["one", "two"]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "f").write_text("same")
        time.sleep(0.01)
    ids = [
        json.dumps(
            q.session.query(f'{{ host {{ directory(path: "{name}") {{ id }} }} }}')["host"]["directory"]["id"]
        )
        for name in ["one", "two"]
    ]
    ids.append(q.dir_id(f="same"))
    runs = {
        q.sh(STAMP, config + f'withMountedDirectory(path: "/m", source: {directory})') for directory in ids
    }
    assert len(runs) == 1
    runs |= {q.sh(STAMP, config + f'withDirectory(path: "/m", source: {directory})') for directory in ids}
    assert len(runs) == 2


def test_5_16_an_unrelated_file_does_not_matter(q: Any, engine: Engine, asker: Any, tmp_path: Path) -> None:
    config = unique()
    (tmp_path / "used").write_text("same")
    ways = [
        'host { file(path: "used") { id } }',
        'host { directory(path: ".") { file(path: "used") { id } } }',
        'host { directory(path: ".") { filter(include: ["used"]) { file(path: "used") { id } } } }',
    ]

    def runs() -> set[str]:
        found = set()
        with engine.session(workdir=tmp_path) as session:
            for way in ways:
                answer = session.query(f"{{ {way} }}")
                while not isinstance(answer, str):
                    (answer,) = answer.values()
                found.add(
                    asker(session).sh(
                        STAMP, config + f'withMountedFile(path: "/f", source: {json.dumps(answer)})'
                    )
                )
        return found

    first = runs()
    (tmp_path / "unrelated").write_text(str(time.time()))
    assert runs() == first
    assert len(first) == 1


def test_5_16_values_that_do_not_count(q: Any, engine: Engine, asker: Any, tmp_path: Path) -> None:
    config = unique()
    runs = set()
    for value in ["one", "two"]:
        with engine.session(workdir=tmp_path) as session:
            own = asker(session)
            steps = f"""
                withSecretVariable(name: "S", secret: {own.secret("value", value)})
                withMountedSecret(path: "/s", source: {own.secret("value", value)})
                withVolatileVariable(name: "V", value: "{value}")
            """
            runs.add(own.sh(STAMP, config + steps))
    assert len(runs) == 1
    other = config + f'withSecretVariable(name: "S", secret: {q.secret("other name", "one")})'
    assert q.sh(STAMP, other) not in runs


def test_5_16_one_image_under_two_names(q: Any) -> None:
    config = unique()
    step = f'withExec(args: ["sh", "-c", {json.dumps(STAMP)}])'
    runs = {
        q.session.chain(f'from(address: "{name}")\n{config}\n{step}', "stdout")
        for name in ["busybox", "busybox:1", "alpine:3.20"]
    }
    assert len(runs) == 1


def test_5_16_steps_without_effect_do_not_count(q: Any) -> None:
    config = unique()
    runs = {
        q.sh(STAMP, config + step)
        for step in [
            'withoutFile(path: "/none")',
            'withoutFile(path: "/neither")',
            "",
            'withExec(args: ["true"])',
        ]
    }
    assert len(runs) == 1


def test_5_16_identical_work_at_the_same_time_is_done_once(
    q: Any, engine: Engine, asker: Any, tmp_path: Path
) -> None:
    config = unique()
    seen: list[str] = []
    with engine.session(workdir=tmp_path) as session:
        threads = [
            threading.Thread(target=lambda own=own: seen.append(own.sh(f"sleep 0.5; {STAMP}", config)))
            for own in [q, q, asker(session), asker(session)]
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(seen) == 4
    assert len(set(seen)) == 1


def test_5_16_a_client_that_goes_away_does_not_take_the_others_work_along(
    q: Any, engine: Engine, asker: Any, tmp_path: Path
) -> None:
    config = unique()
    seen: list[str] = []
    with engine.session(workdir=tmp_path) as session:
        own = asker(session)

        def leave() -> None:
            with contextlib.suppress(OSError, ValueError, GraphQLError):
                own.sh(f"sleep 1; {STAMP}", config)

        gone = threading.Thread(target=leave)
        stays = threading.Thread(target=lambda: seen.append(q.sh(f"sleep 1; {STAMP}", config)))
        gone.start()
        time.sleep(0.2)
        stays.start()
        time.sleep(0.2)
        session.process.kill()
        stays.join()
        gone.join()
    assert len(seen) == 1


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
