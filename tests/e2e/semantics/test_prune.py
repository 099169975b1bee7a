"""`engine.localCache.prune` (protocol section 5.17): what goes, also from the disk, and what stays because somebody uses it
or may be about to."""

from __future__ import annotations

import concurrent.futures
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from engine import Engine

STAMP = "cat /proc/sys/kernel/random/uuid"
MB = 1_000_000


def cache(q: Any, leaf: str) -> Any:
    return q.session.query(f"{{ engine {{ localCache {{ {leaf} }} }} }}")["engine"]["localCache"]


def prune(q: Any, **arguments: str) -> None:
    given = ", ".join(f"{name}: {value}" for name, value in arguments.items())
    assert cache(q, f"prune({given})" if given else "prune") == {"prune": None}


def entries(q: Any) -> list[dict[str, Any]]:
    """All but the last one, which is the index."""
    leaf = "entrySet { entries { description diskSpaceBytes activelyUsed recordType } }"
    found: list[dict[str, Any]] = cache(q, leaf)["entrySet"]["entries"]
    assert found[-1]["recordType"] == "internal" and "index" in found[-1]["description"]
    return found[:-1]


def made(q: Any, name: str) -> bool:
    """Whether the step that `make` runs is in the cache."""
    return any(f"/{name};" in entry["description"] for entry in entries(q))


def make(q: Any, name: str, megabytes: int = 5) -> str:
    """Runs a step that writes so much; its output tells one run from another."""
    return str(q.sh(f"head -c {megabytes * MB} /dev/urandom > /{name}; {STAMP}"))


def alone(q: Any) -> None:
    """Waits until the engine has seen that all other clients are gone."""
    deadline = time.monotonic() + 10
    while len(q.session.query("{ engine { clients } }")["engine"]["clients"]) > 1:
        assert time.monotonic() < deadline, "a client that went away is still listed"
        time.sleep(0.02)


@pytest.fixture
def worked(fresh: Engine, asker: Any, tmp_path: Path) -> Any:
    """A session of an engine that has done a little for one that is over: two steps, and a cache volume."""
    with fresh.session(workdir=tmp_path) as session:
        q = asker(session)
        volume = q.id('cacheVolume(key: "admin")')
        make(q, "older")
        # Times of use have seconds.
        time.sleep(1.1)
        q.sh(f"echo x > /c/f; {STAMP}", f'withMountedCache(path: "/c", cache: {volume})')
        make(q, "newer")
    with fresh.session(workdir=tmp_path) as session:
        q = asker(session)
        alone(q)
        yield q


def test_without_arguments_all_goes_that_is_not_in_use(fresh: Engine, asker: Any, tmp_path: Path) -> None:
    def run(q: Any) -> tuple[str, str]:
        volume = q.id('cacheVolume(key: "pruned")')
        return (
            q.sh(STAMP),
            q.sh(
                f"echo x >> /c/f; wc -l < /c/f; {STAMP}", f'withMountedCache(path: "/c", cache: {volume})'
            ).split()[0],
        )

    with fresh.session(workdir=tmp_path) as session:
        first = run(asker(session))
        assert run(asker(session)) == first
    with fresh.session(workdir=tmp_path) as session:
        q = asker(session)
        alone(q)
        prune(q)
        assert entries(q) == []
    with fresh.session(workdir=tmp_path) as session:
        again = run(asker(session))
        assert again[0] != first[0], "the exec ran again"
        assert again[1] == "1", "the volume was empty again"


def test_the_disk_has_room_again_although_the_caller_is_connected(
    fresh: Engine, asker: Any, tmp_path: Path
) -> None:
    """The caller is a client as well: what it came too late for goes, what it has made or used stays."""
    for number in range(100):
        (tmp_path / f"f{number}").write_bytes(os.urandom(30_000))
    (tmp_path / "large").write_bytes(os.urandom(10 * MB))
    of_host = '{ host { directory(path: ".") { entries } } }'
    with fresh.session(workdir=tmp_path) as session:
        session.query(of_host)
        q = asker(session)
        make(q, "gone", 8)
        kept = make(q, "kept", 6)
    with fresh.session(workdir=tmp_path) as session:
        q = asker(session)
        alone(q)
        assert make(q, "kept", 6) == kept, "known: it is used, not made"
        new = make(q, "new", 7)
        before, said = fresh.bytes_on_disk(), fresh.usage()
        reclaimable = sum(kind["reclaimable"] for kind in said["kinds"].values())
        prune(q)
        freed = before - fresh.bytes_on_disk()
        assert 20 * MB < freed < 25 * MB
        assert abs(freed - reclaimable) < MB
        after = fresh.usage()
        assert sum(kind["reclaimable"] for kind in after["kinds"].values()) == 0
        assert 20 * MB < said["totalBytes"] - after["totalBytes"] < 25 * MB
        assert (made(q, "gone"), made(q, "kept"), made(q, "new")) == (False, True, True)
        # A second time there is nothing to do.
        listed = entries(q)
        prune(q)
        assert entries(q) == listed
        assert fresh.problems() == []
    with fresh.session(workdir=tmp_path) as session:
        q = asker(session)
        alone(q)
        assert (make(q, "kept", 6), make(q, "new", 7)) == (kept, new)
    # Nobody is there: all of it goes.
    fresh.kukri("cache", "prune", "--volumes")
    assert fresh.bytes_on_disk() < MB
    assert all(kind["reclaimable"] == 0 for kind in fresh.usage()["kinds"].values())


def test_what_the_caller_remembers_stays(fresh: Engine, asker: Any, tmp_path: Path) -> None:
    """Objects of the session refer to what was made before it came, and the engine has all of it in memory."""
    with fresh.session(workdir=tmp_path) as session:
        q = asker(session)
        known = q.sh(f"head -c {3 * MB} /dev/urandom > /f; {STAMP}")
    with fresh.session(workdir=tmp_path) as session:
        q = asker(session)
        alone(q)
        script = f"head -c {3 * MB} /dev/urandom > /f; {STAMP}"
        assert q.sh(script) == known
        held = q.ask(f'withExec(args: ["sh", "-c", {json.dumps(script)}])', "rootfs { id }")["id"]
        for _ in range(3):
            prune(q)
            root = f"loadDirectoryFromID(id: {json.dumps(held)})"
            assert q.session.query(f'{{ {root} {{ file(path: "f") {{ size }} }} }}') == {
                "loadDirectoryFromID": {"file": {"size": 3 * MB}}
            }
            assert q.sh(script) == known
        # A step on top of it needs its files.
        assert q.sh("wc -c < /f", f'withExec(args: ["sh", "-c", {json.dumps(script)}])') == f"{3 * MB}\n"


def test_5_17_what_stays_says_that_it_is_used(fresh: Engine, asker: Any, tmp_path: Path) -> None:
    """Results and volumes follow one rule: those of an open session, also of the caller alone, are used, and stay."""
    look = "echo x >> /c/f; wc -l < /c/f; "
    with fresh.session(workdir=tmp_path) as session:
        q = asker(session)
        mount = f'withMountedCache(path: "/c", cache: {q.id("""cacheVolume(key: "own")""")})'
        kept = make(q, "own", 8)
        assert q.sh(look + STAMP, mount).split()[0] == "1"
        for arguments in ({}, {"maxUsedSpace": '"1MB"'}):
            prune(q, **arguments)
            assert made(q, "own") and "own" in [entry["description"] for entry in entries(q)]
            assert all(entry["activelyUsed"] for entry in entries(q))
        fresh.kukri("cache", "prune", "--volumes")
        assert all(entry["inUse"] for entry in fresh.usage()["entries"])
        assert make(q, "own", 8) == kept
        assert q.sh(f"{look}: 2", mount) == "2\n", "the volume has what was in it"
    with fresh.session(workdir=tmp_path) as session:
        q = asker(session)
        alone(q)
        assert entries(q) and not any(entry["activelyUsed"] for entry in entries(q))
        # One of the two is used again.
        assert q.sh(f"{look}: 3", mount) == "3\n"
        assert not any(entry["activelyUsed"] for entry in entries(q) if "/own;" in entry["description"])
        prune(q)
        assert not made(q, "own") and all(entry["activelyUsed"] for entry in entries(q))
        assert q.sh(f"{look}: 4", mount) == "4\n"
        # Nobody but those who are connected counts.
    fresh.kukri("cache", "prune", "--volumes")
    assert fresh.bytes_on_disk() < MB


def test_a_step_of_another_session_goes_on(fresh: Engine, asker: Any, tmp_path: Path) -> None:
    """With files and records: what comes after it is made of what was there, and known when it is asked for again."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "source").write_bytes(os.urandom(2 * MB))
    base = f"head -c {4 * MB} /dev/urandom > /base; {STAMP} > /stamp"
    first = f'withExec(args: ["sh", "-c", {json.dumps(base)}])'
    with fresh.session(workdir=tmp_path) as session:
        make(asker(session), "gone", 8)
        stamp = asker(session).sh("cat /stamp", first)
    with (
        fresh.session(workdir=tmp_path / "other") as other,
        fresh.session(workdir=tmp_path) as session,
        concurrent.futures.ThreadPoolExecutor() as pool,
    ):
        worker, q = asker(other), asker(session)
        volume = worker.id('cacheVolume(key: "held")')
        source = json.dumps(
            other.query('{ host { directory(path: ".") { id } } }')["host"]["directory"]["id"]
        )
        before = f"""{first}
            withMountedDirectory(path: "/src", source: {source})
            withMountedCache(path: "/c", cache: {volume})"""
        wait = (
            "touch /c/running; until test -e /c/go; do sleep 0.05; done; wc -c < /base; wc -c < /src/source"
        )
        running = pool.submit(worker.sh, wait, before)
        look = f'withMountedCache(path: "/c", cache: {volume})'
        deadline = time.monotonic() + 20
        while "running" not in worker.sh(f"ls /c; # {time.monotonic()}", look):
            assert time.monotonic() < deadline, "the step did not begin"
        on_disk = fresh.bytes_on_disk()
        used = [entry["description"] for entry in entries(q) if entry["activelyUsed"]]
        assert any("/base" in name for name in used) and "held" in used
        for arguments in ({}, {"maxUsedSpace": '"1"'}, {"useDefaultPolicy": "true", "maxUsedSpace": '"1"'}):
            prune(q, **arguments)
            assert set(used) <= {entry["description"] for entry in entries(q)}
        fresh.kukri("cache", "prune", "--volumes")
        assert set(used) <= {entry["description"] for entry in entries(q)}
        assert not made(q, "gone") and fresh.bytes_on_disk() < on_disk - 7 * MB
        # Files that the step has not looked at yet are there.
        worker.sh("touch /c/go", look)
        assert running.result(timeout=60).split() == [str(4 * MB), str(2 * MB)]
        # What it is made of is known, and so is what it gave.
        assert worker.sh("cat /stamp", first) == stamp
        after = f"{before}\n" + f'withExec(args: ["sh", "-c", {json.dumps(wait)}])'
        assert worker.sh("echo on top", after) == "on top\n"
        runs = [entry for entry in entries(q) if "touch /c/running" in entry["description"]]
        assert len(runs) == 1
    assert fresh.problems() == []


def test_limits(worked: Any, fresh: Engine) -> None:
    everything = len(entries(worked))
    on_disk = fresh.bytes_on_disk()
    for arguments in [
        {"useDefaultPolicy": "true"},
        {"maxUsedSpace": '"100GB"'},
        {"maxUsedSpace": '"99%"', "reservedSpace": '"0"', "minFreeSpace": '"0"', "targetSpace": '"1GB"'},
        {"minFreeSpace": '"1kB"'},
        {"maxUsedSpace": '"1MB"', "reservedSpace": '"100GB"'},
    ]:
        prune(worked, **arguments)
        assert len(entries(worked)) == everything, arguments
    assert fresh.bytes_on_disk() == on_disk
    # What was used longest ago goes first, and only as much as has to.
    limit = fresh.usage()["totalBytes"] - 3 * MB
    prune(worked, maxUsedSpace=f'"{limit}"')
    assert (made(worked, "older"), made(worked, "newer")) == (False, True)
    assert 4 * MB < on_disk - fresh.bytes_on_disk() < 7 * MB
    prune(worked, maxUsedSpace='"1"')
    # Volumes are not part of the limit.
    assert [entry["description"] for entry in entries(worked)] == ["admin"]
    assert fresh.bytes_on_disk() < MB


@pytest.mark.parametrize(
    "arguments",
    [
        {"minFreeSpace": '"100%"'},
        {"maxUsedSpace": '" "', "reservedSpace": '""', "minFreeSpace": '"100%"'},
        {"targetSpace": '"1"'},
        {"maxUsedSpace": '"9MB"', "targetSpace": '"1"'},
        {"useDefaultPolicy": "true", "maxUsedSpace": '"1kB"'},
    ],
    ids=["free", "blank", "target", "both", "policy"],
)
def test_limits_that_leave_nothing(worked: Any, fresh: Engine, arguments: dict[str, str]) -> None:
    prune(worked, **arguments)
    found = [entry["description"] for entry in entries(worked)]
    if "useDefaultPolicy" in arguments:
        # As the collector does it: what was used within the last hour stays.
        assert made(worked, "older") and fresh.bytes_on_disk() > 10 * MB
    else:
        # No disk is as empty as that.
        assert found == ["admin"] and fresh.bytes_on_disk() < MB


def test_what_is_given_from_memory_is_used(fresh: Engine, asker: Any, tmp_path: Path) -> None:
    """Also its result, and not only the way to it: what was used longest ago goes first."""
    step = f"head -c {5 * MB} /dev/urandom > /older; {STAMP}"
    with fresh.session(workdir=tmp_path) as session:
        q = asker(session)
        first = q.sh(step)
        time.sleep(1.1)
        make(q, "newer")
        time.sleep(1.1)
    with fresh.session(workdir=tmp_path) as session:
        assert asker(session).sh(step) == first
    with fresh.session(workdir=tmp_path) as session:
        q = asker(session)
        alone(q)
        prune(q, maxUsedSpace=f'"{fresh.usage()["totalBytes"] - 3 * MB}"')
        assert (made(q, "older"), made(q, "newer")) == (True, False)


def test_reserved_space_stays(worked: Any, fresh: Engine) -> None:
    """Each step holds 5 MB: what would go below the reserve by one of them stays as well."""
    total = fresh.usage()["totalBytes"]
    for beside, older in [(3 * MB, True), (8 * MB, False)]:
        prune(worked, minFreeSpace='"100%"', reservedSpace=f'"{total - beside}"')
        assert (made(worked, "older"), made(worked, "newer")) == (older, True)
        assert fresh.usage()["totalBytes"] >= total - beside


def test_5_17_all_blank_is_as_without_arguments(worked: Any, fresh: Engine) -> None:
    prune(worked, maxUsedSpace='""', reservedSpace='" "', minFreeSpace='""', targetSpace='""')
    assert entries(worked) == [] and fresh.bytes_on_disk() < MB
