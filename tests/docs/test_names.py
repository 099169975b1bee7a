"""What the prose of pages names exists: commands, flags and variables of `kukri`, files of the repository."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from engine import ROOT
from test_blocks import PAGES

REFERENCE = ROOT / "docs" / "reference"
CLI = (REFERENCE / "cli.md").read_text()
SETTINGS = (REFERENCE / "settings.md").read_text()
#: Flags of other programs, and of the command when it is called `dagger`: the page about it lists those.
OTHERS = {"--preserve-env", "--external", "--help", "--check", "--security-opt"}
#: Flags of `dagger`; what developers use; the references themselves.
LEFT_OUT = ("guides/command-line.md", "CONTRIBUTING.md", "reference/cli.md", "reference/settings.md")


def prose(page: Path) -> str:
    """A page without its blocks."""
    return re.sub(r"^( *)```.*?^\1```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def unknown(page: Path) -> set[str]:
    """What a page names in code, and nobody knows."""
    code = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", prose(page))
    found = set()
    for text in code:
        found |= {name for name in re.findall(r"\bKUKRI_[A-Z_]+\b", text) if f"`{name}`" not in SETTINGS}
        if command := re.match(r"kukri ([a-z]+)(?: ([a-z]+)\b)?", text):
            group, name = command.groups()
            if name and re.search(rf"^### kukri {group} ", CLI, re.MULTILINE):
                group = f"{group} {name}"
            if not re.search(rf"^##+ kukri {group}$", CLI, re.MULTILINE):
                found.add(text)
        # Of what stands alone, as of a command that it belongs to.
        if re.match(r"(kukri |--)", text):
            flags = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) - OTHERS
            found |= {flag for flag in flags if flag not in CLI and flag not in SETTINGS}
    return found


PLAIN = [page for page in PAGES if not str(page).endswith(LEFT_OUT)]


@pytest.mark.parametrize("page", PLAIN, ids=[str(page.relative_to(ROOT)) for page in PLAIN])
def test_what_is_named_exists(page: Path) -> None:
    assert unknown(page) == set()


def test_what_does_not_exist_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "`KUKRI_NONE` `kukri none x` `kukri run --none` `--nothing` `KUKRI_ROOT` `kukri run --trace X`"
    )
    assert unknown(page) == {"KUKRI_NONE", "kukri none x", "--none", "--nothing"}


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_files_that_are_named_exist(page: Path) -> None:
    named = re.findall(
        r"`((?:bench|crates|docs|examples|python|schema|scripts|tests|xtask)/[\w./-]+)`", prose(page)
    )
    assert [name for name in named if not (ROOT / name).exists()] == []
