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
    """And what they take together is what the store takes: each byte belongs to one of them."""
    # The index grows and shrinks by itself.
    deadline = time.monotonic() + 20
    while True:
        usage, found = fresh.usage(), entries(used)
        sums = cache(used, "entrySet { entryCount diskSpaceBytes }")["entrySet"]
        if usage == {**fresh.usage(), "entries": usage["entries"]}:
            break
        assert time.monotonic() < deadline, "the store does not come to rest"
    listed = usage["entries"]
    assert sums == {"entryCount": len(listed), "diskSpaceBytes": usage["totalBytes"]}
    assert usage["totalBytes"] == sum(kind["bytes"] for kind in usage["kinds"].values())
    assert [(entry["description"], entry["diskSpaceBytes"], entry["activelyUsed"]) for entry in found] == [
        (entry["label"] or "recipe of a result", entry["bytes"], entry["inUse"]) for entry in listed
    ]
    assert [
        (entry["createdTimeUnixNano"] // 10**9, entry["mostRecentUseTimeUnixNano"] // 10**9)
        for entry in found
    ][:-1] == [(entry["created"], entry["lastUsed"]) for entry in listed][:-1]
    # The index is always in use.
    assert found[-1]["activelyUsed"] and found[-1]["recordType"] == "internal"
    assert found[-1]["diskSpaceBytes"] > usage["kinds"]["index"]["bytes"] // 2


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
