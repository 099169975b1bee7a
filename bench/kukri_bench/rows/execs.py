"""Commands in containers."""

from __future__ import annotations

import itertools
import json
import statistics
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from kukri_bench import peers
from kukri_bench.context import BUSYBOX, Context
from kukri_bench.figures import Figure, Samples, Skip, ms, timed

if TYPE_CHECKING:
    from kukri_bench.session import Session

FROM = f'container{{from(address:"{BUSYBOX}")'
_COUNTER = itertools.count()


def _fresh() -> str:
    """Makes a step that no earlier run knows."""
    return f"{uuid.uuid4().hex}-{next(_COUNTER)}"


def command(*arguments: str) -> str:
    """The step that runs a command."""
    return f"withExec(args:{json.dumps(arguments)})"


def _true() -> str:
    parts = ["", FROM, f'withEnvVariable(name:"N",value:"{_fresh()}")', command("true"), "sync"]
    return "{".join(parts) + "}" * 5


def warm(session: Session) -> None:
    """Pulls the image and runs something in it."""
    session.ask(_true())


def exec_row(context: Context) -> list[Figure]:
    """One step after the other, each new."""
    count = context.rounds(50)
    with context.engine() as engine, engine.session() as session:
        for _ in range(3):
            session.ask(_true())
        before = engine.cpu()
        each = [timed(lambda: session.ask(_true())) for _ in range(count)]
        used = (engine.cpu() - before) / count * 1000
    floor = ms("fork and exec of busybox true", peers.bare(context, count))
    figure = Figure(
        "uncached `true`, network on, one at a time, each", "ms", ms("request", each), 5, floor=floor
    )
    figure.notes.append(
        f"processor time of engine and container, which a busy machine hides: {used:.1f} ms each"
    )
    peers.attach(figure, context, peers.SEQUENTIAL, count)
    return [figure]


#: Where systems keep the certificate authorities they trust.
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")


def passed_in_row(context: Context) -> list[Figure]:
    """Steps that get proxy variables and certificate authorities of the host, and others, in turn."""
    if not AUTHORITIES.exists():
        raise Skip(f"{AUTHORITIES} is not there")
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    given = {**proxies, "NO_PROXY": "127.0.0.1,localhost", "KUKRI_CA_BUNDLE": str(AUTHORITIES)}
    without, passed = [], []
    with (
        context.engine() as plain,
        context.engine(**given) as equipped,
        plain.session() as first,
        equipped.session() as second,
    ):
        for session in (first, second):
            warm(session)
            warm(session)
        for _ in range(context.rounds(100)):
            without.append(timed(lambda: first.ask(_true())))
            passed.append(timed(lambda: second.ask(_true())))
    what = "uncached `true` with proxy variables and certificates of the host"
    floor = ms("the same without", without)
    return [Figure(what, "ms", ms("request", passed), 1.1, of_floor=True, floor=floor)]


def parallel_row(context: Context) -> list[Figure]:
    """Eight clients at once."""
    count = 200 if not context.quick else 40
    with context.engine() as engine, engine.session() as session:
        session.ask(_true())
        rates = [count / _together(session, count) for _ in range(context.rounds(5))]
    samples = Samples("requests", tuple(rates))
    figure = Figure(f"{count} different `true`, 8 at a time", "per s", samples, 400, at_least=True)
    peers.attach(figure, context, peers.PARALLEL, count)
    return [figure]


def _together(session: Session, count: int) -> float:
    connections = [session.connect() for _ in range(8)]

    def work(number: int) -> None:
        for _ in range(count // 8):
            session.ask(_true(), connections[number])

    with ThreadPoolExecutor(8) as pool:
        for number in range(8):  # Connections are open before the clock starts.
            session.ask("{version}", connections[number])
        seconds = timed(lambda: list(pool.map(work, range(8))))
    for connection in connections:
        connection.close()
    return seconds


def chain_row(context: Context) -> list[Figure]:
    """Steps that each need the one before and write a file."""
    with context.engine() as engine, engine.session() as session:
        session.ask(_true())
        steps = 300
        each = []
        for _ in range(context.rounds(3)):
            document = _chain(steps, _fresh())
            each.append(timed(lambda document=document: session.ask(document)) / steps)
        long = _long_chain(session, 2000 if not context.quick else 400)
    flat = long[-1] / long[0]
    return [
        Figure(f"chain of {steps} execs that each write a file, a step", "ms", ms("one document", each), 6),
        Figure(
            f"chain of {len(long) * 100:,}: its last 100, a step",
            "ms",
            ms("last hundred", [long[-1] / 100]),
            6,
            notes=[f"all hundreds, ms a step: {[round(part * 10, 2) for part in long]}"],
        ),
        Figure(
            f"chain of {len(long) * 100:,}: last 100 over first 100", "times", Samples("ratio", (flat,)), 1.5
        ),
    ]


def _chain(steps: int, nonce: str) -> str:
    parts = [command("sh", "-c", f"echo {nonce} > /file-{number}") for number in range(steps)]
    return "{".join(["", FROM, *parts, "sync"]) + "}" * (steps + 3)


def _long_chain(session: Session, steps: int) -> list[float]:
    """Seconds of each hundred; each goes on from the ID of the last."""
    nonce = _fresh()
    identity = session.leaf("sync", "{" + FROM + "{sync}}}")
    times = []
    for start in range(0, steps, 100):
        parts = [
            command("sh", "-c", f"echo {nonce} > /file-{number}") for number in range(start, start + 100)
        ]
        head = ["query($id:ContainerID!)", "loadContainerFromID(id:$id)"]
        document = "{".join([*head, *parts, "sync"]) + "}" * 102
        begun = time.perf_counter()
        identity = session.leaf("sync", document, id=identity)
        times.append(time.perf_counter() - begun)
    return times


def cached_row(context: Context) -> list[Figure]:
    """A chain of a hundred steps that an earlier session has run."""
    document = _chain(100, _fresh())
    first, again = [], []
    with context.engine() as engine:
        with engine.session() as session:
            session.ask(document)
        for _ in range(context.rounds(11)):
            with engine.session() as session:
                first.append(timed(lambda: session.ask(document)))
                again.append(statistics.median(timed(lambda: session.ask(document)) for _ in range(5)))
    return [
        Figure("100 cached steps, first time in a session", "ms", ms("request", first), 5),
        Figure("100 cached steps, again in that session", "ms", ms("request", again), 5),
    ]
