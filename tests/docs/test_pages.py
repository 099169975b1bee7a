"""Programs and terminals on pages are files that tests run, and every such file is on a page."""

from __future__ import annotations

from pathlib import Path

from blocks import blocks
from engine import ROOT

DOCS = ROOT / "docs"
#: Written by the generator, whose examples have tests of their own; notes on decisions show fragments.
OTHERS = ("reference/api/", "design/", "architecture/")
PAGES = [
    path
    for path in sorted(DOCS.rglob("*.md"))
    if not str(path.relative_to(DOCS)).startswith(OTHERS) and "project" not in path.parts
]


def included(page: Path) -> set[Path]:
    """Files that a page shows."""
    return {block.included for block in blocks(page) if block.included}


def test_each_file_is_on_a_page() -> None:
    shown = set().union(*map(included, PAGES))
    files = [
        path
        for place in (DOCS / "snippets", DOCS / "recipes")
        for path in place.rglob("*")
        if path.is_file() and "project" not in path.parts
    ]
    assert sorted(path for path in files if path.resolve() not in shown) == []


def test_the_number_of_recipes_is_true() -> None:
    recipes = {path.stem for path in (DOCS / "recipes").glob("*.py")}
    assert len(recipes) >= 30
    for page in (ROOT / "README.md", DOCS / "index.md", DOCS / "get-started.md"):
        assert f"{len(recipes)} short programs to copy" in page.read_text()
    assert recipes == {path.stem for path in (DOCS / "recipes").glob("*.console")}
