"""The engine's life: it starts by itself, is shared, ends when idle, and survives being killed."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from engine import Engine, alive, wait_gone
from session import GraphQLError, Session

UUID = ("cat", "/proc/sys/kernel/random/uuid")


def test_ten_sessions_at_the_same_moment_share_one_engine(fresh: Engine) -> None:
    outputs: list[str] = []
    pids: set[int | None] = set()
    gate = threading.Barrier(10)

    def one() -> None:
        gate.wait()
        with fresh.session() as session:
            outputs.append(session.run(*UUID))
            pids.add(fresh.pid())

    threads = [threading.Thread(target=one) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outputs) == 10 and len(set(outputs)) == 1
    assert len(pids) == 1 and None not in pids


def test_it_ends_when_nobody_uses_it(make_engine: Callable[..., Engine]) -> None:
    engine = make_engine(KUKRI_IDLE_TIMEOUT="1s")
    with engine.session() as session:
        session.run("true")
        pid = engine.pid()
        assert pid is not None
        time.sleep(1.5)
        # A session that asks for nothing is use as well.
        assert alive(pid)
    wait_gone(pid, 10)
    with engine.session() as session:
        assert session.run("echo", "again") == "again\n"


def test_it_ends_in_order_on_sigterm(fresh: Engine) -> None:
    with fresh.session() as session:
        first = session.run(*UUID)
    pid = fresh.pid()
    assert pid is not None
    os.kill(pid, signal.SIGTERM)
    wait_gone(pid)
    assert fresh.pid() is None
    with fresh.session() as session:
        assert session.run(*UUID) == first


def test_status_says_what_is(fresh: Engine) -> None:
    done = fresh.kukri("engine", "status", check=False)
    assert done.returncode == 1 and "no engine is running" in done.stdout
    with fresh.session():
        assert str(fresh.pid()) in fresh.kukri("engine", "status").stdout


def running_exec(
    session: Session, errors: list[tuple[float, Exception]], script: str = "sleep 60"
) -> threading.Thread:
    def one() -> None:
        try:
            session.run("sh", "-c", script)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test looks at it
            errors.append((time.monotonic(), error))

    thread = threading.Thread(target=one)
    thread.start()
    return thread


def test_a_killed_engine_is_told_at_once_and_starts_again(fresh: Engine) -> None:
    with fresh.session() as session:
        finished = session.run(*UUID)
        errors: list[tuple[float, Exception]] = []
        thread = running_exec(session, errors)
        time.sleep(0.7)
        killed = time.monotonic()
        fresh.kill()
        thread.join(5)
        assert errors, "the request goes on although its engine is gone"
        assert errors[0][0] - killed < 1
        assert isinstance(errors[0][1], (GraphQLError, AssertionError, OSError))
        started = time.monotonic()
        with fresh.session() as other:
            assert other.run(*UUID) == finished
        assert time.monotonic() - started < 5
        # The session of the lost engine still ends as sessions do.
        assert session.close(5) == 0
    assert fresh.problems() == []


def test_what_ran_in_a_killed_engine_does_not_go_on(fresh: Engine) -> None:
    mark = f"sleep 61.{os.getpid()}"
    with fresh.session() as session:
        session.run("true")
        thread = running_exec(session, [], f"{mark}; true")
        time.sleep(0.7)
        assert processes(mark)
        fresh.kill()
        thread.join(5)
    deadline = time.monotonic() + 5
    while processes(mark):
        assert time.monotonic() < deadline, "the container outlived its engine"
        time.sleep(0.05)


def processes(part: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if part in line and "pytest" not in line:
            found.append(line)
    return found


def test_nothing_half_made_is_seen_after_a_kill(fresh: Engine) -> None:
    steps = 'from(address: "busybox")\nwithExec(args: ["sh", "-c", "%s"])\ndirectory(path: "/out")'
    script = "mkdir /out; for i in $(seq 2000); do echo $i > /out/$i; done"
    with fresh.session() as session:
        errors: list[tuple[float, Exception]] = []
        thread = running_exec(session, errors, script)
        time.sleep(0.3)
        fresh.kill()
        thread.join(10)
    with fresh.session() as session:
        assert len(session.chain(steps % script, "entries")) == 2000
    assert fresh.problems() == []


def test_a_damaged_blob_is_made_again(fresh: Engine) -> None:
    command = ("sh", "-c", "head -c 100000 /dev/urandom | base64 > /made; md5sum /made")
    with fresh.session() as session:
        first = session.run(*command)
        pid = fresh.pid()
        assert pid is not None
    fresh.stop()
    fresh.damage()
    assert fresh.problems()
    done = json.loads(fresh.kukri("cache", "verify", "--deep", "--repair", "--json", check=False).stdout)
    assert done["problems"]
    assert fresh.problems() == []
    with fresh.session() as session:
        steps = f'from(address: "busybox")\nwithExec(args: {json.dumps(command)})\nfile(path: "/made")'
        assert len(session.chain(steps, "contents")) > 100_000
        assert first


def test_what_is_gone_is_made_again_without_being_told(fresh: Engine, tmp_path: Path) -> None:
    """As after a loss of power: files of the store are shorter than they were, and nobody says so."""
    (tmp_path / "long").write_bytes(bytes(range(256)) * 500)
    (tmp_path / "short").write_text("short")
    script = "cat /src/short; seq 1 30000 > /long; seq 1 10 > /short; wc -c < /src/long"
    source = '{ host { directory(path: ".", include: ["long", "short"]) { id } } }'

    def work() -> tuple[str, int]:
        with fresh.session(workdir=tmp_path) as session:
            directory = session.query(source)["host"]["directory"]["id"]
            steps = f"""from(address: "busybox")
                withDirectory(path: "/src", source: {json.dumps(directory)})
                withExec(args: ["sh", "-c", {json.dumps(script)}])"""
            after = f'{steps}\nwithExec(args: ["sh", "-c", "cat /long /short | wc -c"])'
            contents = session.chain(f'{steps}\nfile(path: "/long")', "contents")
            return session.chain(steps, "stdout") + session.chain(after, "stdout"), len(contents)

    expected = work()
    assert expected == ("short128000\n168915\n", 168894)
    fresh.stop()
    for path in [*fresh.root.glob("store/objects/*/*"), *fresh.root.glob("store/packs/*")]:
        os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(GraphQLError, match="run the pipeline again"):
        work()
    found, deadline = None, time.monotonic() + 60
    while found is None and time.monotonic() < deadline:
        with contextlib.suppress(GraphQLError):
            found = work()
        time.sleep(0.2)
    assert found == expected, "it does not come back"
    assert fresh.problems() == []


def test_the_hint_about_damage_can_be_followed(fresh: Engine) -> None:
    with fresh.session() as session:
        session.run("sh", "-c", "head -c 100000 /dev/urandom > /made")
    fresh.stop()
    (large,) = [path for path in fresh.root.rglob("objects/*/*") if path.stat().st_size == 100_000]
    # Of the same length, so that only reading it tells.
    large.write_bytes(bytes(100_000))
    assert fresh.kukri("cache", "verify").stdout.endswith(" 0 damaged\n")
    told = fresh.kukri("cache", "verify", "--deep", check=False)
    # The content, and the layer that has its file as well.
    assert told.returncode == 1 and "2 damaged" in told.stdout
    hint = told.stdout.splitlines()[-1].partition("`kukri ")[2].partition("`")[0]
    done = fresh.kukri(*hint.split())
    assert "it will be made again" in done.stdout
    assert fresh.problems() == []


@pytest.mark.parametrize("extra", [[], ["--dry-run"]])
def test_pruning(fresh: Engine, extra: list[str]) -> None:
    with fresh.session() as session:
        first = session.run(*UUID)
    before = json.loads(fresh.kukri("cache", "du", "--json").stdout)["totalBytes"]
    answer = json.loads(fresh.kukri("cache", "prune", "--json", *extra).stdout)
    after = json.loads(fresh.kukri("cache", "du", "--json").stdout)["totalBytes"]
    assert answer["freedBytes"] > 0
    assert (after < before) is (not extra)
    with fresh.session() as session:
        assert (session.run(*UUID) == first) is bool(extra)


def test_a_dry_run_tells_what_pruning_does(fresh: Engine, tmp_path: Path) -> None:
    for number in range(50):
        (tmp_path / f"small{number}").write_bytes(os.urandom(20_000))
    (tmp_path / "large").write_bytes(os.urandom(3_000_000))
    with fresh.session(workdir=tmp_path) as session:
        session.run("sh", "-c", "head -c 2000000 /dev/urandom > /f")
        session.query('{ host { directory(path: ".") { entries } } }')
    reports = []
    for extra in [["--dry-run"], []]:
        report = json.loads(fresh.kukri("cache", "prune", "--json", *extra).stdout)
        keys = ["freedBytes", "nodes", "packed", "objects", "layers"]
        reports.append(({key: report.get(key) for key in keys}, [one["label"] for one in report["dropped"]]))
    assert reports[0] == reports[1]
    assert reports[1][0]["freedBytes"] > 6_000_000


def test_usage_adds_up_and_tells_what_pruning_frees(fresh: Engine, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(os.urandom(3_000_000))
    with fresh.session(workdir=tmp_path) as session:
        session.run("sh", "-c", "head -c 2000000 /dev/urandom > /f")
        volume = json.dumps(session.chain("", "id", root='cacheVolume(key: "kept")'))
        steps = f"""from(address: "busybox")
            withMountedCache(path: "/c", cache: {volume})
            withExec(args: ["sh", "-c", "head -c 300000 /dev/urandom > /c/f"])"""
        session.chain(steps, "sync")

    def usage() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(fresh.kukri("cache", "du", "--json").stdout)
        assert sum(kind["bytes"] for kind in found["kinds"].values()) == found["totalBytes"]
        return found

    def reclaimable(found: dict[str, Any]) -> int:
        return sum(kind["reclaimable"] for name, kind in found["kinds"].items() if name != "volumes")

    before = usage()
    report = json.loads(fresh.kukri("cache", "prune", "--json").stdout)
    assert reclaimable(before) == report["freedBytes"] > 2_000_000
    after = usage()
    assert reclaimable(after) == 0 and after["totalBytes"] < before["totalBytes"] - 2_000_000
    # Volumes go when they are asked for.
    assert after["kinds"]["volumes"]["reclaimable"] >= 300_000
    report = json.loads(fresh.kukri("cache", "prune", "--volumes", "--json").stdout)
    assert [one["label"] for one in report["dropped"]] == ["kept"]
    assert usage()["kinds"]["volumes"] == {"count": 0, "bytes": 0, "reclaimable": 0}


@pytest.mark.parametrize("connected", [False, True])
def test_what_du_calls_reclaimable_is_what_prune_gives_back_to_the_disk(
    fresh: Engine, tmp_path: Path, connected: bool
) -> None:
    """Measured on the disk. While a client is connected both leave out what was made since it came, and only that."""

    def reclaimable() -> int:
        kinds = json.loads(fresh.kukri("cache", "du", "--json").stdout)["kinds"]
        return sum(kind["reclaimable"] for name, kind in kinds.items() if name != "volumes")

    def prune() -> tuple[int, int]:
        """What it says, and what came of it."""
        before = fresh.bytes_on_disk()
        freed = json.loads(fresh.kukri("cache", "prune", "--json").stdout)["freedBytes"]
        return freed, before - fresh.bytes_on_disk()

    def work(session: Session, name: str) -> None:
        for number in range(100):
            (tmp_path / f"{name}{number}").write_bytes(os.urandom(30_000))
        (tmp_path / f"{name}-large").write_bytes(os.urandom(10_000_000))
        session.run("sh", "-c", f"head -c 8000000 /dev/urandom > /{name}")
        session.query(f'{{ host {{ directory(path: ".", include: ["{name}*"]) {{ entries }} }} }}')

    with fresh.session(workdir=tmp_path) as session:
        work(session, "old")
    with fresh.session(workdir=tmp_path) as session:
        work(session, "new")
        if connected:
            expected = reclaimable()
            freed, gone = prune()
            assert freed == expected
            # What was written before, without short contents that share a pack with new ones, and nothing that is new.
            assert 17_000_000 < gone < 25_000_000
            assert abs(gone - freed) < 1_000_000
            assert session.query('{ host { directory(path: ".", include: ["new*"]) { entries } } }')
            assert reclaimable() == 0
    expected = reclaimable()
    freed, gone = prune()
    assert freed == expected
    assert (17_000_000 if connected else 40_000_000) < gone
    assert abs(gone - freed) < 1_000_000
    assert reclaimable() == 0
    assert fresh.bytes_on_disk() < 3_000_000


@pytest.mark.parametrize(
    ("command", "status"), [(["du"], 0), (["prune"], 0), (["gc"], 0), (["verify"], 0), (["why", "step"], 1)]
)
def test_a_question_makes_no_store(
    make_engine: Callable[..., Engine], tmp_path: Path, command: list[str], status: int
) -> None:
    """To ask why a step ran that nobody knows is an error."""
    root = tmp_path / "not there"
    engine = make_engine(KUKRI_ROOT=str(root))
    done = engine.kukri("cache", *command, "--json", check=False)
    assert done.returncode == status, done.stderr
    assert isinstance(json.loads(done.stdout), dict) if status == 0 else not done.stdout
    assert str(root) in done.stderr
    assert not root.exists()


def test_a_second_engine_says_at_once_who_has_the_store(fresh: Engine) -> None:
    with fresh.session() as session:
        session.run("true")
        started = time.monotonic()
        done = fresh.kukri("engine", check=False)
        assert time.monotonic() - started < 3
        assert done.returncode == 1
        assert f"(process {fresh.pid()})" in done.stderr and "kukri engine stop" in done.stderr


def test_stopping_gives_the_store_back(fresh: Engine) -> None:
    for _ in range(5):
        with fresh.session() as session:
            session.run("true")
        fresh.kukri("engine", "stop")
        with (fresh.root / "store" / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_every_failure_to_connect_names_the_log(make_engine: Callable[..., Engine], tmp_path: Path) -> None:
    """A root that cannot be made, a socket that nobody answers, a program that does not start, no engine at all."""
    (tmp_path / "file").write_text("")
    broken = {
        "root": {"KUKRI_ROOT": str(tmp_path / "file" / "below")},
        "runtime": {"KUKRI_OCI_RUNTIME": "/nope/runtime"},
        "socket": {"KUKRI_SOCKET": str(tmp_path / "file")},
    }
    for what, variables in broken.items():
        # With a store, so that every command has something to ask an engine for.
        engine = make_engine()
        engine.kukri("query", "{ version }")
        engine.stop()
        engine.env.update(variables)
        log = Path(engine.env["KUKRI_ROOT"]) / "engine.log"
        for command in (["query", "{version}"], ["cache", "du"], ["session"]):
            done = engine.kukri(*command, check=False, stdin=subprocess.DEVNULL)
            assert done.returncode == 1, (what, command)
            assert str(log) in done.stderr, f"{what}, {command}: {done.stderr}"
    stopped = make_engine()
    done = stopped.kukri("engine", "stop", check=False)
    assert done.returncode == 1 and str(stopped.root / "engine.log") in done.stderr


def test_two_engines_side_by_side(make_engine: Callable[..., Engine]) -> None:
    one, two = make_engine(), make_engine()
    with one.session() as first, two.session() as second:
        assert first.run(*UUID) != second.run(*UUID)
        assert one.pid() != two.pid()


def test_doctor_finds_nothing_to_say_against_this_machine(engine: Engine) -> None:
    done = engine.kukri("doctor", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
