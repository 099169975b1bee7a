"""Fenced blocks of pages, and what vouches for each of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from engine import ROOT

_FENCE = re.compile(
    r"^(?P<indent> *)(?P<marks>`{3,}|~{3,})(?P<kind>[^\n`]*)\n(?P<text>.*?)^(?P=indent)(?P=marks)[ ]*$",
    re.MULTILINE | re.DOTALL,
)
_NOTE = re.compile(r"<!-- (?P<word>tested|drawing|notation)(?:: (?P<test>\S+))? -->\n\Z")


@dataclass(frozen=True)
class Block:
    """One block, and where it stands."""

    page: Path
    line: int
    #: What follows the fence: `console`, `{literalinclude} path`.
    kind: str
    text: str
    #: Of the comment in the line above it: `tested`, `drawing` or `notation`, and the test that is named.
    note: str
    test: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def included(self) -> Path | None:
        """The file that is shown."""
        directive, _, path = self.kind.partition(" ")
        return (self.page.parent / path).resolve() if directive == "{literalinclude}" else None


def blocks(page: Path) -> list[Block]:
    """All blocks of a page."""
    text = page.read_text()
    found = []
    for fence in _FENCE.finditer(text):
        note = _NOTE.search(text[: fence.start()])
        found.append(
            Block(
                page,
                text.count("\n", 0, fence.start()) + 1,
                fence["kind"].strip(),
                fence["text"],
                note["word"] if note else "",
                (note["test"] or "") if note else "",
            )
        )
    return found


def shown(page: str, test: str) -> list[str]:
    """The blocks of a page for which a test vouches."""
    found = [block.text for block in blocks(ROOT / page) if block.test == test]
    assert found, f"{page} has no block for {test}"
    return found
