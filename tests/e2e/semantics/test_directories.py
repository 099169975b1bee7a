"""Directories and files (protocol sections 5.10, 5.11, 5.18)."""

from __future__ import annotations

import itertools
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from session import GraphQLError


def test_5_18_digests(q: Any) -> None:
    hello = 'withNewFile(path: "foo.txt", contents: "Hello, World!")'
    assert q.dir("", "digest") == "sha256:0e5db88383bce812f795689f5318a2b2f4fde740ef31c2a2365a46368aafddd2"
    assert q.dir(hello, "digest") == "sha256:48ac4b4b73af8a75a3c77e9dc6211d89321c6ed4f13c6987c6837ac58645bd89"
    file = q.dir(hello, 'file(path: "foo.txt") { digest plain: digest(excludeMetadata: true) }')
    assert file == {
        "digest": "sha256:8a887cdd3e476c79e1a14a65a6c401673b56071a24561dadb5e152605e72a613",
        "plain": "sha256:042a7d64a581ef2ee983f21058801cc35663b705e6c55f62fa8e0f18ecc70989",
    }
    later = hello + "\nwithTimestamps(timestamp: 1)"
    assert q.dir(later, "digest") == q.dir(hello, "digest"), "times do not count"
    owned = hello + '\nchown(path: "foo.txt", owner: "1")'
    assert q.dir(owned, "digest") != q.dir(hello, "digest"), "owners do"


def test_5_10_names_and_entries(q: Any) -> None:
    steps = 'withNewFile(path: "b/.hidden", contents: "")\nwithNewFile(path: "b/a", contents: "")\nwithSymlink(target: "a", linkName: "b/l")\nwithNewDirectory(path: "b/d")'
    assert q.dir(steps, "name") == "/"
    assert q.dir(steps + '\ndirectory(path: "b/d")', "name") == "d/"
    assert q.dir(steps, 'entries(path: "b")') == [".hidden", "a", "d/", "l"]
    assert q.dir(steps + '\ndirectory(path: "b")', "entries") == [".hidden", "a", "d/", "l"]
    assert "no such file or directory" in q.fails("dir", steps, 'entries(path: "none")').message
    assert (
        "no such file or directory" in q.fails("dir", steps + '\ndirectory(path: "none")', "entries").message
    )


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*", ["a.md", "d/", "l"]),
        ("**", ["a.md", "d/", "d/b.md", "d/e/", "d/e/c.txt", "l"]),
        ("*.md", ["a.md"]),
        ("**/*.md", ["a.md", "d/b.md"]),
        ("d/*", ["d/b.md", "d/e/"]),
        ("d/e", ["d/e/"]),
        ("none*", []),
    ],
)
def test_5_10_glob(q: Any, pattern: str, found: list[str]) -> None:
    steps = 'withNewFile(path: "a.md", contents: "")\nwithNewFile(path: "d/b.md", contents: "")\nwithNewFile(path: "d/e/c.txt", contents: "")\nwithSymlink(target: "a.md", linkName: "l")'
    assert q.dir(steps, f"glob(pattern: {json.dumps(pattern)})") == found


def test_5_10_the_order_is_that_of_names_and_a_directory_stands_before_what_is_in_it(q: Any) -> None:
    names = ["a-b", "a/x", "B", "a.txt", "\u00e9", "a/y/z"]
    steps = "\n".join(f'withNewFile(path: "{name}", contents: "")' for name in names)
    assert q.dir(steps, "entries") == ["B", "a/", "a-b", "a.txt", "\u00e9"]
    walk = ["B", "a/", "a/x", "a/y/", "a/y/z", "a-b", "a.txt", "\u00e9"]
    assert q.dir(steps, 'glob(pattern: "**")') == walk
    assert q.dir(steps, 'glob(pattern: "a/**")') == ["a/x", "a/y/", "a/y/z"]


def test_5_10_new_directories(q: Any) -> None:
    steps = """
        withNewDirectory(path: "a/b", permissions: 448)
        withNewDirectory(path: "zero", permissions: 0)
        withNewDirectory(path: "usual")
        withNewFile(path: "a/b/keep", contents: "")
        withNewDirectory(path: "a/b", permissions: 511)
    """
    assert q.dir(steps, 'stat(path: "a/b") { permissions fileType }') == {
        "permissions": 0o700,
        "fileType": "DIRECTORY",
    }
    assert q.dir(steps, 'stat(path: "a") { permissions }') == {"permissions": 0o755}
    assert q.dir(steps, 'stat(path: "zero") { permissions }') == {"permissions": 0o755}
    assert q.dir(steps, 'stat(path: "usual") { permissions }') == {"permissions": 0o644}
    for step in ['withNewDirectory(path: "../x")', 'withNewDirectory(path: "a/../../x")']:
        assert "cannot create directory outside parent" in q.fails("dir", step, "entries").message


def test_5_10_long_names(q: Any) -> None:
    name = "n" * 256
    error = q.fails("dir", f'withNewFile(path: "{name}", contents: "")', "entries")
    assert "File name length exceeds the maximum supported 255 characters" in error.message
    assert q.dir(f'withNewFile(path: "{name[1:]}", contents: "")', "entries") == [name[1:]]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ("", ["a.txt", "b.md", "d/", "d/c.txt", "d/e.md", "empty/"]),
        ('include: ["*.txt"]', ["a.txt"]),
        ('include: ["**/*.txt"]', ["a.txt", "d/", "d/c.txt"]),
        ('include: ["d"]', ["d/", "d/c.txt", "d/e.md"]),
        ('include: ["d"], exclude: ["**/*.md"]', ["d/", "d/c.txt"]),
        ('exclude: ["**/*.md", "empty"]', ["a.txt", "d/", "d/c.txt"]),
        ('exclude: ["**", "!a.txt"]', ["a.txt"]),
        ('include: ["none"]', []),
    ],
)
def test_5_10_include_and_exclude(q: Any, options: str, found: list[str]) -> None:
    source = q.dir(
        'withNewFile(path: "a.txt", contents: "")\nwithNewFile(path: "b.md", contents: "")\nwithNewFile(path: "d/c.txt", contents: "")\n'
        'withNewFile(path: "d/e.md", contents: "")\nwithNewDirectory(path: "empty")',
        "id",
    )
    step = f'withDirectory(path: "to", source: "{source}"{", " + options if options else ""})\ndirectory(path: "to")'
    assert q.dir(step, 'glob(pattern: "**")') == found
    filtered = q.session.query(
        f'{{ node(id: "{source}") {{ ... on Directory {{ filter{f"({options})" if options else ""} {{ glob(pattern: "**") }} }} }} }}'
    )
    assert filtered["node"]["filter"]["glob"] == found


def test_5_10_patterns_that_bring_back_and_that_begin_at_the_root(q: Any, tmp_path: Path) -> None:
    """`docs/reference/differences.md`: the same for a copy and for files of the client."""
    for path in ["a.txt", "d/a.txt", "d/e/b.txt", "e/a.txt"]:
        (tmp_path / "src" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "src" / path).write_text("")
    whole = q.session.query('{ host { directory(path: "src") { id } } }')["host"]["directory"]["id"]
    for patterns, found in [
        ('exclude: ["**/*.txt", "!d"]', ["d/", "d/a.txt", "d/e/", "d/e/b.txt", "e/"]),
        ('include: ["/e", "/a.txt"]', ["a.txt", "e/", "e/a.txt"]),
        ('exclude: ["/e", "/*.txt"]', ["d/", "d/a.txt", "d/e/", "d/e/b.txt"]),
    ]:
        copied = f'withDirectory(path: "", source: "{whole}", {patterns})'
        assert q.dir(copied, 'glob(pattern: "**")') == found
        synced = q.session.query(
            f'{{ host {{ directory(path: "src", {patterns}) {{ glob(pattern: "**") }} }} }}'
        )
        assert synced["host"]["directory"]["glob"] == found


def test_5_10_gitignore_that_was_written_in_the_same_chain(q: Any) -> None:
    steps = 'withNewFile(path: ".gitignore", contents: "*.log")\nwithNewFile(path: "a.log", contents: "unread")\nfilter(gitignore: true)'
    assert q.dir(steps, "entries") == [".gitignore"]


def test_5_10_gitignore_permissions_and_owner(q: Any) -> None:
    source = q.dir_id(
        _dot_gitignore="*.log\nbuild/\n",
        a_dot_log="",
        b="",
        build__x="",
        d___dot_gitignore="!keep.log\n",
        d__keep_dot_log="",
    )
    step = f'withDirectory(path: "", source: {source}, gitignore: true, permissions: 448, owner: "3:4")'
    assert q.dir(step, 'glob(pattern: "**")') == [".gitignore", "b", "d/", "d/.gitignore", "d/keep.log"]
    assert q.dir(step, 'stat(path: "d/keep.log") { permissions }') == {"permissions": 0o700}


def test_5_10_owner_names_are_those_of_the_directory_itself(q: Any) -> None:
    source = q.dir_id(a="")
    error = q.fails("dir", f'withDirectory(path: "x", source: {source}, owner: "nobody")', "entries")
    assert "nobody" in error.message
    steps = f'rootfs\nwithDirectory(path: "x", source: {source}, owner: "nobody")'
    root = json.dumps(q.ask(steps, "id"))
    assert (
        q.session.chain(
            f'withRootfs(directory: {root})\nwithExec(args: ["stat", "-c", "%u:%g", "/x/a"])', "stdout"
        )
        == "65534:65534\n"
    )


def test_5_10_diff_has_what_is_new_or_changed(q: Any) -> None:
    other = q.dir_id(same="1", changed="new", d__added="x")
    assert q.dir(
        f'withNewFile(path: "same", contents: "1")\nwithNewFile(path: "changed", contents: "old")\nwithNewFile(path: "gone", contents: "")\ndiff(other: {other})',
        'glob(pattern: "**")',
    ) == ["changed", "d/", "d/added"]


def test_5_10_removal(q: Any) -> None:
    steps = 'withNewFile(path: "a.txt", contents: "")\nwithNewFile(path: "b.txt", contents: "")\nwithNewFile(path: "d/c.txt", contents: "")\n'
    for step, left in [
        ('withoutFile(path: "*.txt")', ["d/", "d/c.txt"]),
        ('withoutFiles(paths: ["a.txt", "d/*.txt", "none"])', ["b.txt", "d/"]),
        ('withoutDirectory(path: "d")', ["a.txt", "b.txt"]),
        ('withoutFile(path: "none")', ["a.txt", "b.txt", "d/", "d/c.txt"]),
    ]:
        assert q.dir(steps + step, 'glob(pattern: "**")') == left, step


@pytest.mark.parametrize("path", ["", ".", "/", "./", "..", "a/.."])
def test_5_10_the_root_is_no_file_to_remove(q: Any, path: str) -> None:
    for step in [f'withoutFile(path: "{path}")', f'withoutFiles(paths: ["a.txt", "{path}"])']:
        for error in [
            q.fails("dir", f'withNewFile(path: "a.txt", contents: "")\n{step}', "entries"),
            q.fails(
                "session_chain", f'withNewFile(path: "/a.txt", contents: "")\n{step}', "rootfs { entries }"
            ),
            q.fails("session_chain", f'withWorkdir(path: "/w")\n{step}', "rootfs { entries }"),
        ]:
            assert "names no file to remove: give its path, or use withoutDirectory" in error.message, step
    expanded = 'withNewFile(path: "/a.txt", contents: "")\nwithoutFile(path: "$UNSET", expand: true)'
    assert "names no file to remove" in q.fails("session_chain", expanded, "rootfs { entries }").message


def test_5_10_gitignore_knows_no_braces_but_classes(q: Any) -> None:
    """As git: `{a,b}` is a name, `[[:alpha:]]` a letter."""
    ignore = 'withNewFile(path: ".gitignore", contents: "{a,b}\\n[[:alpha:]]z\\n")'
    files = "\n".join(f'withNewFile(path: "{name}", contents: "")' for name in ["a", "qz", "1z", "{a,b}"])
    steps = f"{ignore}\n{files}"
    assert q.dir(f"{steps}\nfilter(gitignore: true)", "entries") == [".gitignore", "1z", "a"]


def test_5_10_find_up(q: Any) -> None:
    steps = 'withNewFile(path: "mark", contents: "")\nwithNewFile(path: "a/mark", contents: "")\nwithNewDirectory(path: "a/b/c")\nwithNewDirectory(path: "x")'
    for start, found in [("a/b/c", "a/mark"), ("x", "mark"), (".", "mark")]:
        assert q.dir(steps, f'findUp(name: "mark", start: "{start}")') == found
    assert q.dir(steps, 'findUp(name: "none", start: "a/b")') is None


def test_5_10_stat_and_exists_stay_inside(q: Any) -> None:
    steps = """
        withNewFile(path: "out", contents: "four", permissions: 292)
        withNewFile(path: "sub/in", contents: "")
        withSymlink(target: "../out", linkName: "sub/up")
        withSymlink(target: "in", linkName: "sub/ok")
        withSymlink(target: "none", linkName: "dangling")
    """
    inside = steps + '\ndirectory(path: "sub")'
    assert q.dir(steps, 'stat(path: "out") { permissions size name fileType }') == {
        "permissions": 0o444, "size": 4, "name": "out", "fileType": "REGULAR",
    }  # fmt: skip
    assert q.dir(inside, 'stat(path: "ok", doNotFollowSymlinks: true) { fileType }') == {
        "fileType": "SYMLINK"
    }
    assert q.dir(inside, 'exists(path: "ok")') is True
    for path in ["up", "../out", "../../out", "/../out"]:
        assert q.dir(inside, f'exists(path: "{path}")') is False, path
    assert q.dir(steps, 'exists(path: "dangling")') is False
    for path in ["", "none", "dangling"]:
        assert (
            "no such file or directory" in q.fails("dir", steps, f'stat(path: "{path}") {{ size }}').message
        ), path


def test_5_10_export_merges_or_wipes(q: Any, tmp_path: Path) -> None:
    steps = 'withNewFile(path: "a", contents: "new", permissions: 448)\nwithSymlink(target: "a", linkName: "l")\nwithTimestamps(timestamp: 1000000000)'
    out = tmp_path / "out"
    out.mkdir()
    (out / "a").write_text("old")
    (out / "extra").write_text("stays")
    assert q.dir(steps, 'export(path: "out")') == str(out)
    assert sorted(path.name for path in out.iterdir()) == ["a", "extra", "l"]
    assert (out / "a").read_text() == "new"
    assert (out / "a").stat().st_mode & 0o777 == 0o700
    assert (out / "a").stat().st_mtime == 1000000000
    assert (out / "l").readlink() == Path("a")
    assert q.dir(steps, f'export(path: "{out}", wipe: true)') == str(out)
    assert sorted(path.name for path in out.iterdir()) == ["a", "l"]


def test_5_10_what_is_exported_belongs_to_the_client(q: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "old").write_text("")
    if os.getuid() == 0:
        os.chown(out / "old", 1000, 1000)
    steps = """
        withNewFile(path: "old", contents: "new")
        withNewFile(path: "d/f", contents: "")
        withSymlink(target: "f", linkName: "d/l")
        chown(path: "/", owner: "7:8")
    """
    q.dir(steps, 'export(path: "out")')
    q.dir(f'{steps}\nfile(path: "old")', 'export(path: "out/copy")')
    q.dir(f"{steps}\nchanges(from: {q.dir_id()})", 'export(path: "changed")')
    written = [*out.rglob("*"), *(tmp_path / "changed").rglob("*")]
    assert len(written) == 9
    for path in written:
        assert (path.lstat().st_uid, path.lstat().st_gid) == (os.getuid(), os.getgid()), path


def test_5_11_names(q: Any) -> None:
    assert q.session.query('{ file(name: "a.txt", contents: "x", permissions: 256) { name size contents } }')["file"] == {
        "name": "a.txt", "size": 1, "contents": "x",
    }  # fmt: skip
    with pytest.raises(GraphQLError, match="not contain a directory"):
        q.session.query('{ file(name: "a/b", contents: "") { name } }')
    renamed = q.session.query('{ file(name: "a", contents: "x") { withName(name: "b") { name contents } } }')[
        "file"
    ]["withName"]
    assert renamed == {"name": "b", "contents": "x"}


@pytest.mark.parametrize(
    ("options", "text"),
    [("", "1\n2\n3"), ("(limitLines: 0)", ""), ("(limitLines: 2)", "1\n2\n"), ("(offsetLines: 1)", "2\n3"), ("(offsetLines: 1, limitLines: 1)", "2\n"), ("(offsetLines: 9)", "")],
)  # fmt: skip
def test_5_11_contents(q: Any, options: str, text: str) -> None:
    assert (
        q.session.query(f'{{ file(name: "a", contents: "1\\n2\\n3") {{ contents{options} }} }}')["file"][
            "contents"
        ]
        == text
    )


@pytest.mark.slow
def test_5_11_contents_of_128_mib_and_no_more(q: Any) -> None:
    script = "yes abcdefg | head -c {} > /x"
    limit = 128 << 20
    assert len(q.sh(script.format(limit), leaf='file(path: "/x") { contents }')["contents"]) == limit
    message = q.fails("sh", script.format(limit + 1), leaf='file(path: "/x") { contents }').message
    assert "x: 134217729 bytes are too many for contents" in message and "export" in message
    assert q.sh(script.format(limit + 1), leaf='file(path: "/x") { size }') == {"size": limit + 1}


def test_5_11_contents_that_are_not_text(q: Any) -> None:
    assert q.sh("printf 'a\\377b' > /x", leaf='file(path: "/x") { contents size }') == {
        "contents": "a\ufffdb",
        "size": 3,
    }


def test_5_11_export(q: Any, tmp_path: Path) -> None:
    (tmp_path / "dir").mkdir()
    root = 'file(name: "f", contents: "x", permissions: 448)'

    def export(arguments: str) -> str:
        return str(q.session.chain("", f"export({arguments})", root=root))

    assert export('path: "a/b"') == str(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700
    for path in ["dir", "dir/"]:
        with pytest.raises(GraphQLError):
            export(f'path: "{path}"')
    assert export('path: "dir", allowParentDirPath: true') == str(tmp_path / "dir" / "f")
    assert (tmp_path / "dir" / "f").read_text() == "x"


def test_5_11_a_file_that_is_there_is_not_written_again(q: Any, tmp_path: Path) -> None:
    found = tmp_path / "f"

    def export(permissions: int) -> os.stat_result:
        file = f'file(name: "f", contents: "x", permissions: {permissions})'
        q.session.chain("", 'export(path: "f")', root=file)
        return found.stat()

    first = export(0o644)
    assert export(0o644) == first
    changed = export(0o755)
    assert (changed.st_ino, changed.st_mtime_ns) == (first.st_ino, first.st_mtime_ns)
    assert stat.S_IMODE(changed.st_mode) == 0o755
    found.write_text("y")
    assert export(0o755).st_ino != first.st_ino
    assert found.read_text() == "x"


def test_5_10_times_and_owners(q: Any) -> None:
    steps = 'withNewFile(path: "d/a", contents: "")\nwithSymlink(target: "a", linkName: "d/l")\nwithTimestamps(timestamp: 86400)\nchown(path: "d", owner: "8:9")'
    root = json.dumps(q.dir(steps, "id"))
    script = 'stat -c "%n %u:%g %Y" /x/d /x/d/a /x/d/l'
    out = q.sh(script, f'withMountedDirectory(path: "/x", source: {root})')
    assert out == "/x/d 8:9 86400\n/x/d/a 8:9 86400\n/x/d/l 8:9 86400\n"


def test_kinds_do_not_take_each_others_place(q: Any) -> None:
    """`docs/reference/differences.md`: nothing is lost unseen where directories are merged; links and files may change places."""
    trees = {
        "file": q.dir_id(a="file"),
        "directory": q.dir_id(a__x="inner"),
        "link": json.dumps(q.dir('withSymlink(target: "none", linkName: "a")', "id")),
    }
    members = {"file": "REGULAR", "link": "SYMLINK", "directory": "DIRECTORY"}
    for (below, old), (above, new) in itertools.product(trees.items(), repeat=2):
        steps = f'withDirectory(path: "/", source: {old})\nwithDirectory(path: "/", source: {new})'
        if "directory" not in (below, above) or below == above:
            stat = q.dir(steps, 'stat(path: "a", doNotFollowSymlinks: true) { fileType }')
            assert stat == {"fileType": members[above]}
            continue
        wanted = "a file, not a directory" if above == "directory" else "a directory, not a file"
        assert q.fails("dir", steps, "entries").message == f"path a is {wanted}", steps
        removed = steps.replace("\n", '\nwithoutFile(path: "a")\n')
        assert q.dir(removed, "entries") == (["a/"] if above == "directory" else ["a"])


def test_a_new_file_replaces_what_its_path_names(q: Any) -> None:
    """`docs/reference/differences.md`: a link itself, not where it leads; with the permissions of the step."""
    steps = (
        'withNewFile(path: "f", contents: "old", permissions: 384)\nwithSymlink(target: "f", linkName: "l")'
    )
    new = f'{steps}\nwithNewFile(path: "l", contents: "new")'
    assert q.dir(new, 'stat(path: "l", doNotFollowSymlinks: true) { fileType }') == {"fileType": "REGULAR"}
    assert q.dir(new, 'file(path: "f") { contents }') == {"contents": "old"}
    again = f'{steps}\nwithNewFile(path: "f", contents: "new")'
    assert q.dir(again, 'stat(path: "f") { permissions }') == {"permissions": 0o644}
