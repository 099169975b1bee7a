"""Kill the engine with SIGKILL at random moments, again and again, and look at what it keeps.

    python tests/crash --kills 20 [--seed N]

Clients do mixed work (`work.py`): execs, chains, directories of the host, exports, cache volumes, pulls from a slow
registry, image tarballs out and in, pruning and collecting. After every kill the next session must start at once,
`kukri cache verify --deep` must find nothing, what was finished before must be a hit, and nothing half-made may be
seen. The seed of a failing run is printed, and what the kills hit.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
import tempfile
import threading
import time
from pathlib import Path

from engine import Engine
from images import image
from registry import Registry
from session import GraphQLError, Session
from slow import Slow
from work import Work, Wrong

#: How long a session may take to be usable after a kill, on a machine with as many free processors as it has work.
START_SECONDS = 1.0
#: Sessions that work at the same time.
WORKERS = 2
#: Bytes a second and connection that come from the registry.
RATE = 12_000_000


def patience() -> float:
    """Seconds a start may take now: with three tasks for each processor, three times as many."""
    return START_SECONDS * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def start(engine: Engine, workdir: Path) -> tuple[Session, float]:
    """Opens a session, which must be quick and needs no help. Gives the seconds as well."""
    started, allowed = time.monotonic(), patience()
    session = engine.session(workdir=workdir).__enter__()
    took = time.monotonic() - started
    if took > allowed:
        raise Wrong(f"a session took {took:.2f} s to start, {allowed:.2f} s are allowed")
    return session, took


class Round:
    """Work until the engine is killed, then a look at what is left."""

    def __init__(self, engine: Engine, work: Work, workdir: Path) -> None:
        self.engine, self.work, self.workdir = engine, work, workdir
        self.wrong: list[BaseException] = []
        self.stop = threading.Event()

    def worker(self, session: Session) -> None:
        """Works until the engine is gone."""
        while not self.stop.is_set():
            try:
                self.work.one(session)
            except (GraphQLError, OSError, AssertionError, ValueError, KeyError) as error:
                if not self.stop.wait(2):
                    self.wrong.append(error)
                return
            except Wrong as error:
                self.wrong.append(error)
                return

    def kill(self, delay: float) -> tuple[float, list[str]]:
        """Gives the seconds of the restart, and what the kill hit."""
        self.work.stock_up(WORKERS)
        sessions = [start(self.engine, self.workdir)[0] for _ in range(WORKERS)]
        self.work.now.clear()
        threads = [
            threading.Thread(target=self.worker, args=(session,), name=f"worker{number}")
            for number, session in enumerate(sessions)
        ]
        pid = self.engine.pid()
        assert pid is not None
        for thread in threads:
            thread.start()
        time.sleep(delay)
        hit = list(self.work.now.values()) or ["nothing"]
        os.kill(pid, 9)
        self.stop.set()
        session, restarted = start(self.engine, self.workdir)
        for thread in threads:
            thread.join(20)
            if thread.is_alive():
                raise Wrong("a request goes on 20 s after its engine was killed")
        if self.wrong:
            raise Wrong(f"work failed before the engine was killed: {self.wrong[0]}") from self.wrong[0]
        for lost in sessions:
            lost.close()
        self.look(session)
        return restarted, hit

    def look(self, session: Session) -> None:
        """What must be true after every kill."""
        problems = self.engine.problems()
        if problems:
            raise Wrong(f"cache verify found {json.dumps(problems[:5])}")
        self.work.check(session)
        if session.close() != 0:
            raise Wrong("the session did not end with status 0")


def rounds(kills: int, seed: int, scratch: Path) -> bool:
    """All kills; whether all went well."""
    random_ = random.Random(seed)
    with Registry(scratch / "registry") as registry:
        registry.push("library/busybox:latest", image("busybox"))
        workdir = scratch / "work"
        for worker in range(WORKERS):
            directory = workdir / "host" / f"worker{worker}"
            directory.mkdir(parents=True)
            for number in range(200):
                (directory / f"f{number}").write_text(f"{number}\n" * 50)
        slow = Slow(registry.port, RATE)
        engine = Engine(scratch / "root", slow.url)
        work = Work(random_, engine, registry, workdir)
        restarts: list[float] = []
        hits: collections.Counter[str] = collections.Counter()
        for number in range(1, kills + 1):
            delay = random_.choice([0.01, 0.2, 0.8, 2.0]) * random_.random() * 2
            try:
                restarted, hit = Round(engine, work, workdir).kill(delay)
            except (Wrong, AssertionError, GraphQLError) as error:
                print("\n".join(engine.log().splitlines()[-30:]))
                print(f"round {number} (killed after {delay:.3f} s, in {work.now}), seed {seed}: {error}")
                engine.stop()
                print(f"{number - 1} passed, 1 failed")
                return False
            restarts.append(restarted)
            hits.update(hit)
            if number % 10 == 0 or number == kills:
                print(f"{number} kills, {work.count} pieces of work begun", flush=True)
        engine.stop()
        slow.close()
    print("hit: " + ", ".join(f"{what} {count}" for what, count in hits.most_common()))
    print(
        f"usable again after a kill: median {sorted(restarts)[len(restarts) // 2] * 1000:.0f} ms, "
        f"worst {max(restarts) * 1000:.0f} ms"
    )
    print(f"{kills} passed, 0 failed")
    return True


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python tests/crash", description="Kill the engine at random moments."
    )
    parser.add_argument("--kills", type=int, default=int(os.environ.get("KILLS", "20")))
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    arguments = parser.parse_args()
    print(f"crash test: {arguments.kills} kills, seed {arguments.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="kukri-crash-") as scratch:
        return 0 if rounds(arguments.kills, arguments.seed, Path(scratch)) else 1
