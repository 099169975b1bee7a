"""Cache volumes made at the root (protocol sections 5.4 and 5.13)."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from counting import meeting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from engine import Engine


def volume(q: Any, key: str, *more: str) -> str:
    return str(q.id(f"cacheVolume({', '.join([f'key: {json.dumps(key)}', *more])})"))


def mounted(volume: str, *more: str) -> str:
    return f"withMountedCache({', '.join(['path: ' + json.dumps('/c'), 'cache: ' + volume, *more])})"


def unique() -> str:
    return f'withEnvVariable(name: "TEST", value: "{time.time_ns()}")\n'


def test_5_13_a_volume_outlives_sessions(engine: Engine, asker: Any, tmp_path: Path) -> None:
    key = f"outlives {time.time_ns()}"
    for expected in ["x\n", "x\nx\n"]:
        with engine.session(workdir=tmp_path) as session:
            q = asker(session)
            assert q.sh("echo x >> /c/f; cat /c/f", unique() + mounted(volume(q, key))) == expected


def test_5_13_a_seed_is_used_once(q: Any) -> None:
    key = f"seed {time.time_ns()}"
    seeded = volume(q, key, f"source: {q.dir_id(f='seed')}")
    assert q.sh("cat /c/f; echo changed > /c/f", unique() + mounted(seeded)) == "seed"
    assert q.sh("cat /c/f", unique() + mounted(seeded)) == "changed\n"
    # Another seed is another volume, and so is none.
    other = volume(q, key, f"source: {q.dir_id(f='other')}")
    assert q.sh("cat /c/f", unique() + mounted(other)) == "other"
    assert q.sh("ls -A /c", unique() + mounted(volume(q, key))) == ""


def test_5_13_a_seed_that_fails_leaves_nothing(q: Any) -> None:
    """First contents that cannot be written are an error each time, with one reason, and no half of them stays."""
    odd = 'withExec(args: ["sh", "-c", "mkdir /s; ln -s x /s/a; echo f > /s/f; mkfifo /s/z"])'
    source = json.dumps(q.ask(odd, 'directory(path: "/s") { id }')["id"])
    failing = volume(q, f"fails {time.time_ns()}", f"source: {source}")
    for _ in range(2):
        message = q.fails("sh", "true", unique() + mounted(failing)).message
        assert "devices and pipes cannot be put into a cache volume" in message


def test_5_13_a_seed_that_is_computed(q: Any) -> None:
    made = json.dumps(
        q.ask('withExec(args: ["sh", "-c", "mkdir /s; echo made > /s/f"])', 'directory(path: "/s") { id }')[
            "id"
        ]
    )
    seeded = volume(q, f"computed {time.time_ns()}", f"source: {made}")
    assert q.sh("cat /c/f", mounted(seeded)) == "made\n"


def test_5_13_an_owner_by_number_and_by_name(q: Any) -> None:
    key = f"owner {time.time_ns()}"
    for owner, expected in [("1000:1001", "1000:1001"), ("nobody", None), ("", "0:0")]:
        config = unique() + mounted(volume(q, key, f"owner: {json.dumps(owner)}"))
        found = q.sh("stat -c %u:%g /c; id -u nobody", config).split()
        assert found[0] == (expected or f"{found[1]}:{found[1]}")


def test_5_4_the_mount_says_the_same_as_the_volume(q: Any) -> None:
    key = f"same {time.time_ns()}"
    seed = f"source: {q.dir_id(f='1')}"
    said_there = mounted(volume(q, key, seed, "sharing: LOCKED", 'owner: "7"'))
    said_here = mounted(volume(q, key), seed, "sharing: LOCKED", 'owner: "7"')
    assert q.sh("echo -n 2 >> /c/f; stat -c %u /c", unique() + said_there) == "7\n"
    assert q.sh("cat /c/f", unique() + said_here) == "12"


@pytest.mark.parametrize(("sharing", "overlap"), [("SHARED", True), ("PRIVATE", False), ("LOCKED", False)])
def test_5_4_sharing(q: Any, sharing: str, overlap: bool) -> None:
    """Seen in the container: whoever enters writes its name, and removes it when it leaves."""
    config = mounted(volume(q, f"{sharing} {time.time_ns()}", f"sharing: {sharing}"))
    seen: list[str] = []

    def enter(number: int) -> None:
        step = f'withEnvVariable(name: "N", value: "{number}")\n'
        seen.append(q.sh(meeting("/c", patient=overlap), step + config))

    threads = [threading.Thread(target=enter, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == ["together\n" if overlap else ""] * 3


def test_5_4_a_locked_volume_twice_in_one_exec(q: Any) -> None:
    locked = volume(q, f"twice {time.time_ns()}", "sharing: LOCKED")
    config = mounted(locked) + "\n" + mounted(locked).replace('"/c"', '"/d"')
    assert q.sh("echo x > /c/f; cat /d/f", config) == "x\n"


def test_5_4_an_exec_is_cached_whatever_the_volume_holds(q: Any) -> None:
    config = unique() + mounted(volume(q, f"cached {time.time_ns()}"))
    runs = {q.sh("cat /proc/sys/kernel/random/uuid", config)}
    q.sh("date > /c/f", config)
    runs.add(q.sh("cat /proc/sys/kernel/random/uuid", config))
    assert len(runs) == 1


def test_a_volume_with_its_id_from_another_session(engine: Engine, asker: Any, tmp_path: Path) -> None:
    with engine.session(workdir=tmp_path) as session:
        q = asker(session)
        found = volume(q, f"by id {time.time_ns()}", "sharing: LOCKED", 'owner: "9"')
        q.sh("echo kept > /c/f", unique() + mounted(found))
    with engine.session(workdir=tmp_path) as session:
        assert asker(session).sh("cat /c/f; stat -c %u /c", unique() + mounted(found)) == "kept\n9\n"


@pytest.fixture
def narrow(make_engine: Callable[..., Engine]) -> Iterator[Engine]:
    """An engine that runs one container at a time."""
    made = make_engine(KUKRI_PARALLELISM="1")
    yield made
    made.stop()


def test_who_waits_for_a_volume_lets_others_run(
    make_engine: Callable[..., Engine], asker: Any, tmp_path: Path
) -> None:
    key = f"queue {time.time_ns()}"
    made = make_engine(KUKRI_PARALLELISM="2")
    with made.session(workdir=tmp_path) as first, made.session(workdir=tmp_path) as second:
        q, other = asker(first), asker(second)
        config = mounted(volume(q, key, "sharing: LOCKED"))
        done: list[str] = []

        def use(number: int) -> None:
            q.sh(f"sleep 1; echo {number}", unique() + config)
            done.append("locked")

        threads = [threading.Thread(target=use, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        # One is running, and all others have asked for the volume.
        while not done:
            time.sleep(0.05)
        assert other.sh("echo beside", unique()) == "beside\n"
        assert len(done) < 4
        for thread in threads:
            thread.join()
    made.stop()


def test_volumes_in_opposite_order_with_one_container_at_a_time(
    narrow: Engine, asker: Any, tmp_path: Path
) -> None:
    with narrow.session(workdir=tmp_path) as session:
        q = asker(session)
        a, b = (volume(q, f"{name} {time.time_ns()}", "sharing: LOCKED") for name in "ab")
        orders = [[a, b], [b, a], [a], [b]] * 2
        outputs: list[str] = []

        def use(order: list[str]) -> None:
            mounts = [mounted(each).replace('"/c"', f'"/{n}"') for n, each in enumerate(order)]
            outputs.append(q.sh("echo done", unique() + "\n".join(mounts)))

        threads = [threading.Thread(target=use, args=(order,)) for order in orders]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert outputs == ["done\n"] * len(orders)


def test_first_contents_that_are_computed_with_one_container_at_a_time(
    narrow: Engine, asker: Any, tmp_path: Path
) -> None:
    with narrow.session(workdir=tmp_path) as session:
        q = asker(session)
        made = 'withExec(args: ["sh", "-c", "mkdir /s; echo made > /s/f"])'
        seed = json.dumps(q.ask(made, 'directory(path: "/s") { id }')["id"])
        seeded = volume(q, "computed", f"source: {seed}", "sharing: LOCKED")
        assert q.sh("cat /c/f", mounted(seeded)) == "made\n"
