"""Operations on trees that start nothing and mount nothing."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from kukri_bench.figures import Figure, Samples, ms, timed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from kukri_bench.context import Context
    from kukri_bench.session import Session

FILES = 50_000
CHANGED = 10
PER_DIRECTORY = 500
OPERATIONS = 10_000
PER_DOCUMENT = 1_000
SEARCHED = 200_000_000
SEARCHED_FILE = 16_000


def _chain(session: Session, start: str, steps: Iterable[str]) -> str:
    """The ID at the end of a chain that begins with an ID, or with an empty directory; all is computed."""
    parts = [f'loadDirectoryFromID(id:"{start}")' if start else "directory", *steps, "sync"]
    return session.leaf("sync", "{" + "{".join(parts) + "}" * len(parts))


def _files(session: Session, names: Iterable[str], content: str, start: str = "") -> str:
    """The ID of a directory with these files, computed."""
    steps = [f'withNewFile(path:"{name}",contents:"{content} {name}")' for name in names]
    return _chain(session, start, steps)


def _tree(session: Session, content: str) -> str:
    """The ID of a tree of 50,000 files, half of them `.py`."""
    start = ""
    for first in range(0, FILES, PER_DIRECTORY):
        names = (
            f"src/package-{first // PER_DIRECTORY}/module-{number}.{'py' if number % 2 else 'txt'}"
            for number in range(first, first + PER_DIRECTORY)
        )
        start = _files(session, names, content, start)
    return start


def operations_row(context: Context) -> list[Figure]:
    """Ten documents of a thousand steps of every kind, each going on from the last."""
    with context.engine() as engine, engine.session() as session:
        source = _files(session, [f"lib/f{number}" for number in range(20)], "x")
        rounds = range(context.rounds(5))
        seconds = [timed(lambda number=number: _mixed(session, source, number)) for number in rounds]
    each = [value / OPERATIONS * 1e6 for value in seconds]
    what = f"{OPERATIONS:,} mixed tree operations in {OPERATIONS // PER_DOCUMENT} requests"
    return [
        Figure(what, "ms", ms("all", seconds), 1000),
        Figure("mixed tree operation, on average", "µs", Samples("operation", tuple(each))),
    ]


def _mixed(session: Session, source: str, nonce: int) -> None:
    start = ""
    for document in range(OPERATIONS // PER_DOCUMENT):
        steps = []
        for step in range(PER_DOCUMENT):
            path = f"d{step % 37}/e{step % 11}"
            steps.append(
                (
                    f'withNewFile(path:"{path}/f{step}",contents:"{nonce} {document} {step}")',
                    f'withNewDirectory(path:"{path}/new{step}")',
                    f'withSymlink(target:"f{step}",linkName:"{path}/l{step}")',
                    f'withDirectory(path:"{path}/lib",source:"{source}",include:["lib/f1*"])',
                    f'withoutFile(path:"{path}/f{step - 5}")',
                    f'withDirectory(path:"copy{step}",source:"{source}")',
                    f'withoutDirectory(path:"copy{step - 11}")',
                    f'chown(path:"copy{step - 2}",owner:"{step % 7}")',
                    f'withoutFiles(paths:["{path}/*.none","gone"])',
                    f'withNewFile(path:"top{step}",contents:"{nonce}",permissions:384)',
                )[step % 10]
            )
        start = _chain(session, start, steps)


def merge_row(context: Context) -> list[Figure]:
    """A hundred directories with a thousand files each, into one."""
    flat, apart = [], []
    with context.engine() as engine, engine.session() as session:
        for number in range(context.rounds(5)):
            sources = [
                _files(session, [f"{part}-{name}" for name in range(1000)], str(number))
                for part in range(100)
            ]
            one = [f'withDirectory(path:"",source:"{source}")' for source in sources]
            flat.append(timed(lambda one=one: _chain(session, "", one)))
            each = [f'withDirectory(path:"in/{at}",source:"{source}")' for at, source in enumerate(sources)]
            apart.append(timed(lambda each=each: _chain(session, "", each)))
    what = "merge of 100 directories of 1,000 files"
    return [
        Figure(f"{what} into one directory", "ms", ms("request", flat), 1000),
        Figure(f"{what} side by side", "ms", ms("request", apart), 1000),
    ]


def changes_row(context: Context) -> list[Figure]:
    """What differs between two large trees, and which paths match a pattern."""
    diffs, changes, patches, globs = [], [], [], []
    with context.engine() as engine, engine.session() as session:
        before = _tree(session, "content")
        for number in range(context.rounds(9)):
            steps = (
                f"src/package-{at}/module-{at * PER_DIRECTORY + number}.{'py' if number % 2 else 'txt'}"
                for at in range(0, 7 * CHANGED, 7)
            )
            after = _files(session, steps, f"changed {number}", before)
            load = f'loadDirectoryFromID(id:"{after}")'
            diff = (
                f'{{loadDirectoryFromID(id:"{before}"){{diff(other:"{after}"){{glob(pattern:"**/*.*")}}}}}}'
            )
            paths = f'{{{load}{{changes(from:"{before}"){{addedPaths modifiedPaths removedPaths isEmpty}}}}}}'
            patch = f'{{{load}{{changes(from:"{before}"){{asPatch{{size}}diffStats{{path addedLines}}}}}}}}'
            glob = f'{{{load}{{glob(pattern:"**/*.py")}}}}'
            diffs.append(timed(lambda diff=diff: _count(session, diff, "glob", CHANGED)))
            changes.append(timed(lambda paths=paths: _count(session, paths, "modifiedPaths", CHANGED)))
            patches.append(timed(lambda patch=patch: session.ask(patch)))
            globs.append(timed(lambda glob=glob: _count(session, glob, "glob", FILES // 2)))
    what = f"two trees of {FILES:,} files, {CHANGED} differ"
    return [
        Figure(f"{what}: diff", "ms", ms("request", diffs), 100),
        Figure(f"{what}: changes, all paths", "ms", ms("request", changes), 100),
        Figure(f"{what}: patch and lines", "ms", ms("request", patches), 100),
        Figure(f"glob('**/*.py') over {FILES:,} files", "ms", ms("request", globs), 100),
    ]


def _count(session: Session, document: str, key: str, wanted: int) -> None:
    """Asks; the list must be that long."""
    text = session.ask(document).decode()
    found = re.search(rf'"{key}":\s*\[([^\]]*)\]', text)
    assert found is not None, text[:300]
    count = found[1].count('"') // 2
    assert count == wanted, f"{key}: {count} entries instead of {wanted}"


def search_row(context: Context) -> list[Figure]:
    """A text and a regular expression in 200 MB, next to `rg` on the same files."""
    root = _searched(context)
    figures = []
    with context.engine() as engine, engine.session() as session:
        document = "query($path:String!){host{directory(path:$path){sync}}}"
        source = session.leaf("sync", document, path=str(root))
        for name, pattern, literal in (
            ("a text", "needle", True),
            ("a regular expression", r"ne+dle \w+ing\b", False),
        ):
            # A session keeps the objects that a call gave, so no two calls are equal.
            query = (
                f'{{loadDirectoryFromID(id:"{source}"){{search(pattern:{json.dumps(pattern)},'
                f"literal:{json.dumps(literal)},limit:%d){{filePath lineNumber matchedLines}}}}}}"
            )
            text = session.ask(query % 1_000_000)
            assert text.count(b'"filePath"') == -(-SEARCHED // SEARCHED_FILE // 100), text[:300]
            ours, theirs = [], []
            command = [
                "rg",
                "--no-ignore",
                "--hidden",
                "--json",
                *(["--fixed-strings"] if literal else []),
                pattern,
                ".",
            ]
            for number in range(context.rounds(9)):
                asked = query % (1_000_001 + number)
                ours.append(timed(lambda asked=asked: session.ask(asked)))
                if shutil.which("rg"):
                    theirs.append(timed(lambda command=command: _run(command, root)))
            figures.append(
                Figure(
                    f"search for {name} in {SEARCHED / 1e6:.0f} MB",
                    "ms",
                    ms("request", ours),
                    1.5,
                    of_floor=True,
                    floor=ms("rg, whole process", theirs) if theirs else None,
                    notes=[] if theirs else ["no floor: rg is not installed"],
                )
            )
    return figures


def _run(command: list[str], directory: Path) -> None:
    subprocess.run(command, cwd=directory, check=True, capture_output=True)


def _searched(context: Context) -> Path:
    """Files of words, made once."""
    root = context.scratch / "searched"
    if not root.exists():
        chance = random.Random(1)
        words = [
            "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 10)))
            for _ in range(5000)
        ]
        for number in range(SEARCHED // SEARCHED_FILE):
            lines, size = [], 0
            while size < SEARCHED_FILE:
                line = " ".join(chance.choices(words, k=9)) + "\n"
                lines.append(line)
                size += len(line)
            if number % 100 == 0:
                lines[len(lines) // 2] = "here is a needle hiding somewhere\n"
            path = root / f"dir-{number // 100}" / f"file-{number}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(lines))
    return root
