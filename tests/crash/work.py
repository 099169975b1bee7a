"""What clients of the crash test do, each piece of work with a name that never comes again, and what must be true of it."""

from __future__ import annotations

import io
import json
import random
import shutil
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine import Engine
from images import random_image
from registry import Registry
from session import Session

UUID = "cat /proc/sys/kernel/random/uuid"


class Wrong(Exception):
    """The engine broke a promise."""


class Work:
    """Pieces of work, and what finished ones answered."""

    def __init__(self, random_: random.Random, engine: Engine, registry: Registry, folder: Path) -> None:
        self.random = random_
        self.engine = engine
        self.registry = registry
        self.folder = folder
        #: By mark: the document, and its answer.
        self.finished: dict[str, tuple[str, str]] = {}
        #: What each worker is doing right now.
        self.now: dict[str, str] = {}
        self.count = 0
        self._lock = threading.Lock()
        #: Images that nobody has pulled yet, each with how many files it has.
        self._stock: list[tuple[str, int]] = []
        self._made = 0
        self.kinds: list[Callable[[Session, str], None]] = [
            self.many_files, self.large_file, self.chain, self.host_directory, self.export, self.volume,
            self.pull, self.pull, self.tarball, self.import_, self.prune, self.collect,
        ]  # fmt: skip

    def many_files(self, session: Session, mark: str) -> None:
        """An exec with many small files; its output tells one execution from another."""
        files = self.random.choice([10, 300, 3000])
        script = (
            f"mkdir -p /out/{mark}; for i in $(seq {files}); do echo {mark} $i > /out/{mark}/$i; done; {UUID}"
        )
        self.remember(session, mark, script)
        found = session.chain(steps(script) + f'\ndirectory(path: "/out/{mark}")', "entries")
        if len(found) != files:
            raise Wrong(f"{mark}: {len(found)} of {files} files are there")

    def large_file(self, session: Session, mark: str) -> None:
        """An exec with one file of some megabytes whose sum is known."""
        size = self.random.choice([1, 8, 32])
        script = f"yes {mark} | head -c {size}000000 > /large; md5sum /large; {UUID}"
        answer = self.remember(session, mark, script)
        again = session.chain(steps(script) + '\nwithExec(args: ["md5sum", "/large"])', "stdout")
        if again.split()[0] != answer.split()[0]:
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
        mine = self.folder / "host" / threading.current_thread().name
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
        out = self.folder / "out" / mark
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

    def pull(self, session: Session, mark: str) -> None:
        """An image that nobody has seen before, from a registry which takes its time."""
        try:
            name, files = self._stock.pop()
        except IndexError:
            return self.chain(session, mark)
        found = session.chain(f'from(address: "{name}")\nrootfs', "entries")
        if len(found) != files:
            raise Wrong(f"{mark}: {len(found)} of {files} files of the image are there")
        return None

    def stock_up(self, images: int) -> None:
        """Makes images to be pulled, before the time that counts."""
        while len(self._stock) < images:
            self._made += 1
            name = f"library/unseen{self._made}:1"
            files = [self.random.choice([2_000_000, 6_000_000]), *[3_000] * self.random.choice([5, 400])]
            made = self.folder / "images"
            self.registry.push(name, random_image(made, files, layers=3))
            shutil.rmtree(made)
            self._stock.append((name, 3 * len(files)))

    def tarball(self, session: Session, mark: str) -> None:
        """An image as a tar, exported."""
        size = self.random.choice([1, 12])
        script = f"yes {mark} | head -c {size}000000 > /{mark}"
        session.chain(steps(script) + "\nasTarball", f'export(path: "out/{mark}.tar")')
        if layer_of(self.folder / "out" / f"{mark}.tar", mark) != size * 1_000_000:
            raise Wrong(f"{mark}: the tarball is not complete although it was answered")

    def import_(self, session: Session, mark: str) -> None:
        """An image made to a tar and taken in again."""
        size = self.random.choice([1, 12])
        script = f"yes {mark} | head -c {size}000000 > /{mark}; for i in $(seq 300); do echo {mark} > /tmp/$i; done"
        name = session.chain(steps(script) + "\nasTarball", "id")
        found = session.chain(f'import(source: "{name}")\nfile(path: "/{mark}")', "size")
        if found != size * 1_000_000:
            raise Wrong(f"{mark}: the import has {found} bytes")

    def prune(self, session: Session, mark: str) -> None:
        """Everything that is not in use goes."""
        try:
            self._kukri("cache", "prune")
        finally:
            with self._lock:
                self.finished.clear()
        found = session.run("echo", mark)
        if found != f"{mark}\n":
            raise Wrong(f"{mark}: after pruning, echo said {found!r}")

    def collect(self, session: Session, mark: str) -> None:
        """What nobody needs goes; what was finished stays."""
        self._kukri("cache", "gc")
        self.remember(session, mark, UUID + f" # {mark}")

    def _kukri(self, *arguments: str) -> None:
        done = self.engine.kukri(*arguments, check=False)
        if done.returncode:
            raise OSError(done.stderr)

    def remember(self, session: Session, mark: str, *scripts: str) -> str:
        """Runs scripts and notes what the last one said."""
        document = steps(*scripts)
        answer = str(session.chain(document, "stdout"))
        with self._lock:
            self.finished[mark] = (document, answer)
        return answer

    def one(self, session: Session) -> None:
        """One piece of work, whichever."""
        with self._lock:
            self.count += 1
            mark = f"m{self.count}"
        kind = self.random.choice(self.kinds)
        with self.doing(kind.__name__.strip("_").replace("_", " ")):
            kind(session, mark)

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Notes what this worker does, for the count of what was hit."""
        worker = threading.current_thread().name
        before = self.now.get(worker)
        self.now[worker] = what
        yield
        # Not after a failure: what failed was being done when the engine was killed.
        if before is None:
            self.now.pop(worker, None)
        else:
            self.now[worker] = before

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


def layer_of(archive: Path, name: str) -> int:
    """Length of a file in whichever layer of an image's tar has it; -1 if none has."""
    with tarfile.open(archive) as tar:
        for entry in tar:
            content = tar.extractfile(entry) if entry.isreg() else None
            if content is None:
                continue
            try:
                with tarfile.open(fileobj=io.BytesIO(content.read())) as layer:
                    for inner in layer:
                        if inner.name.lstrip("./") == name:
                            return inner.size
            except tarfile.TarError:
                continue
    return -1
