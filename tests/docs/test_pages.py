"""Programs and terminals on pages are files that tests run, and every such file is on a page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from engine import ROOT

DOCS = ROOT / "docs"
#: Written by the generator, whose examples have tests of their own; notes on decisions show fragments.
OTHERS = ("reference/api/", "design/", "architecture/")
PAGES = [
    path
    for path in sorted(DOCS.rglob("*.md"))
    if not str(path.relative_to(DOCS)).startswith(OTHERS) and "project" not in path.parts
]
_INCLUDE = re.compile(r"^```\{literalinclude\} (\S+)$", re.MULTILINE)
#: Programs and terminals; other code, such as settings in JSON, may stand on a page.
_INLINE = re.compile(r"^\s*```(python|py|console|pycon)\b.*$", re.MULTILINE)


def included(page: Path) -> set[Path]:
    """Files that a page shows."""
    return {(page.parent / path).resolve() for path in _INCLUDE.findall(page.read_text())}


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(DOCS)) for page in PAGES])
def test_what_a_page_shows_is_a_file(page: Path) -> None:
    assert not _INLINE.findall(page.read_text()), "put it into docs/snippets/ and include it"
    for path in included(page):
        assert path.is_file(), path


def test_each_file_is_on_a_page() -> None:
    shown = set().union(*map(included, PAGES))
    files = [
        path
        for place in (DOCS / "snippets", DOCS / "recipes")
        for path in place.rglob("*")
        if path.suffix in {".py", ".console"} and "project" not in path.parts
    ]
    assert sorted(path for path in files if path.resolve() not in shown) == []


def test_what_the_readme_shows_is_run() -> None:
    readme = (ROOT / "README.md").read_text()
    for kind, name in (("python", "ci.py"), ("console", "ci.console")):
        blocks = re.findall(rf"^```{kind}\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
        # The two commands to try it have no prompt; they are this test run, and the demonstration.
        shown = [block for block in blocks if not block.startswith("make ")]
        assert shown == [(DOCS / "snippets" / name).read_text()]


def test_the_number_of_recipes_is_true() -> None:
    recipes = {path.stem for path in (DOCS / "recipes").glob("*.py")}
    assert len(recipes) >= 30
    for page in (ROOT / "README.md", DOCS / "index.md", DOCS / "get-started.md"):
        assert f"{len(recipes)} short programs to copy" in page.read_text()
    assert recipes == {path.stem for path in (DOCS / "recipes").glob("*.console")}
