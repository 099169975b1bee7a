"""Searching contents (protocol sections 5.10, 5.11, 5.17)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

FILES = {
    "a.md": "one\ntwo one two\nlast one",
    "d/b.txt": "none\nno\n",
    "d/e/c.md": "One\nx.y\nxzy\n",
    ".hidden": "one\n",
    "skipped.log": "one\n",
    ".gitignore": "*.log\n",
}
RESULT = "filePath lineNumber absoluteOffset matchedLines submatches { text start end }"


def search(q: Any, arguments: str, leaf: str = RESULT, files: dict[str, str] = FILES) -> Any:
    """Results in a directory with these files."""
    steps = "\n".join(
        f"withNewFile(path: {json.dumps(path)}, contents: {json.dumps(text)})" for path, text in files.items()
    )
    return q.dir(steps, f"search({arguments}) {{ {leaf} }}")


def lines(results: Any) -> set[str]:
    """`path:line:text`; the order is not defined."""
    return {f"{found['filePath']}:{found['lineNumber']}:{found['matchedLines']}" for found in results}


def paths(results: Any) -> set[str]:
    """Only the files."""
    return {found["filePath"] for found in results}


def test_5_17_results(q: Any) -> None:
    found = search(q, 'pattern: "one", paths: ["a.md"]')
    assert found == [
        {"filePath": "a.md", "lineNumber": 1, "absoluteOffset": 0, "matchedLines": "one\n", "submatches": [{"text": "one", "start": 0, "end": 3}]},
        {"filePath": "a.md", "lineNumber": 2, "absoluteOffset": 4, "matchedLines": "two one two\n", "submatches": [{"text": "one", "start": 4, "end": 7}]},
        {"filePath": "a.md", "lineNumber": 3, "absoluteOffset": 16, "matchedLines": "last one", "submatches": [{"text": "one", "start": 5, "end": 8}]},
    ]  # fmt: skip
    two = search(q, 'pattern: "two"')
    assert [part["start"] for part in two[0]["submatches"]] == [0, 8]
    assert search(q, 'pattern: "absent"') == []
    assert lines(search(q, 'pattern: "one"')) == {
        "a.md:1:one\n", "a.md:2:two one two\n", "a.md:3:last one", "d/b.txt:1:none\n", ".hidden:1:one\n", "skipped.log:1:one\n",
    }  # fmt: skip


def test_2_4_elements_and_their_elements_have_ids(q: Any) -> None:
    first = search(q, 'pattern: "one", paths: ["a.md"]', "id submatches { id }")[1]
    loaded = q.session.query(
        f'{{ result: node(id: "{first["id"]}") {{ ... on SearchResult {{ lineNumber submatches {{ text }} }} }} '
        f'part: node(id: "{first["submatches"][0]["id"]}") {{ ... on SearchSubmatch {{ start end }} }} }}'
    )
    assert loaded == {
        "result": {"lineNumber": 2, "submatches": [{"text": "one"}]},
        "part": {"start": 4, "end": 7},
    }


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ('pattern: "^o.e$"', {"a.md:1:one\n", ".hidden:1:one\n", "skipped.log:1:one\n"}),
        ('pattern: "x.y"', {"d/e/c.md:2:x.y\n", "d/e/c.md:3:xzy\n"}),
        ('pattern: "x.y", literal: true', {"d/e/c.md:2:x.y\n"}),
        ('pattern: "ONE", insensitive: true, paths: ["d"]', {"d/b.txt:1:none\n", "d/e/c.md:1:One\n"}),
        ('pattern: "none\\nno", multiline: true', {"d/b.txt:1:none\nno\n"}),
        ('pattern: "One.*xzy", multiline: true', set()),
        ('pattern: "One.*xzy", multiline: true, dotall: true', {"d/e/c.md:1:One\nx.y\nxzy\n"}),
        ('pattern: "no", globs: ["*.txt"]', {"d/b.txt:1:none\n", "d/b.txt:2:no\n"}),
        ('pattern: "no", globs: ["!*.txt"]', set()),
        ('pattern: "one", skipHidden: true, skipIgnored: true, globs: ["!a.md"]', {"d/b.txt:1:none\n"}),
        ('pattern: "one", skipIgnored: true, paths: ["skipped.log"]', {"skipped.log:1:one\n"}),
        ('pattern: "one", paths: ["d/", "./d/b.txt"]', {"d/b.txt:1:none\n"}),
    ],
)
def test_5_10_arguments(q: Any, arguments: str, found: set[str]) -> None:
    assert lines(search(q, arguments)) == found


def test_5_10_patterns_may_begin_with_a_dash(q: Any) -> None:
    assert lines(search(q, 'pattern: "-x"', files={"f": "a -x\n"})) == {"f:1:a -x\n"}


def test_5_10_only_files(q: Any) -> None:
    found = search(q, 'pattern: "one", filesOnly: true, skipHidden: true')
    assert paths(found) == {"a.md", "d/b.txt", "skipped.log"}
    assert len(found) == 3
    assert all(
        result["lineNumber"] == 0 and result["matchedLines"] == "" and result["submatches"] == []
        for result in found
    )


def test_5_10_limit(q: Any) -> None:
    assert len(search(q, 'pattern: "one", limit: 2')) == 2
    assert search(q, 'pattern: "one", limit: 0') == []
    assert "negative" in q.fails("dir", "", 'search(pattern: "x", limit: -1) { filePath }').message


def test_5_10_what_is_wrong_is_told(q: Any) -> None:
    for arguments, message in [
        ('pattern: "("', "invalid search pattern"),
        ('pattern: "a\\nb"', "invalid search pattern"),
        ('pattern: "a", globs: ["{"]', "invalid glob"),
        ('pattern: "a", paths: ["none"]', "none: no such file or directory"),
        ('pattern: "a", paths: ["../x"]', "outside"),
    ]:
        assert message in q.fails("dir", "", f"search({arguments}) {{ filePath }}").message


def test_5_10_binary_files_and_links_are_left_out(q: Any, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("needle\n")
    (tmp_path / "bin").write_bytes(b"\0needle\n")
    (tmp_path / "link").symlink_to("text")
    (tmp_path / "utf16").write_text("needle\n", encoding="utf-16")
    (tmp_path / "large").write_bytes(b"line\n" * 3_000_000 + b"needle\n")
    found = q.session.query(
        '{ host { directory(path: ".") { search(pattern: "needle") { filePath lineNumber } } } }'
    )
    results = {(r["filePath"], r["lineNumber"]) for r in found["host"]["directory"]["search"]}
    assert results == {("text", 1), ("utf16", 1), ("large", 3_000_001)}
    named = 'search(pattern: "needle", paths: ["link", "bin"], filesOnly: true) { filePath }'
    found = q.session.query(f'{{ host {{ directory(path: ".") {{ {named} }} }} }}')
    assert paths(found["host"]["directory"]["search"]) == {"link", "bin"}


def test_5_11_search_in_a_file(q: Any) -> None:
    root = 'file(name: "f.txt", contents: "one\\ntwo\\none\\n")'
    found = q.session.chain(
        "", 'search(pattern: "one") { filePath lineNumber submatches { start } }', root=root
    )
    assert found == [
        {"filePath": "f.txt", "lineNumber": 1, "submatches": [{"start": 0}]},
        {"filePath": "f.txt", "lineNumber": 3, "submatches": [{"start": 0}]},
    ]
    assert q.session.chain("", 'search(pattern: "one", limit: 1) { lineNumber }', root=root) == [
        {"lineNumber": 1}
    ]
    assert q.session.chain("", 'search(pattern: "one", globs: ["*.md"]) { lineNumber }', root=root) == []
    nested = q.dir(
        'withNewFile(path: "d/e", contents: "x\\n")',
        'file(path: "d/e") { search(pattern: "x") { filePath } }',
    )
    assert nested == {"search": [{"filePath": "e"}]}
