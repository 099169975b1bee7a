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
    readme = DOCS / "snippets" / "readme.console"
    assert sorted(path for path in files if path.resolve() not in shown and path != readme) == []


def test_the_program_in_the_readme_is_one_that_runs() -> None:
    programs = re.findall(
        r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    assert programs == [(DOCS / "snippets" / "readme.py").read_text()]


def test_there_are_thirty_recipes() -> None:
    recipes = {path.stem for path in (DOCS / "recipes").glob("*.py")}
    assert len(recipes) >= 30
    assert recipes == {path.stem for path in (DOCS / "recipes").glob("*.console")}
