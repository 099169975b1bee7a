"""Kill the engine with SIGKILL at random moments, again and again, and look at what it keeps.

    python tests/crash/crash.py --kills 20 [--seed N]

A client does mixed work: execs that write many files, large files, chains, directories from the host, exports,
cache volumes. After every kill the next session must start at once, `kukri cache verify --deep` must find nothing,
what was finished before must be a hit, and nothing half-made may be seen. The seed of a failing run is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "e2e" / "support"), str(HERE.parents[1] / "scripts")]

from engine import Engine  # noqa: E402
from images import image  # noqa: E402
from registry import Registry  # noqa: E402
from session import GraphQLError, Session  # noqa: E402

#: How long a session may take to be usable after a kill.
START_SECONDS = 5.0
#: Sessions that work at the same time.
WORKERS = 2
UUID = "cat /proc/sys/kernel/random/uuid"


class Wrong(Exception):
    """The engine broke a promise."""


class Work:
    """Pieces of work, each with a name that never comes again, and what finished ones answered."""

    def __init__(self, random_: random.Random, host: Path) -> None:
        self.random = random_
        self.host = host
        self.finished: dict[str, tuple[str, str]] = {}
        self.count = 0

    def exec_of_many_files(self, session: Session, mark: str) -> None:
        """An exec with many small files; its output tells one execution from another."""
        files = self.random.choice([10, 300, 3000])
        script = (
            f"mkdir -p /out/{mark}; for i in $(seq {files}); do echo {mark} $i > /out/{mark}/$i; done; {UUID}"
        )
        self.remember(session, mark, script)
        found = session.chain(steps(script) + f'\ndirectory(path: "/out/{mark}")', "entries")
        if len(found) != files:
            raise Wrong(f"{mark}: {len(found)} of {files} files are there")

    def exec_of_a_large_file(self, session: Session, mark: str) -> None:
        """An exec with one file of some megabytes whose sum is known."""
        size = self.random.choice([1, 8, 32])
        script = f"yes {mark} | head -c {size}000000 > /large; md5sum /large; {UUID}"
        self.remember(session, mark, script)
        again = session.chain(steps(script) + '\nwithExec(args: ["md5sum", "/large"])', "stdout")
        if again.split()[0] != self.finished[mark][1].split()[0]:
            raise Wrong(f"{mark}: the large file is another one now")

    def chain(self, session: Session, mark: str) -> None:
        """Some execs in a row, each changing and removing files."""
        scripts = [f"echo {mark}.{number} > /tmp/{number}; rm -f /tmp/{number - 2}" for number in range(6)]
        found = session.chain(steps(*scripts) + '\ndirectory(path: "/tmp")', "entries")
        if found != ["4", "5"]:
            raise Wrong(f"{mark}: the chain left {found}")
        self.remember(session, mark, *scripts, UUID)

    def host_directory(self, session: Session, mark: str) -> None:
        """A directory of the client, changed a little each time, and used by an exec."""
        # Each worker has its own, so that nobody else changes it meanwhile.
        mine = self.host / threading.current_thread().name
        (mine / f"f{self.random.randrange(200)}").write_text(mark * 100)
        expected = {path.name: path.stat().st_size for path in mine.iterdir()}
        query = f'{{ host {{ directory(path: "host/{mine.name}", noCache: true) {{ id }} }} }}'
        name = session.query(query)["host"]["directory"]["id"]
        mount = f'withMountedDirectory(path: "/h", source: "{name}")'
        listed = session.run("sh", "-c", "cd /h && stat -c '%n %s' *", before=mount).splitlines()
        if {line.split()[0]: int(line.split()[1]) for line in listed} != expected:
            raise Wrong(f"{mark}: the directory of the host arrived changed")

    def export(self, session: Session, mark: str) -> None:
        """A directory that comes to the client."""
        script = f"mkdir /e; for i in $(seq 50); do echo {mark} > /e/$i; done"
        session.chain(steps(script) + '\ndirectory(path: "/e")', f'export(path: "out/{mark}")')
        out = self.host.parent / "out" / mark
        if sum(path.read_text() == f"{mark}\n" for path in out.iterdir()) != 50:
            raise Wrong(f"{mark}: the export is not complete although it was answered")

    def volume(self, session: Session, mark: str) -> None:
        """A cache volume that execs append to; what was answered stays."""
        name = session.query('{ cacheVolume(key: "crash") { id } }')["cacheVolume"]["id"]
        mount = f'withMountedCache(path: "/v", cache: "{name}", sharing: LOCKED)'
        session.run("sh", "-c", f"echo {mark} >> /v/log; sync", before=mount)
        log = session.run("sh", "-c", f"cat /v/log # {mark}", before=mount)
        if mark not in log.split():
            raise Wrong(f"{mark}: the volume forgot it")

    def remember(self, session: Session, mark: str, *scripts: str) -> None:
        """Runs scripts and notes what the last one said."""
        document = steps(*scripts)
        self.finished[mark] = (document, session.chain(document, "stdout"))

    def one(self, session: Session) -> None:
        """One piece of work, whichever."""
        self.count += 1
        mark = f"m{self.count}"
        kinds: list[Callable[[Session, str], None]] = [
            self.exec_of_many_files, self.exec_of_a_large_file, self.chain, self.host_directory, self.export, self.volume,
        ]  # fmt: skip
        self.random.choice(kinds)(session, mark)

    def check(self, session: Session) -> None:
        """What was finished before is a hit, and says what it said then."""
        for mark in self.random.sample(sorted(self.finished), min(12, len(self.finished))):
            document, answer = self.finished[mark]
            now = session.chain(document, "stdout")
            if now != answer:
                raise Wrong(f"{mark} ran again: it had answered {answer!r}, and now {now!r}")


def steps(*scripts: str) -> str:
    """A chain of execs in busybox."""
    return "\n".join(
        [
            'from(address: "busybox")',
            *(f'withExec(args: ["sh", "-c", {json.dumps(script)}])' for script in scripts),
        ]
    )


def start(engine: Engine, workdir: Path) -> Session:
    """Opens a session, which must be quick and needs no help."""
    started = time.monotonic()
    session = engine.session(workdir=workdir).__enter__()
    if time.monotonic() - started > START_SECONDS:
        raise Wrong(f"a session took {time.monotonic() - started:.1f} s to start")
    return session


def killed_once(engine: Engine, work: Work, workdir: Path, delay: float) -> tuple[float, int]:
    """One round: work until the engine is killed, then look. Gives the time of the restart and what got done."""
    wrong: list[BaseException] = []
    stop = threading.Event()
    sessions = [start(engine, workdir) for _ in range(WORKERS)]
    before = work.count

    def worker(session: Session) -> None:
        while not stop.is_set():
            try:
                work.one(session)
            except (GraphQLError, OSError, AssertionError, ValueError, KeyError) as error:
                if not stop.wait(2):
                    wrong.append(error)
                return
            except Wrong as error:
                wrong.append(error)
                return

    threads = [
        threading.Thread(target=worker, args=(session,), name=f"worker{number}")
        for number, session in enumerate(sessions)
    ]
    pid = engine.pid()
    for thread in threads:
        thread.start()
    time.sleep(delay)
    assert pid is not None
    os.kill(pid, 9)
    killed = time.monotonic()
    stop.set()
    session = start(engine, workdir)
    restarted = time.monotonic() - killed
    for thread in threads:
        thread.join(10)
        if thread.is_alive():
            raise Wrong("a request goes on 10 s after its engine was killed")
    if wrong:
        raise Wrong(f"work failed before the engine was killed: {wrong[0]}") from wrong[0]
    for lost in sessions:
        lost.close()
    problems = engine.problems()
    if problems:
        raise Wrong(f"cache verify found {json.dumps(problems[:5])}")
    work.check(session)
    if session.close() != 0:
        raise Wrong("the session did not end with status 0")
    return restarted, work.count - before


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Kill the engine at random moments.")
    parser.add_argument("--kills", type=int, default=int(os.environ.get("KILLS", "20")))
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    arguments = parser.parse_args()
    random_ = random.Random(arguments.seed)
    print(f"crash test: {arguments.kills} kills, seed {arguments.seed}")
    with (
        tempfile.TemporaryDirectory(prefix="kukri-crash-") as scratch,
        Registry(Path(scratch) / "registry") as registry,
    ):
        registry.push("library/busybox:latest", image("busybox"))
        workdir = Path(scratch) / "work"
        for worker in range(WORKERS):
            directory = workdir / "host" / f"worker{worker}"
            directory.mkdir(parents=True)
            for number in range(200):
                (directory / f"f{number}").write_text(f"{number}\n" * 50)
        engine = Engine(Path(scratch) / "root", registry.url)
        work = Work(random_, workdir / "host")
        restarts: list[float] = []
        for round_ in range(1, arguments.kills + 1):
            delay = random_.choice([0.01, 0.2, 0.8, 2.0]) * random_.random() * 2
            try:
                restarted, done = killed_once(engine, work, workdir, delay)
            except (Wrong, AssertionError, GraphQLError) as error:
                print("\n".join(engine.log().splitlines()[-30:]))
                print(f"round {round_} (killed after {delay:.3f} s), seed {arguments.seed}: {error}")
                engine.stop()
                print(f"{round_ - 1} passed, 1 failed")
                return 1
            restarts.append(restarted)
            if round_ % 10 == 0 or round_ == arguments.kills:
                print(
                    f"{round_} kills, {work.count} pieces of work begun, {len(work.finished)} remembered, last round {done}"
                )
        engine.stop()
        print(
            f"usable again after a kill: median {sorted(restarts)[len(restarts) // 2] * 1000:.0f} ms, worst {max(restarts) * 1000:.0f} ms"
        )
    print(f"{arguments.kills} passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
