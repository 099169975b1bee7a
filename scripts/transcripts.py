"""Run transcripts of terminals, as the documentation shows them, and compare what comes out.

A transcript has lines `$ command`, each followed by what the terminal shows: standard output and standard
error, as they come. `…` stands for any text, also for several lines, and a number with a unit of time or size
for any such number. Commands of a transcript share a shell; each must succeed.

Standard library only: the newcomer's check runs before anything is installed.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_TIME = r"\d+(?:\.\d+)? ?(?:ms|s)"
_SIZE = r"\d+(?:\.\d+)? ?[kMG]?B"
#: What a transcript leaves open.
_OPEN = re.compile(rf"(?P<any>…)|(?P<time>\b{_TIME}\b)|(?P<size>\b{_SIZE}\b)")
_MARK = "--end of a command--"
#: Seconds for one transcript.
LIMIT = 300


class Different(AssertionError):
    """A command failed, or showed something else than the transcript says."""


@dataclass
class Entry:
    """One command, and what it shows."""

    command: str
    shown: str


def parse(text: str) -> list[Entry]:
    """The commands of a transcript, in their order."""
    entries: list[Entry] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            entries.append(Entry(line[2:], ""))
        elif entries:
            entries[-1].shown += f"{line}\n"
        elif line.strip():
            raise Different(f"a transcript begins with a line `$ command`, not with {line!r}")
    if not entries:
        raise Different("a transcript without any command")
    return entries


def run(text: str, directory: Path, environment: dict[str, str]) -> None:
    """Runs a transcript in a directory; raises `Different` where something else is shown."""
    entries = parse(text)
    script = "".join(f"{entry.command}\nprintf '\\n{_MARK}%d\\n' $?\n" for entry in entries)
    done = subprocess.run(
        ["bash", "-c", f"exec 2>&1\n{script}"],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        errors="replace",
        timeout=LIMIT,
        check=False,
    )
    outputs = re.split(rf"\n{_MARK}(\d+)\n", done.stdout)
    for entry, output, status in zip(entries, outputs[::2], outputs[1::2], strict=False):
        if status != "0":
            raise Different(f"$ {entry.command}\nended with {status} and showed:\n{output}")
        if not matches(entry.shown, output):
            raise Different(f"$ {entry.command}\nshould show:\n{entry.shown}\nbut showed:\n{output}")
    if len(outputs) // 2 != len(entries):
        raise Different(f"the shell ended early; it showed:\n{done.stdout}")


def matches(expected: str, output: str) -> bool:
    """Whether an output is the expected one, but for what that leaves open. Space at ends does not count."""

    def trimmed(text: str) -> str:
        return "\n".join(line.rstrip() for line in text.strip().splitlines())

    pattern, at, wanted = "", 0, trimmed(expected)
    for found in _OPEN.finditer(wanted):
        pattern += re.escape(wanted[at : found.start()])
        pattern += ".*" if found["any"] else _TIME if found["time"] else _SIZE
        at = found.end()
    return re.fullmatch(pattern + re.escape(wanted[at:]), trimmed(output), re.DOTALL) is not None
