"""What runs, and when: laziness, cache hits, merging. Executions are counted by what only a new execution can say."""

import contextlib
import http.client
import json
import threading
import time
import uuid
from pathlib import Path

import pytest
from engine import Engine
from session import GraphQLError, Session


def stamp(*marks: str) -> tuple[str, str, str]:
    """A command whose output tells one execution from another."""
    return ("sh", "-c", f"cat /proc/sys/kernel/random/uuid # {' '.join(marks)}")


def fresh() -> str:
    return uuid.uuid4().hex


def test_ids_and_configuration_run_nothing(session: Session) -> None:
    failing = 'from(address: "busybox")\nwithExec(args: ["false"])'
    assert session.chain(failing, "id")
    with pytest.raises(GraphQLError, match="exit code: 1"):
        session.chain(failing, "sync")


def test_an_image_is_not_asked_for_before_it_is_needed(session: Session) -> None:
    # A container without an image, whose exec would fail, is nothing that `id` notices.
    assert session.chain('withExec(args: ["anything"])\nwithWorkdir(path: "/w")', "id")


def test_the_same_step_runs_once(engine: Engine, session: Session) -> None:
    command = stamp(fresh())
    first = session.run(*command)
    assert session.run(*command) == first
    with engine.session() as other:
        assert other.run(*command) == first


def test_configuration_is_part_of_a_step(session: Session) -> None:
    command = stamp(fresh())
    outputs = {
        session.run(*command, before=f'withEnvVariable(name: "X", value: "{value}")') for value in "abca"
    }
    assert len(outputs) == 3


def test_volatile_variables_are_not(session: Session) -> None:
    command = stamp(fresh())
    outputs = {
        session.run(*command, before=f'withVolatileVariable(name: "X", value: "{value}")') for value in "ab"
    }
    assert len(outputs) == 1


def test_a_failed_step_runs_again(engine: Engine, tmp_path: Path) -> None:
    count = 'test "$(cat /count/n)" = 2 || { echo x >> /count/log; wc -l < /count/log > /count/n; exit 3; }; cat /count/log'
    with engine.session(workdir=tmp_path) as session:
        name = session.query(f'{{ cacheVolume(key: "{fresh()}") {{ id }} }}')["cacheVolume"]["id"]
        mount = f'withMountedCache(path: "/count", cache: "{name}")'
        session.run("sh", "-c", "echo 0 > /count/n", before=mount)
        for _ in range(2):
            with pytest.raises(GraphQLError, match="exit code: 3"):
                session.run("sh", "-c", count, before=mount)
        assert session.run("sh", "-c", count, before=mount) == "x\nx\n"


def test_an_accepted_failure_is_kept(session: Session) -> None:
    command = ("sh", "-c", f"cat /proc/sys/kernel/random/uuid; exit 9 # {fresh()}")
    assert session.run(*command, expect="ANY") == session.run(*command, expect="ANY")


def test_equal_content_made_another_way_is_a_hit(session: Session) -> None:
    mark = fresh()

    def of(recipe: str) -> str:
        name = session.query(f"{{ directory {{ {recipe} }} }}")
        while isinstance(name, dict):
            name = next(iter(name.values()))
        return session.run(*stamp(mark), before=f'withMountedDirectory(path: "/d", source: "{name}")')

    one = of('withNewFile(path: "a", contents: "1") { withNewFile(path: "b", contents: "2") { id } }')
    two = of('withNewFile(path: "b", contents: "2") { withNewFile(path: "x", contents: "") { '
             'withoutFile(path: "x") { withNewFile(path: "a", contents: "1") { id } } } }')  # fmt: skip
    assert one == two


def test_an_unrelated_file_of_a_host_directory_does_not_matter(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "used").write_text("used")
    mark, outputs = fresh(), []
    for round_ in range(3):
        (tmp_path / "unrelated").write_text(str(round_))
        with engine.session(workdir=tmp_path) as session:
            for how in ('directory(path: ".") { file(path: "used") { id } }', 'file(path: "used") { id }'):
                name = session.query(f"{{ host {{ {how} }} }}")["host"]
                while isinstance(name, dict):
                    name = next(iter(name.values()))
                outputs.append(
                    session.run(*stamp(mark), before=f'withMountedFile(path: "/f", source: "{name}")')
                )
    assert len(set(outputs)) == 1


def test_two_names_of_an_image_share_work(session: Session) -> None:
    command = stamp(fresh())
    assert session.run(*command, image="alpine:3.20") == session.run(*command, image="busybox")


def test_a_step_that_changes_nothing_gives_the_same_tree(session: Session) -> None:
    before = session.chain('from(address: "busybox")', "rootfs { digest }")
    name = session.query('{ directory { withNewFile(path: "x", contents: "x") { id } } }')["directory"][
        "withNewFile"
    ]["id"]
    steps = f"""
      from(address: "busybox")
      withMountedDirectory(path: "/some/where/deep", source: "{name}")
      withMountedTemp(path: "/tmp/t")
      withWorkdir(path: "/some/where")
      withExec(args: ["sh", "-c", "cat /etc/resolv.conf /etc/hosts; echo {fresh()}"])
    """
    assert session.chain(steps, "rootfs { digest }") == before


def test_two_sessions_merge_equal_work(engine: Engine) -> None:
    command = ("sh", "-c", f"sleep 1; cat /proc/sys/kernel/random/uuid # {fresh()}")
    outputs: list[str] = []

    def one() -> None:
        with engine.session() as session:
            outputs.append(session.run(*command))

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outputs) == 2 and len(set(outputs)) == 1


def test_an_abandoned_request_is_cancelled(session: Session) -> None:
    volume = session.query(f'{{ cacheVolume(key: "{fresh()}") {{ id }} }}')["cacheVolume"]["id"]
    mount = f'withMountedCache(path: "/v", cache: "{volume}")'
    command = ["sh", "-c", "echo started > /v/log; sleep 3; echo finished >> /v/log"]
    document = (
        f'{{container{{from(address:"busybox"){{{mount}{{withExec(args:{json.dumps(command)}){{sync}}}}}}}}}}'
    )
    connection = http.client.HTTPConnection("127.0.0.1", session.port)
    connection.request("POST", "/query", json.dumps({"query": document}), session.headers())
    time.sleep(1)
    connection.close()
    time.sleep(3.5)
    assert session.run("cat", "/v/log", before=mount) == "started\n"


def test_one_of_two_that_goes_away_does_not_disturb_the_other(engine: Engine) -> None:
    command = ("sh", "-c", f"sleep 2; echo done # {fresh()}")
    result: list[str] = []

    def abandoned(session: Session) -> None:
        with contextlib.suppress(GraphQLError, OSError, http.client.HTTPException, AssertionError):
            session.run(*command)

    with engine.session() as staying:
        thread = threading.Thread(target=lambda: result.append(staying.run(*command)))
        with engine.session() as leaving:
            other = threading.Thread(target=abandoned, args=(leaving,))
            other.start()
            time.sleep(0.3)
            thread.start()
            time.sleep(0.5)
            leaving.close()
            other.join()
        thread.join()
    assert result == ["done\n"]
