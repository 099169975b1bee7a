"""Run the same scenarios with every official client, and with ours, against our engine; print a table of results.

    python tests/clients [--client NAME] [--way run|bin] [--scenario NAME] [--jobs N] [--complete] [--fetch]

Each client connects in both ways: `kukri run PROGRAM` gives it DAGGER_SESSION_PORT and DAGGER_SESSION_TOKEN, or it
starts `kukri session` itself, since _EXPERIMENTAL_DAGGER_CLI_BIN names it. All share one engine, some at a time. A
client whose toolchain is not there is skipped, and the table says why; with `--complete` it is a failure. The exit status
is 1 if anything failed.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import secrets
import signal
import subprocess
import tempfile
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from engine import Engine, binary
from images import SYSTEM_PATH, Image, finish, image
from registry import Registry
from scenarios import SCENARIOS
from toolchains import Broken, Client, Missing, Program, clients, fetch_all

#: How a program finds its session.
WAYS = {
    "run": "started by `kukri run`: DAGGER_SESSION_PORT and DAGGER_SESSION_TOKEN",
    "bin": "starts `kukri session` itself: _EXPERIMENTAL_DAGGER_CLI_BIN",
}
#: Seconds for all scenarios of one program.
LIMIT = 300
#: Names of one small image; the last one's digest is what scenarios look for.
IMAGES = ("library/busybox:latest", "library/alpine:3.20")
#: The name of another one, with other arguments: a name that leads to the wrong image would be noticed.
OTHER = "library/alpine:latest"
#: How many steps of one program have to run at the same moment for a scenario, and some for the others.
STEPS = 60


@dataclass
class Column:
    """What became of one client that connects in one way."""

    client: str
    way: str
    #: Why it was left out; empty if it was not.
    skipped: str = ""
    #: Error of each scenario; empty where it passed.
    errors: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    output: str = ""

    def cell(self, scenario: str) -> str:
        """What the table says."""
        if self.skipped:
            return "skipped"
        return "FAILED" if self.errors[scenario] else "ok"


def lay_out(place: Path) -> None:
    """The files on the host which scenarios use."""
    texts = {"a.txt": "a", "b.log": "b", "sub/c.txt": "c", "sub/d.log": "d", "sub/deep/e.txt": "e"}
    for name, text in texts.items():
        path = place / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    (place / "bytes.bin").write_bytes(bytes(range(256)) * 4096)


def run(program: Program, column: Column, asked: list[str], engine: Engine, digest: str, place: Path) -> None:
    """Runs one program and fills its column."""
    lay_out(place)
    results, log = place.with_suffix(".jsonl"), place.with_suffix(".log")
    secret = f"s3cret-{secrets.token_hex(8)}"
    environment = {
        **{key: value for key, value in engine.env.items() if key != "PYTHONPATH"},
        **program.environment,
        "CLIENTS_SCENARIOS": " ".join(asked),
        "CLIENTS_RESULTS": str(results),
        "CLIENTS_MARK": secrets.token_hex(6),
        "CLIENTS_SECRET": secret,
        "CLIENTS_DIGEST": digest,
    }
    command = program.command
    if column.way == "run":
        del environment["_EXPERIMENTAL_DAGGER_CLI_BIN"]
        command = [binary(), "run", *command]
    started = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=place,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = str(process.wait(LIMIT))
        except subprocess.TimeoutExpired:
            status = f"none within {LIMIT} s"
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    column.seconds = time.monotonic() - started
    column.output = log.read_text(errors="replace")
    found = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    column.errors = {line["scenario"]: line["error"] for line in found}
    judge(column, asked, status, secret)


def judge(column: Column, asked: list[str], status: str, secret: str) -> None:
    """What the program itself cannot know: whether it was complete, ended well and gave no secret away."""
    for name in asked:
        column.errors.setdefault(name, f"no result; the program's exit status is {status}")
    for name in set(column.errors) - set(asked):
        column.errors[name] = "nobody knows this scenario"
    if status != "0":
        last = asked[-1]
        column.errors[last] = column.errors[last] or f"the program's exit status is {status}"
    if secret in column.output:
        column.errors["secrets"] = "the secret is in the output of the program or of the engine's progress"
        column.output = column.output.replace(secret, "<the secret>")


class World:
    """What the programs share: a registry with small images, and one engine."""

    def __init__(self, scratch: Path, registry: Registry, asked: list[str], jobs: int) -> None:
        self.scratch = scratch
        self.asked = asked
        busybox = image("busybox")
        self.digest = [registry.push(name, busybox) for name in IMAGES][-1]
        layer = gzip.decompress(busybox.path(busybox.blobs()[1]).read_bytes())
        (scratch / "other").mkdir()
        finish(scratch / "other", [layer], {"Env": [f"PATH={SYSTEM_PATH}"], "Cmd": ["latest"]})
        registry.push(OTHER, Image(scratch / "other"))
        self.engine = Engine(scratch / "engine", registry.url, KUKRI_PARALLELISM=str(STEPS * jobs))

    def column(self, client: Client, program: Program, way: str) -> Column:
        """Runs a program that connects in one way."""
        column = Column(client.name, way)
        place = self.scratch / f"{client.name}-{way}"
        place.mkdir()
        run(program, column, self.asked, self.engine, self.digest, place)
        bad = sum(bool(error) for error in column.errors.values())
        told = [f"{client.name} ({way}): {len(column.errors) - bad} ok, {bad} failed, {column.seconds:.1f} s"]
        for scenario, error in column.errors.items():
            if error:
                told.append(f"  FAILED {client.name} ({way}) {scenario}: {error[:2000]}")
        if bad:
            told.append(f"--- end of the output of {client.name} ({way}) ---\n{column.output[-6000:]}\n---")
        # At once, since others do the same.
        print("\n".join(told), flush=True)
        return column


def main() -> int:
    """Command line."""
    arguments = parse()
    if arguments.fetch:
        fetch_all()
        return 0
    # A shell starts what is to run in the background with interrupts ignored. The programs would inherit that, and
    # some of them interrupt themselves.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="kukri-clients-") as name:
        scratch = Path(name)
        with Registry(scratch / "registry") as registry:
            world = World(scratch, registry, arguments.scenario or list(SCENARIOS), arguments.jobs)
            try:
                with ThreadPoolExecutor(arguments.jobs) as jobs:
                    waiting: list[Future[Column]] = []
                    for client in clients():
                        if not arguments.client or client.name in arguments.client:
                            ways = arguments.way or list(WAYS)
                            waiting += all_ways(client, world, ways, jobs, complete=arguments.complete)
                    columns = [column.result() for column in waiting]
                problem = after(world.engine)
            finally:
                world.engine.stop()
    return report(columns, world.asked, problem)


def all_ways(
    client: Client, world: World, ways: list[str], jobs: ThreadPoolExecutor, *, complete: bool
) -> list[Future[Column]]:
    """The columns of one client, which other jobs fill."""
    try:
        program = client.program(world.scratch)
    except (Missing, Broken) as problem:
        if isinstance(problem, Missing) and not complete:
            print(f"skipped: {client.name}: {problem}", flush=True)
            columns = [Column(client.name, way, skipped=str(problem)) for way in ways]
        else:
            print(f"FAILED: {client.name}: {problem}", flush=True)
            errors = dict.fromkeys(world.asked, "there is no program")
            columns = [Column(client.name, way, errors=dict(errors)) for way in ways]
    else:
        print(f"{client.name}: {program.client}", flush=True)
        return [jobs.submit(world.column, client, program, way) for way in ways]
    return [jobs.submit(lambda column=column: column) for column in columns]


def after(engine: Engine) -> str:
    """What is wrong with the engine when all is done; empty if nothing is."""
    if "panicked at" in engine.log():
        return f"something panicked in the engine:\n{engine.log()[-3000:]}"
    if engine.root.joinpath("engine.log").exists() and engine.pid() is None:
        return f"the engine has ended:\n{engine.log()[-3000:]}"
    found = engine.problems() if engine.pid() is not None else []
    return f"the store is damaged: {found}" if found else ""


def report(columns: list[Column], asked: list[str], problem: str) -> int:
    """Prints the table and the counts; gives the exit status."""
    rows = [
        ["scenario", *(column.client for column in columns)],
        ["", *(column.way for column in columns)],
        *([name, *(column.cell(name) for column in columns)] for name in asked),
        ["time", *("" if column.skipped else f"{column.seconds:.1f} s" for column in columns)],
    ]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    print()
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))
    print()
    for way, meaning in WAYS.items():
        print(f"{way}: {meaning}")
    for client, reason in {column.client: column.skipped for column in columns if column.skipped}.items():
        print(f"skipped: {client}: {reason}")
    ran = [column for column in columns if not column.skipped]
    failed = sum(bool(error) for column in ran for error in column.errors.values()) + bool(problem)
    passed = sum(not error for column in ran for error in column.errors.values())
    if problem:
        print(f"FAILED: {problem}")
    if not ran:
        print("FAILED: no client could be run")
        failed += 1
    print(
        f"{passed} passed, {failed} failed, {sum(len(asked) for column in columns if column.skipped)} skipped"
    )
    return 1 if failed else 0


def parse() -> argparse.Namespace:
    """Arguments."""
    parser = argparse.ArgumentParser(
        prog="python tests/clients",
        description="Run the same scenarios with every client, against our engine.",
    )
    names = [client.name for client in clients()]
    parser.add_argument("--client", action="append", choices=names, help="only this client; may be repeated")
    parser.add_argument("--way", action="append", choices=list(WAYS), help="connect only in this way")
    parser.add_argument("--scenario", action="append", choices=list(SCENARIOS), help="only this scenario")
    parser.add_argument("--jobs", type=int, default=4, help="so many programs at a time (default: 4)")
    parser.add_argument(
        "--complete",
        action="store_true",
        help="a client that cannot be run here is a failure, and not skipped",
    )
    parser.add_argument("--fetch", action="store_true", help="only get what the clients need from registries")
    return parser.parse_args()
