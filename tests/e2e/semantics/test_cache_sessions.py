"""What sessions share, and what they do not (protocol section 5.16, rules 3, 5 and 6)."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from counting import Runs, unique
from engine import Engine
from session import GraphQLError

STAMP = "cat /proc/sys/kernel/random/uuid"


def test_5_16_3_the_same_chain_hits_in_a_later_session(
    q: Any, engine: Engine, asker: Any, tmp_path: Path
) -> None:
    runs, base = Runs(), unique()
    first = runs.run(q, base, STAMP)
    assert runs.run(q, base, STAMP) == first
    with engine.session(workdir=tmp_path) as session:
        again = asker(session)
        assert runs.run(again, base, STAMP) == first
        more = 'withExec(args: ["true"])\nwithNewFile(path: "/x", contents: "")'
        assert runs.run(again, base, STAMP, more, 'exists(path: "/x")') is True
    assert runs.count(q) == 1


def test_5_16_3_it_hits_after_a_restart(fresh: Engine, asker: Any, tmp_path: Path) -> None:
    runs, base = Runs(), unique()
    for _ in range(2):
        with fresh.session(workdir=tmp_path) as session:
            runs.run(asker(session), base)
        fresh.stop()
    with fresh.session(workdir=tmp_path) as session:
        assert runs.count(asker(session)) == 1


def test_5_16_3_a_variable_busts_the_cache(q: Any) -> None:
    runs, base = Runs(), unique()
    for _ in range(3):
        runs.run(q, base + unique("CACHEBUSTER"))
    assert runs.count(q) == 3


def test_5_16_5_the_host_is_looked_at_once_in_a_session(
    q: Any, engine: Engine, asker: Any, tmp_path: Path
) -> None:
    runs, base = Runs(), unique()

    def use(own: Any) -> None:
        answer = own.session.query('{ host { file(path: "f") { id } } }')["host"]["file"]["id"]
        runs.run(own, base + f'withMountedFile(path: "/f", source: {json.dumps(answer)})')

    (tmp_path / "f").write_text("before")
    use(q)
    (tmp_path / "f").write_text("after")
    use(q)
    assert runs.count(q) == 1
    with engine.session(workdir=tmp_path) as session:
        use(asker(session))
    assert runs.count(q) == 2


def test_5_16_5_a_tag_is_resolved_once_in_a_session(
    engine: Engine, asker: Any, registry: Any, q: Any, tmp_path: Path
) -> None:
    name = f"tag-{time.time_ns()}"
    host = registry.url.removeprefix("http://")

    def publish(contents: str) -> None:
        q.ask(f'withNewFile(path: "/which", contents: "{contents}")', f'publish(address: "{host}/{name}:1")')

    def which(own: Any) -> str:
        chain = f'from(address: "{host}/{name}:1")\nfile(path: "/which")'
        return str(own.session.chain(chain, "contents"))

    publish("one")
    with engine.session(workdir=tmp_path) as session:
        own = asker(session)
        assert which(own) == "one"
        publish("two")
        assert which(own) == "one"
    with engine.session(workdir=tmp_path) as session:
        assert which(asker(session)) == "two"


def test_5_16_5_exports_are_never_cached(q: Any, tmp_path: Path) -> None:
    made = tmp_path / "out" / "f"
    for _ in range(2):
        q.dir('withNewFile(path: "f", contents: "x")', 'export(path: "out")')
        assert made.read_text() == "x"
        made.unlink()
    for _ in range(2):
        q.session.query('{ file(name: "g", contents: "y") { export(path: "g") } }')
        (tmp_path / "g").unlink()


def test_5_16_5_a_plaintext_is_never_cached(engine: Engine, asker: Any, tmp_path: Path) -> None:
    with engine.session(workdir=tmp_path) as session:
        for value in ["one", "two"]:
            (tmp_path / "token").write_text(value)
            answer = session.query('{ secret(uri: "file://token") { plaintext } }')
            assert answer["secret"]["plaintext"] == value


def test_5_16_5_a_new_plaintext_is_the_value_from_then_on(q: Any, tmp_path: Path) -> None:
    secret = q.id('secret(uri: "file://token")')
    for value in ["one", "two"]:
        (tmp_path / "token").write_text(value)
        q.session.query('{ secret(uri: "file://token") { plaintext } }')
        said = q.sh("md5sum < /s", f'{unique()}withMountedSecret(path: "/s", source: {secret})')
        assert said == q.sh(f"printf {value} | md5sum")


def test_5_16_5_the_engine_is_never_cached(q: Any, engine: Engine, tmp_path: Path) -> None:
    asked = "{ engine { clients } }"
    before = q.session.query(asked)["engine"]["clients"]
    with engine.session(workdir=tmp_path):
        assert len(q.session.query(asked)["engine"]["clients"]) == len(before) + 1


@pytest.mark.parametrize("sessions", [1, 2, 4])
def test_5_16_6_identical_work_at_the_same_moment_runs_once(
    q: Any, engine: Engine, asker: Any, tmp_path: Path, sessions: int
) -> None:
    runs, base = Runs(), unique()
    seen: list[str] = []
    with contextlib.ExitStack() as stack:
        askers = [asker(stack.enter_context(engine.session(workdir=tmp_path))) for _ in range(sessions)] * 2
        together = threading.Barrier(len(askers))

        def run(own: Any) -> None:
            together.wait()
            seen.append(runs.run(own, base, f"sleep 0.5; {STAMP}"))

        threads = [threading.Thread(target=run, args=[own]) for own in askers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(seen) == len(askers)
    assert len(set(seen)) == 1
    assert runs.count(q) == 1


def test_5_16_6_different_work_runs_side_by_side(q: Any) -> None:
    """The other half of the rule: what differs does not wait for each other."""
    volume = q.id(f'cacheVolume(key: "beside {time.time_ns()}")')
    seen: list[str] = []

    def meet(own: str, other: str) -> None:
        script = f"touch /c/{own}; for i in $(seq 100); do test -e /c/{other} && echo met && exit; sleep 0.05; done"
        seen.append(q.sh(script, unique() + f'withMountedCache(path: "/c", cache: {volume})'))

    threads = [threading.Thread(target=meet, args=pair) for pair in [("a", "b"), ("b", "a")]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == ["met\n", "met\n"]


def test_5_16_6_a_client_that_goes_away_does_not_take_the_others_work_along(
    q: Any, engine: Engine, asker: Any, tmp_path: Path
) -> None:
    runs, base = Runs(), unique()
    seen: list[str] = []
    with engine.session(workdir=tmp_path) as session:
        own = asker(session)

        def leave() -> None:
            with contextlib.suppress(OSError, ValueError, GraphQLError):
                runs.run(own, base, f"sleep 1; {STAMP}")

        gone = threading.Thread(target=leave)
        stays = threading.Thread(target=lambda: seen.append(runs.run(q, base, f"sleep 1; {STAMP}")))
        gone.start()
        time.sleep(0.3)
        stays.start()
        time.sleep(0.3)
        session.process.kill()
        stays.join()
        gone.join()
    assert len(seen) == 1
    assert runs.count(q) == 1
