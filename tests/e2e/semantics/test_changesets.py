"""Changesets and patches (protocol sections 5.10, 5.17, 4.5)."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

BEFORE = {"a.txt": "1\n2\n3\n", "gone/deep/x": "1\n", "gone/y": "2\n", "same": "s\n", "swap": "file\n"}
AFTER = {"a.txt": "1\ntwo\n3\n", "new/b": "b\n", "same": "s\n", "swap/in": "dir\n"}


def steps(files: dict[str, str]) -> str:
    """The steps that write files."""
    return "\n".join(
        f"withNewFile(path: {json.dumps(path)}, contents: {json.dumps(text)})" for path, text in files.items()
    )


def directory(q: Any, files: dict[str, str], more: str = "") -> str:
    """The ID of a directory with these files, quoted."""
    return json.dumps(q.dir(f"{steps(files)}\n{more}", "id"))


def changes(q: Any, before: dict[str, str], after: dict[str, str]) -> str:
    """The ID of a changeset, quoted."""
    found = q.dir(f"{steps(after)}\nchanges(from: {directory(q, before)})", "id")
    return json.dumps(found)


def of(q: Any, change: str, leaf: str) -> Any:
    """A leaf of a changeset."""
    document = f"{{ node(id: {change}) {{ ... on Changeset {{ {leaf} }} }} }}"
    found = q.session.query(document)["node"]
    return next(iter(found.values())) if len(found) == 1 else found


def contents(q: Any, change: str, of_state: str = "after") -> dict[str, str]:
    """All files of a state of a changeset."""
    paths = [
        path for path in of(q, change, f'{of_state} {{ glob(pattern: "**") }}')["glob"] if path[-1] != "/"
    ]
    return {
        path: of(q, change, f"{of_state} {{ file(path: {json.dumps(path)}) {{ contents }} }}")["file"][
            "contents"
        ]
        for path in paths
    }


def test_5_17_paths(q: Any) -> None:
    change = changes(q, BEFORE, AFTER)
    assert of(q, change, "addedPaths modifiedPaths removedPaths isEmpty") == {
        "addedPaths": ["new/", "new/b", "swap/", "swap/in"],
        "modifiedPaths": ["a.txt"],
        "removedPaths": ["gone/", "swap"],
        "isEmpty": False,
    }
    assert contents(q, change, "before") == BEFORE
    assert contents(q, change, "after") == AFTER
    assert of(q, change, 'layer { glob(pattern: "**") }')["glob"] == [
        "a.txt",
        "new/",
        "new/b",
        "swap/",
        "swap/in",
    ]


def test_5_17_a_mode_is_a_change_and_a_time_is_not(q: Any) -> None:
    before = directory(q, {"a": "x", "b": "x"})
    after = f"{steps({'a': 'x', 'b': 'x'})}\nwithTimestamps(timestamp: 5)\nchanges(from: {before})"
    assert q.dir(after, "isEmpty") is True
    after = f'{steps({"a": "x"})}\nwithNewFile(path: "b", contents: "x", permissions: 493)\nchanges(from: {before})'
    assert q.dir(after, "modifiedPaths") == ["b"]


def test_5_17_empty(q: Any) -> None:
    found = q.session.query(
        "{ changeset { isEmpty addedPaths modifiedPaths removedPaths diffStats { path } asPatch { name size contents } } }"
    )["changeset"]
    assert found == {
        "isEmpty": True, "addedPaths": [], "modifiedPaths": [], "removedPaths": [], "diffStats": [],
        "asPatch": {"name": "diff.patch", "size": 0, "contents": ""},
    }  # fmt: skip


def test_5_17_diff_stats(q: Any) -> None:
    long = "".join(f"{number}\n" for number in range(10))
    before = {**BEFORE, "old name": long}
    after = {**AFTER, "new name": long + "10\n"}
    stats = of(q, changes(q, before, after), "diffStats { path kind oldPath addedLines removedLines }")
    assert [(s["kind"], s["path"], s["oldPath"], s["addedLines"], s["removedLines"]) for s in stats] == [
        ("MODIFIED", "a.txt", None, 1, 1),
        ("REMOVED", "gone/", None, 0, 0),
        ("REMOVED", "gone/deep/", None, 0, 0),
        ("REMOVED", "gone/deep/x", None, 0, 1),
        ("REMOVED", "gone/y", None, 0, 1),
        ("RENAMED", "new name", "old name", 1, 0),
        ("ADDED", "new/", None, 0, 0),
        ("ADDED", "new/b", None, 1, 0),
        ("REMOVED", "swap", None, 0, 1),
        ("ADDED", "swap/", None, 0, 0),
        ("ADDED", "swap/in", None, 1, 0),
    ]
    # Elements have IDs of their own (2.4).
    identity = of(q, changes(q, before, after), "diffStats { id }")[5]["id"]
    assert (
        q.session.query(f'{{ node(id: "{identity}") {{ ... on DiffStat {{ path }} }} }}')["node"]["path"]
        == "new name"
    )


def test_5_17_sync_gives_an_id_that_loads(q: Any) -> None:
    change = changes(q, BEFORE, AFTER)
    identity = of(q, change, "sync")
    loaded = q.session.query(f'{{ loadChangesetFromID(id: "{identity}") {{ modifiedPaths }} }}')
    assert loaded["loadChangesetFromID"]["modifiedPaths"] == ["a.txt"]


def test_5_10_with_changes(q: Any) -> None:
    change = changes(q, BEFORE, AFTER)
    assert q.dir(f"{steps(BEFORE)}\nwithChanges(changes: {change})", "digest") == q.dir(
        steps(AFTER), "digest"
    )
    other = {"other": "stays", "gone/more": "goes with its directory", "a.txt": "whatever"}
    found = q.dir(f"{steps(other)}\nwithChanges(changes: {change})", 'glob(pattern: "**")')
    assert found == ["a.txt", "new/", "new/b", "other", "swap/", "swap/in"]


def test_5_17_export_does_the_deletions(q: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for path, text in {**BEFORE, "gone/extra": "", "extra": "stays"}.items():
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        (out / path).write_text(text)
    assert of(q, changes(q, BEFORE, AFTER), 'export(path: "out")') == str(out)
    found = {str(path.relative_to(out)): path.read_text() for path in out.rglob("*") if path.is_file()}
    assert found == {**AFTER, "extra": "stays"}


def test_5_17_patch_there_and_back(q: Any) -> None:
    before = {**BEFORE, "with space": "x\n", "no end": "a", "long": "1\n2\n3\n4\n5\n6\n7\n"}
    after = {**AFTER, "no end": "b", "moved/long": "1\n2\n3\n4\n5\n6\n7\n8\n", "\u00e4 b": "new\n"}
    change = changes(q, before, after)
    patch = of(q, change, "asPatch { id contents }")
    assert "rename from long\nrename to moved/long\n" in patch["contents"]
    assert "\\ No newline at end of file" in patch["contents"]
    for step in (
        f"withPatch(patch: {json.dumps(patch['contents'])})",
        f"withPatchFile(patch: {json.dumps(patch['id'])})",
    ):
        assert q.dir(f"{steps(before)}\n{step}", "digest") == q.dir(steps(after), "digest")


def test_5_17_git_applies_our_patches(q: Any, tmp_path: Path) -> None:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    before = tmp_path / "before"
    (before / "d").mkdir(parents=True)
    (before / "bin").write_bytes(bytes(range(256)) * 10)
    (before / "d/text").write_text("1\n2\n3\n4\n5\n6\n7\n8\n9\n")
    (before / "run").write_text("#!/bin/sh\n")
    (before / "link").symlink_to("d/text")
    (before / "gone").write_text("x")
    after = tmp_path / "after"
    shutil.copytree(before, after, symlinks=True)
    (after / "bin").write_bytes(b"\0other" * 300)
    (after / "new bin").write_bytes(b"\0\xff")
    (after / "d/text").write_text("1\n2\n3\n4\nfive\n6\n7\n8\n9\nten")
    (after / "run").chmod(0o755)
    (after / "link").unlink()
    (after / "link").symlink_to("elsewhere")
    (after / "gone").unlink()
    (after / 'tab\tand "quote"').write_text("odd\n")
    load = "host {{ directory(path: {path}) {{ {leaf} }} }}"
    first = q.session.query("{" + load.format(path=json.dumps(str(before)), leaf="id") + "}")
    leaf = f"changes(from: {json.dumps(first['host']['directory']['id'])}) {{ asPatch {{ contents }} }}"
    found = q.session.query("{" + load.format(path=json.dumps(str(after)), leaf=leaf) + "}")
    patch = found["host"]["directory"]["changes"]["asPatch"]["contents"]
    done = subprocess.run(["git", "apply", "-"], cwd=before, input=patch.encode(), capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    for path in after.rglob("*"):
        there = before / path.relative_to(after)
        assert there.is_symlink() == path.is_symlink()
        if path.is_symlink():
            assert there.readlink() == path.readlink()
        elif path.is_file():
            assert there.read_bytes() == path.read_bytes(), path
            assert there.stat().st_mode & 0o100 == path.stat().st_mode & 0o100
    assert {p.name for p in before.iterdir()} == {p.name for p in after.iterdir()}


def test_5_17_patches_of_git_apply(q: Any, tmp_path: Path) -> None:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    work = tmp_path / "work"
    work.mkdir()
    (work / "text").write_text("".join(f"line {number}\n" for number in range(40)))
    (work / "bin").write_bytes(bytes(range(256)) * 40)
    (work / "old").write_text("".join(f"{number}\n" for number in range(30)))

    def git(*arguments: str) -> bytes:
        options = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "core.fileMode=true"]
        return subprocess.run(["git", *options, *arguments], cwd=work, check=True, capture_output=True).stdout

    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "one")
    load = f'host {{ directory(path: {json.dumps(str(work))}, exclude: [".git"], noCache: true) {{ %s }} }}'
    before = q.session.query("{" + load % "id" + "}")["host"]["directory"]["id"]
    (work / "text").write_text(
        (work / "text").read_text().replace("line 7\n", "seven\n").replace("line 30\n", "")
    )
    (work / "bin").write_bytes(bytes(range(256)) * 20 + b"changed" + bytes(range(256)) * 20)
    (work / "old").rename(work / "renamed")
    (work / "new").write_text("x\n")
    (work / "new").chmod(0o755)
    git("add", "-A")
    patch = git("diff", "--cached", "--binary", "-M").decode()
    after = q.session.query("{" + load % "digest" + "}")["host"]["directory"]["digest"]
    document = f"{{ node(id: {json.dumps(before)}) {{ ... on Directory {{ withPatch(patch: {json.dumps(patch)}) {{ digest }} }} }} }}"
    assert q.session.query(document)["node"]["withPatch"]["digest"] == after


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ("nonsense", "no file that it changes"),
        ("--- a/f\n+++ b/f\n@@ -1 +1 @@\n-other\n+new\n", "patch does not apply to f"),
        ("--- a/none\n+++ b/none\n@@ -1 +1 @@\n-x\n+y\n", "none: no such file or directory"),
        ("--- /dev/null\n+++ b/../../etc/x\n@@ -0,0 +1 @@\n+y\n", "outside parent"),
    ],
)
def test_5_10_patches_that_do_not_apply(q: Any, patch: str, message: str) -> None:
    file = steps({"f": "1\n"})
    error = q.fails("dir", f"{file}\nwithPatch(patch: {json.dumps(patch)})", "entries")
    assert message in error.message
    assert error.extensions is None


BASE = {"f": "1\n2\n3\n4\n5\n", "g": "g\n"}
TOP = {"f": "one\n2\n3\n4\n5\n", "g": "g\n"}
END = {"f": "1\n2\n3\n4\nfive\n", "g": "g\n"}
OTHER_TOP = {"f": "eins\n2\n3\n4\n5\n", "g": "g\n"}


def merged(q: Any, ours: str, theirs: str, strategy: str = "") -> str:
    """The ID of two changesets in one, quoted."""
    option = f", onConflict: {strategy}" if strategy else ""
    return json.dumps(of(q, ours, f"withChangeset(changes: {theirs}{option}) {{ id }}")["id"])


@pytest.mark.parametrize("strategy", ["", "FAIL", "LEAVE_CONFLICT_MARKERS", "PREFER_OURS", "PREFER_THEIRS"])
def test_5_17_changes_of_different_lines_merge(q: Any, strategy: str) -> None:
    both = merged(q, changes(q, BASE, TOP), changes(q, BASE, END), strategy)
    assert contents(q, both) == {"f": "one\n2\n3\n4\nfive\n", "g": "g\n"}
    assert contents(q, both, "before") == BASE
    assert of(q, both, "modifiedPaths") == ["f"]


def test_5_17_fail_early_looks_at_files(q: Any) -> None:
    change = changes(q, BASE, TOP)
    error = q.fails(
        "session_query",
        f"{{ node(id: {merged(q, change, changes(q, BASE, END), 'FAIL_EARLY')}) {{ ... on Changeset {{ sync }} }} }}",
    )
    assert "conflict" in error.message and "f (modified in both)" in error.message
    apart = merged(q, change, changes(q, BASE, {**BASE, "g": "G\n", "new": "n\n"}), "FAIL_EARLY")
    assert contents(q, apart) == {"f": TOP["f"], "g": "G\n", "new": "n\n"}


def test_4_5_conflicts_name_the_files(q: Any) -> None:
    ours = changes(q, {**BASE, "r": "r\n"}, {**TOP, "r": "R\n", "n": "1\n"})
    theirs = changes(q, {**BASE, "r": "r\n"}, {**OTHER_TOP, "n": "2\n"})
    error = q.fails(
        "session_query", f"{{ node(id: {merged(q, ours, theirs)}) {{ ... on Changeset {{ isEmpty }} }} }}"
    )
    for text in ["f (modified in both)", "n (added in both)", "r (modified in one and removed in the other)"]:
        assert text in error.message
    assert "g (" not in error.message


def test_5_17_what_wins(q: Any) -> None:
    ours = changes(q, {**BASE, "r": "r\n"}, {**TOP, "r": "R\n", "n": "1\n"})
    theirs = changes(q, {**BASE, "r": "r\n"}, {**OTHER_TOP, "n": "2\n"})
    assert contents(q, merged(q, ours, theirs, "PREFER_OURS")) == {**TOP, "r": "R\n", "n": "1\n"}
    assert contents(q, merged(q, ours, theirs, "PREFER_THEIRS")) == {**OTHER_TOP, "n": "2\n"}
    marked = contents(q, merged(q, ours, theirs, "LEAVE_CONFLICT_MARKERS"))
    assert marked["f"] == "<<<<<<< ours\none\n=======\neins\n>>>>>>> theirs\n2\n3\n4\n5\n"
    assert marked["r"] == "R\n", "what was modified stays"


def test_5_17_what_wins_is_a_file_or_a_directory(q: Any) -> None:
    """Of a path that is a file for one side and a directory for the other, the preferred one has all."""
    base, file, more = {"d/x": "x\n", "k": "k\n"}, {"d": "file\n", "k": "k\n"}, {"d/n": "n\n", "k": "k\n"}
    for ours, theirs in [(file, more), (more, file)]:
        sides = changes(q, base, ours), changes(q, base, theirs)
        assert contents(q, merged(q, *sides, "PREFER_OURS")) == ours
        assert contents(q, merged(q, *sides, "PREFER_THEIRS")) == theirs
        octopus = f"withChangesets(changes: [{sides[1]}]) {{ sync }}"
        error = q.fails("session_query", f"{{ node(id: {sides[0]}) {{ ... on Changeset {{ {octopus} }} }} }}")
        assert "d (of different kinds)" in error.message


def test_5_17_binary_files_cannot_be_marked(q: Any) -> None:
    image = {"bin": "x"}
    binary = [
        q.dir(f'{steps(image)}\nwithNewFile(path: "bin", contents: "\\u0000{end}")', "id") for end in "abc"
    ]
    base, ours, theirs = (json.dumps(identity) for identity in binary)

    def change(after: str) -> str:
        document = f"{{ node(id: {after}) {{ ... on Directory {{ changes(from: {base}) {{ id }} }} }} }}"
        return json.dumps(q.session.query(document)["node"]["changes"]["id"])

    one, other = change(ours), change(theirs)
    for strategy in ("FAIL", "LEAVE_CONFLICT_MARKERS"):
        error = q.fails(
            "session_query",
            f"{{ node(id: {merged(q, one, other, strategy)}) {{ ... on Changeset {{ sync }} }} }}",
        )
        assert "bin (binary" in error.message
    assert contents(q, merged(q, one, other, "PREFER_THEIRS")) == {"bin": "\0c"}


def test_5_17_octopus(q: Any) -> None:
    own = changes(q, BASE, TOP)
    others = [
        changes(q, BASE, END),
        changes(q, BASE, {**BASE, "g": "G\n"}),
        changes(q, {"x": "x\n"}, {"x": "X\n"}),
    ]
    both = of(q, own, f"withChangesets(changes: [{', '.join(others)}]) {{ id }}")["id"]
    assert contents(q, json.dumps(both)) == {"f": "one\n2\n3\n4\nfive\n", "g": "G\n", "x": "X\n"}
    assert contents(q, json.dumps(both), "before") == {**BASE, "x": "x\n"}
    alone = of(q, own, "withChangesets(changes: []) { id }")["id"]
    assert contents(q, json.dumps(alone)) == TOP
    clash = f"withChangesets(changes: [{others[1]}, {changes(q, BASE, OTHER_TOP)}]) {{ sync }}"
    error = q.fails("session_query", f"{{ node(id: {own}) {{ ... on Changeset {{ {clash} }} }} }}")
    assert "f (modified in both)" in error.message
    with_early = f"withChangesets(changes: [{others[0]}], onConflict: FAIL_EARLY) {{ sync }}"
    error = q.fails("session_query", f"{{ node(id: {own}) {{ ... on Changeset {{ {with_early} }} }} }}")
    assert "f (modified in both)" in error.message
    with_markers = f"withChangesets(changes: [{others[0]}], onConflict: PREFER_OURS) {{ sync }}"
    error = q.fails("session_query", f"{{ node(id: {own}) {{ ... on Changeset {{ {with_markers} }} }} }}")
    assert '"PREFER_OURS" is not a member of ChangesetsMergeConflict' in error.message


def test_2_3_selecting_a_merge_runs_nothing(q: Any) -> None:
    failing = json.dumps(q.dir('withError(err: "must not run")', "id"))
    change = json.dumps(q.dir(f"changes(from: {failing})", "id"))
    assert of(q, change, f"withChangeset(changes: {change}) {{ asPatch {{ id }} }}")
    error = q.fails("session_query", f"{{ node(id: {change}) {{ ... on Changeset {{ sync }} }} }}")
    assert error.message == "must not run"
