"""Follow "get started" to the letter, as somebody would who has just heard of the project.

    python scripts/newcomer.py --wheels dist           # with the wheel that lies there

An empty home, an empty directory, an engine that knows nothing. Files which the page shows are written, its
commands are typed, and what they show is compared. pip takes the wheel from a directory, as the page says.
On a newcomer's machine one thing is another: `--mirror` names a registry to ask instead of Docker Hub.

Needs root, as the page says. Standard library only.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import transcripts

ROOT = Path(__file__).resolve().parents[1]
PAGE = Path("docs/get-started.md")
#: A file that a page includes, with the name that it gives it.
_INCLUDE = re.compile(
    r"^```\{literalinclude\} (?P<path>\S+)\n:language: \w+\n(?::caption: (?P<name>\S+)\n)?```$", re.MULTILINE
)


def follow(page: Path, directory: Path, environment: dict[str, str]) -> int:
    """Does what a page says, from top to bottom; gives the number of commands."""
    typed = 0
    for found in _INCLUDE.finditer(page.read_text()):
        source = page.parent / found["path"]
        if source.suffix == ".console":
            transcripts.run(source.read_text(), directory, environment)
            typed += len(transcripts.parse(source.read_text()))
        elif found["name"]:
            shutil.copy(source, directory / found["name"])
        else:
            raise transcripts.Different(f"{page.name} shows {source.name} and does not say what to call it")
    return typed


def checkout(target: Path) -> None:
    """What a fresh clone of this working tree would have: files that git knows or would add, and no other."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
    ).stdout.split(b"\0")
    for name in map(os.fsdecode, filter(None, listed)):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def newcomer(wheels: Path, mirror: str | None) -> None:
    """Follows the page with a fresh clone, a fresh wheel, an empty environment and an empty engine."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kukri-newcomer-") as scratch:
        home, clone, project = (Path(scratch) / name for name in ("home", "clone", "project"))
        for made in (home, clone, project):
            made.mkdir()
        checkout(clone)
        # Each transcript has a shell of its own: what the first one activates stays found.
        environment = {
            "HOME": str(home),
            "PATH": f"{home / 'kukri' / 'bin'}:{Path(sys.executable).parent}:"
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(wheels.absolute()),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "KUKRI_ROOT": str(home / "engine"),
            "KUKRI_IDLE_TIMEOUT": "1m",
        }
        if mirror:
            environment["KUKRI_REGISTRY_MIRRORS"] = f"docker.io={mirror}"
        try:
            typed = follow(clone / PAGE, project, environment)
        finally:
            engine = home / "kukri" / "bin" / "kukri"
            if engine.exists():
                subprocess.run([engine, "engine", "stop"], env=environment, check=False, capture_output=True)
    print(f"newcomer: {PAGE}: {typed} commands in {time.monotonic() - started:.1f} s")


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Follow docs/get-started.md to the letter.")
    parser.add_argument("--wheels", type=Path, default=ROOT / "dist", help="directory with the wheel")
    parser.add_argument("--mirror", help="address of a registry to ask instead of Docker Hub")
    arguments = parser.parse_args()
    if os.geteuid():
        print("newcomer: skipped: not root, which the page asks for")
        return 0
    try:
        newcomer(arguments.wheels, arguments.mirror)
    except transcripts.Different as different:
        print(f"newcomer: {different}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
