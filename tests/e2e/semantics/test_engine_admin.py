"""The engine and its cache, as clients see them (protocol section 5.17), next to `kukri cache du`."""

from __future__ import annotations

import json
import platform
import time
from pathlib import Path
from typing import Any

import pytest
from engine import Engine

STAMP = "cat /proc/sys/kernel/random/uuid"


def cache(q: Any, leaf: str) -> Any:
    return q.session.query(f"{{ engine {{ localCache {{ {leaf} }} }} }}")["engine"]["localCache"]


def prune(q: Any, **arguments: str) -> None:
    given = ", ".join(f"{name}: {value}" for name, value in arguments.items())
    assert cache(q, f"prune({given})" if given else "prune") == {"prune": None}


def entries(q: Any) -> list[dict[str, Any]]:
    leaf = """entrySet { entries { description diskSpaceBytes createdTimeUnixNano mostRecentUseTimeUnixNano activelyUsed
              recordType recordTypes dagqlCall } }"""
    return list(cache(q, leaf)["entrySet"]["entries"])


@pytest.fixture
def used(fresh: Engine, asker: Any, tmp_path: Path) -> Any:
    """A session of an engine that has done a little."""
    with fresh.session(workdir=tmp_path) as session:
        q = asker(session)
        volume = q.id('cacheVolume(key: "admin")')
        q.sh(
            "head -c 300000 /dev/urandom > /big; echo x > /c/f",
            f'withMountedCache(path: "/c", cache: {volume})',
        )
        yield q


def test_name_and_clients(engine: Engine, asker: Any, q: Any, tmp_path: Path) -> None:
    found = q.session.query("{ engine { name clients } }")["engine"]
    assert found["name"] == platform.node()
    assert len(found["clients"]) == len(set(found["clients"])) >= 1
    with engine.session(workdir=tmp_path) as other:
        more = other.query("{ engine { clients } }")["engine"]["clients"]
        assert set(more) > set(found["clients"])
    deadline = time.monotonic() + 10
    while len(q.session.query("{ engine { clients } }")["engine"]["clients"]) > len(found["clients"]):
        assert time.monotonic() < deadline, "a client that went away is still listed"
        time.sleep(0.05)


def test_entries_are_those_of_kukri_cache_du(used: Any, fresh: Engine) -> None:
    found = entries(used)
    listed = json.loads(fresh.kukri("cache", "du", "--json").stdout)["entries"]
    assert [(entry["description"], entry["diskSpaceBytes"], entry["activelyUsed"]) for entry in found] == [
        (entry["label"] or "recipe of a result", entry["bytes"], entry["inUse"]) for entry in listed
    ]
    assert [
        (entry["createdTimeUnixNano"] // 10**9, entry["mostRecentUseTimeUnixNano"] // 10**9)
        for entry in found
    ] == [(entry["created"], entry["lastUsed"]) for entry in listed]
    sums = cache(used, "entrySet { entryCount diskSpaceBytes }")["entrySet"]
    assert sums == {"entryCount": len(listed), "diskSpaceBytes": sum(entry["bytes"] for entry in listed)}


def test_what_an_entry_says(used: Any) -> None:
    found = entries(used)
    kinds = {entry["recordType"]: entry for entry in found}
    assert set(kinds) >= {"regular", "exec.cachemount"}
    assert kinds["exec.cachemount"]["description"] == "admin"
    assert all(entry["recordTypes"] == [entry["recordType"]] for entry in found)
    ran = [entry for entry in found if "head -c 300000" in entry["description"]]
    assert len(ran) == 1
    assert ran[0]["diskSpaceBytes"] >= 300_000
    now = time.time_ns()
    for entry in found:
        assert (
            now - 10**12
            < entry["createdTimeUnixNano"]
            <= entry["mostRecentUseTimeUnixNano"] + 10**9
            < now + 10**10
        )


def test_an_entry_can_be_asked_by_its_id(used: Any) -> None:
    found = cache(used, "entrySet { id entries { id description } }")["entrySet"]
    entry = found["entries"][0]
    node = f"{{ node(id: {json.dumps(entry['id'])}) {{ ... on EngineCacheEntry {{ description }} }} }}"
    assert used.session.query(node)["node"] == {"description": entry["description"]}
    node = f"{{ node(id: {json.dumps(found['id'])}) {{ ... on EngineCacheEntrySet {{ entryCount }} }} }}"
    assert used.session.query(node)["node"] == {"entryCount": len(found["entries"])}


def test_every_set_is_new(used: Any) -> None:
    before = cache(used, "entrySet { entryCount diskSpaceBytes }")["entrySet"]
    used.sh("head -c 200000 /dev/urandom > /more")
    after = cache(used, "entrySet { entryCount diskSpaceBytes }")["entrySet"]
    assert after["entryCount"] > before["entryCount"]
    assert after["diskSpaceBytes"] >= before["diskSpaceBytes"] + 200_000


def test_prune_without_arguments_drops_all_that_is_not_in_use(
    fresh: Engine, asker: Any, tmp_path: Path
) -> None:
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
        prune(q)
        assert entries(q) == []
    with fresh.session(workdir=tmp_path) as session:
        again = run(asker(session))
        assert again[0] != first[0], "the exec ran again"
        assert again[1] == "1", "the volume was empty again"


def test_prune_keeps_to_limits(used: Any) -> None:
    everything = len(entries(used))
    for arguments in [
        {"useDefaultPolicy": "true"},
        {"maxUsedSpace": '"100GB"'},
        {"maxUsedSpace": '"99%"', "reservedSpace": '"0"', "minFreeSpace": '"0"', "targetSpace": '"1GB"'},
        {"minFreeSpace": '"1kB"'},
    ]:
        prune(used, **arguments)
        assert len(entries(used)) == everything, arguments
    prune(used, maxUsedSpace='"1kB"')
    found = entries(used)
    # Volumes are not part of the limit.
    assert [entry["description"] for entry in found if entry["recordType"] == "exec.cachemount"] == ["admin"]
    assert sum(entry["diskSpaceBytes"] for entry in found if entry["recordType"] != "exec.cachemount") <= 1000


def test_5_17_a_blank_size_is_as_none(used: Any) -> None:
    prune(used, maxUsedSpace='" "', reservedSpace='""', minFreeSpace='"100%"')
    assert not [entry for entry in entries(used) if "urandom" in entry["description"]], (
        "no disk is as empty as that"
    )
    used.sh("head -c 100000 /dev/urandom > /more")
    prune(used, maxUsedSpace='""', reservedSpace='" "', minFreeSpace='""', targetSpace='""')
    assert not [entry for entry in entries(used) if "urandom" in entry["description"]], "as without arguments"


@pytest.mark.parametrize("name", ["maxUsedSpace", "reservedSpace", "minFreeSpace", "targetSpace"])
def test_prune_names_what_is_no_size(q: Any, name: str) -> None:
    document = f'{{ engine {{ localCache {{ prune({name}: "not-a-size") }} }} }}'
    message = q.fails("session_query", document).message
    assert f"invalid {name} value" in message
    assert "not-a-size" in message
    assert "101%" in q.fails("session_query", document.replace("not-a-size", "101%")).message


def test_limits(make_engine: Any, asker: Any, tmp_path: Path) -> None:
    engine = make_engine(KUKRI_MAX_SIZE="12GB", KUKRI_MIN_FREE="3GB")
    with engine.session(workdir=tmp_path) as session:
        assert cache(asker(session), "maxUsedSpace minFreeSpace reservedSpace targetSpace") == {
            "maxUsedSpace": 12 * 10**9,
            "minFreeSpace": 3 * 10**9,
            "reservedSpace": 0,
            "targetSpace": 12 * 10**9,
        }
