"""Files, and what directories do with them (protocol sections 5.10, 5.11, 2.3, 4.5)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from session import GraphQLError

TEXT = "one two\ntwo\n\nthree\ntwo two"
FILE = f'file(name: "f.txt", contents: {json.dumps(TEXT)}, permissions: 416)'


def of_file(q: Any, step: str, leaf: str = "contents", root: str = FILE) -> Any:
    """A leaf of a file after a step."""
    return q.session.chain(step, leaf, root=root)


def fails(q: Any, step: str, leaf: str = "contents", root: str = FILE) -> str:
    """The message of what must fail."""
    with pytest.raises(GraphQLError) as caught:
        of_file(q, step, leaf, root)
    assert caught.value.extensions is None
    return caught.value.message


@pytest.mark.parametrize(
    ("arguments", "result"),
    [
        ('search: "three", replacement: "3"', "one two\ntwo\n\n3\ntwo two"),
        ('search: "two", replacement: "2", all: true', "one 2\n2\n\nthree\n2 2"),
        ('search: "two", replacement: "2", firstFrom: 2', "one two\n2\n\nthree\ntwo two"),
        ('search: "two", replacement: "2", firstFrom: 3', "one two\ntwo\n\nthree\n2 two"),
        ('search: "two\\n\\nthree", replacement: ""', "one two\n\ntwo two"),
        ('search: "one.", replacement: "x", all: true', None),
    ],
)
def test_5_11_with_replaced(q: Any, arguments: str, result: str | None) -> None:
    if result is None:
        assert '"one." is not in the file' in fails(q, f"withReplaced({arguments})")
    else:
        assert of_file(q, f"withReplaced({arguments})") == result


def test_5_11_replacing_needs_one_meaning(q: Any) -> None:
    assert "4 times" in fails(q, 'withReplaced(search: "two", replacement: "2")')
    assert "is not in the file" in fails(q, 'withReplaced(search: "four", replacement: "4")')
    assert "is not in the file" in fails(q, 'withReplaced(search: "four", replacement: "4", all: true)')
    assert "from line 2 on" in fails(q, 'withReplaced(search: "one", replacement: "1", firstFrom: 2)')
    assert of_file(q, 'withReplaced(search: "three", replacement: "3")', "stat { permissions name }") == {
        "permissions": 0o640,
        "name": "f.txt",
    }


def test_5_11_times_and_owner(q: Any) -> None:
    file = json.dumps(of_file(q, 'withTimestamps(timestamp: 86400)\nchown(owner: "8:9")', "id"))
    out = q.sh('stat -c "%u:%g %Y %a" /x', f'withMountedFile(path: "/x", source: {file})')
    assert out == "8:9 86400 640\n"


def test_5_11_names_keep_the_rest(q: Any) -> None:
    found = of_file(q, 'withName(name: "g.md")', "stat { name permissions fileType size }")
    assert found == {"name": "g.md", "permissions": 0o640, "fileType": "REGULAR", "size": len(TEXT)}
    for name in ("a/b", "", ".", ".."):
        message = fails(q, f"withName(name: {json.dumps(name)})", "name")
        assert "not contain a directory" in message or "cannot be a file name" in message


def test_2_3_a_file_is_looked_for_when_it_is_selected(q: Any) -> None:
    assert "none: no such file or directory" in q.fails("dir", "", 'file(path: "none") { id }').message
    with_dir = 'withNewDirectory(path: "d")'
    assert "path d is a directory, not a file" in q.fails("dir", with_dir, 'file(path: "d") { id }').message
    with_file = 'withNewFile(path: "f", contents: "")'
    assert "f" in q.fails("dir", with_file, 'file(path: "f/x") { id }').message
    assert q.dir(with_file, 'file(path: "/f") { name }')["name"] == "f"
    error = q.fails("ask", "", 'file(path: "/none") { id }')
    assert "none: no such file or directory" in error.message
    # A directory is looked for when it is needed.
    assert q.dir("", 'directory(path: "none") { id }')["id"]
    assert (
        "path f is a file, not a directory"
        in q.fails("dir", with_file, 'directory(path: "f") { entries }').message
    )


def test_5_10_with_file_names(q: Any) -> None:
    file = q.file_id("f.txt", "x")
    for path, found in [
        ("", "f.txt"),
        (".", "f.txt"),
        ("/", "f.txt"),
        ("d/", "d/f.txt"),
        ("new/g", "new/g"),
        ("dir", "dir/f.txt"),
    ]:
        steps = f'withNewDirectory(path: "dir")\nwithFile(path: {json.dumps(path)}, source: {file})'
        assert found in q.dir(steps, 'glob(pattern: "**")'), path
    steps = f'withFile(path: "g", source: {file}, permissions: 384)\nwithFile(path: "h", source: {file})'
    assert q.dir(steps, 'stat(path: "g") { permissions }')["permissions"] == 0o600
    assert q.dir(steps, 'stat(path: "h") { permissions }')["permissions"] == 0o644, "those of the source"


def test_5_10_with_file_does_not_replace_a_directory(q: Any) -> None:
    steps = 'withNewFile(path: "d/f.txt/kept", contents: "")'
    file = q.file_id("f.txt", "x")
    for path in ("d", "d/"):
        message = q.fails("dir", f'{steps}\nwithFile(path: "{path}", source: {file})', "entries").message
        assert "path d/f.txt is a directory, not a file" in message


def test_5_10_with_files(q: Any) -> None:
    files = ", ".join(q.file_id(name, name) for name in ("a", "b"))
    assert q.dir(f'withFiles(path: "d", sources: [{files}], permissions: 256)', 'entries(path: "d")') == [
        "a",
        "b",
    ]
    steps = f'withFiles(path: "d", sources: [{files}], permissions: 256)'
    assert q.dir(steps, 'stat(path: "d/a") { permissions }')["permissions"] == 0o400


def test_5_10_created_parents_are_open_to_all(q: Any) -> None:
    steps = 'withNewFile(path: "a/b/c", contents: "", permissions: 384)'
    for path in ("a", "a/b"):
        assert q.dir(steps, f'stat(path: "{path}") {{ permissions }}')["permissions"] == 0o755
    assert q.dir(steps, 'stat(path: "a/b/c") { permissions size fileType name }') == {
        "permissions": 0o600, "size": 0, "fileType": "REGULAR", "name": "c",
    }  # fmt: skip


def test_5_10_stat_of_directories_and_links(q: Any) -> None:
    steps = 'withNewDirectory(path: "d", permissions: 448)\nwithSymlink(target: "d", linkName: "l")'
    assert q.dir(steps, 'stat(path: "d") { size fileType permissions name }') == {
        "size": 4096, "fileType": "DIRECTORY", "permissions": 0o700, "name": "d",
    }  # fmt: skip
    assert q.dir(steps, 'stat(path: "l") { fileType }') == {"fileType": "DIRECTORY"}
    assert q.dir(steps, 'stat(path: "l", doNotFollowSymlinks: true) { fileType }') == {"fileType": "SYMLINK"}


@pytest.mark.parametrize(
    ("path", "kind", "there"),
    [
        ("f", "REGULAR_TYPE", True), ("f", "DIRECTORY_TYPE", False), ("f", "SYMLINK_TYPE", False),
        ("d", "DIRECTORY_TYPE", True), ("d", "REGULAR_TYPE", False),
        ("lf", "REGULAR_TYPE", True), ("lf", "SYMLINK_TYPE", True), ("ld", "DIRECTORY_TYPE", True),
        ("dangling", "SYMLINK_TYPE", True), ("dangling", "REGULAR_TYPE", False), ("none", "REGULAR_TYPE", False),
        ("f/x", "REGULAR_TYPE", False),
    ],
)  # fmt: skip
def test_5_10_exists_of_a_kind(q: Any, path: str, kind: str, there: bool) -> None:
    steps = """
        withNewFile(path: "f", contents: "")
        withNewDirectory(path: "d")
        withSymlink(target: "f", linkName: "lf")
        withSymlink(target: "d", linkName: "ld")
        withSymlink(target: "none", linkName: "dangling")
    """
    assert q.dir(steps, f'exists(path: "{path}", expectedType: {kind})') is there
    if kind == "REGULAR_TYPE" and path.startswith("l"):
        assert (
            q.dir(steps, f'exists(path: "{path}", expectedType: {kind}, doNotFollowSymlinks: true)') is False
        )


def test_5_10_existing_directories_are_left_as_they_are(q: Any) -> None:
    steps = 'withNewDirectory(path: "d", permissions: 448)\nwithNewDirectory(path: "d", permissions: 511)'
    assert q.dir(steps, 'stat(path: "d") { permissions }')["permissions"] == 0o700


def test_5_10_include_then_exclude_and_parents(q: Any) -> None:
    source = q.dir_id(a__x_dot_py="", a__x_dot_txt="", b__y_dot_txt="", c_dot_py="")
    copy = f'withDirectory(path: "", source: {source}, include: ["**/*.py", "**/*.txt"], exclude: ["**/*.txt", "!b"])'
    assert q.dir(copy, 'glob(pattern: "**")') == ["a/", "a/x.py", "b/", "b/y.txt", "c.py"]
    copy = f'withDirectory(path: "", source: {source}, include: ["none/**"])'
    assert q.dir(copy, "entries") == [], "parents stay only where something matched"


def test_5_10_gitignore_files_of_subdirectories(q: Any) -> None:
    source = q.dir_id(
        _dot_gitignore="*.o\n/top\n", top="", sub__top="", sub___dot_gitignore="!keep.o\ndeep/\n",
        sub__keep_dot_o="", sub__a_dot_o="", sub__deep__x="", b_dot_o="",
    )  # fmt: skip
    found = q.session.query(
        f'{{ node(id: {source}) {{ ... on Directory {{ filter(gitignore: true) {{ glob(pattern: "**") }} }} }} }}'
    )
    assert found["node"]["filter"]["glob"] == [
        ".gitignore",
        "sub/",
        "sub/.gitignore",
        "sub/keep.o",
        "sub/top",
    ]


def test_5_10_timestamps_reach_every_entry(q: Any, tmp_path: Path) -> None:
    steps = 'withNewFile(path: "d/e/f", contents: "")\nwithSymlink(target: "f", linkName: "d/e/l")\nwithTimestamps(timestamp: 1234)'
    q.dir(steps, 'export(path: "out")')
    for path in ("d", "d/e", "d/e/f", "d/e/l"):
        assert (tmp_path / "out" / path).lstat().st_mtime == 1234, path


@pytest.mark.parametrize(
    ("target", "problem"),
    [("", "it is empty"), ("a\\u0000b", "NUL"), ("x" * 4096, "4096 bytes, at most 4095")],
    ids=["empty", "NUL", "long"],
)
def test_4_5_targets_that_no_link_can_have(q: Any, target: str, problem: str) -> None:
    step = f'withSymlink(target: "{target}", linkName: "/l")'
    for error in [q.fails("dir", step, "entries"), q.fails("session_chain", step, "rootfs { entries }")]:
        assert (
            "l: the target of a symbolic link cannot be made: " in error.message and problem in error.message
        )
    # What leads nowhere is fine.
    assert q.dir(step.replace(f'"{target}"', f'"{"x" * 4095}"'), "entries") == ["l"]


@pytest.mark.parametrize("name", ["", "/f", "..", ".", "../f", "d/../f"])
def test_5_10_find_up_of_what_is_no_name(q: Any, name: str) -> None:
    message = q.fails(
        "dir", 'withNewFile(path: "f", contents: "")', f'findUp(name: "{name}", start: "")'
    ).message
    assert f'cannot look for the name "{name}"' in message
    with pytest.raises(GraphQLError, match="cannot look for the name"):
        q.session.query(f'{{ host {{ findUp(name: "{name}") }} }}')


def test_5_10_chown_is_recursive(q: Any) -> None:
    steps = 'withNewFile(path: "d/e/f", contents: "")\nwithNewFile(path: "x", contents: "")\nchown(path: "d", owner: "7")'
    root = json.dumps(q.dir(steps, "id"))
    out = q.sh(
        'stat -c "%n %u:%g" /r/d /r/d/e /r/d/e/f /r/x', f'withMountedDirectory(path: "/r", source: {root})'
    )
    assert out == "/r/d 7:7\n/r/d/e 7:7\n/r/d/e/f 7:7\n/r/x 0:0\n"
    assert "no such file or directory" in q.fails("dir", 'chown(path: "none", owner: "1")', "entries").message
    assert "nobody" in q.fails("dir", steps + '\nchown(path: "d", owner: "nobody")', "entries").message


def test_5_10_copies_of_files_belong_to_root_as_in_containers(q: Any) -> None:
    """An empty owner is root (5.4), not the source's; `withDirectory` takes the owners of the source over."""
    owned = 'withNewFile(path: "f", contents: "1", permissions: 416)\nchown(path: "f", owner: "7:8")'
    file, source = json.dumps(q.dir(owned, 'file(path: "f") { id }')["id"]), json.dumps(q.dir(owned, "id"))
    steps = f"""
        withFile(path: "one", source: {file})
        withFile(path: "given", source: {file}, owner: "9")
        withFiles(path: "many", sources: [{file}])
        withDirectory(path: "all", source: {source})
    """
    root = json.dumps(q.dir(steps, "id"))
    look = "stat -c '%n %u:%g %a' one given many/f all/f"
    there = "one 0:0 640\ngiven 9:9 640\nmany/f 0:0 640\nall/f 7:8 640\n"
    assert q.sh(f"cd /r; {look}", f'withMountedDirectory(path: "/r", source: {root})') == there
    container = steps.replace('withDirectory(path: "all"', 'withMountedDirectory(path: "all"')
    assert q.sh(look, f'withWorkdir(path: "/r")\n{container}') == there


def test_5_10_find_up(q: Any) -> None:
    steps = 'withNewFile(path: "a/b/mark", contents: "")\nwithNewFile(path: "mark", contents: "")'
    assert q.dir(steps + '\ndirectory(path: "a")', 'findUp(name: "mark", start: "b")') == "b/mark"
    assert q.dir(steps, 'findUp(name: "mark", start: "/a/b")') == "a/b/mark"
    assert q.dir(steps, 'findUp(name: "a", start: "a/b")') == "a"
    assert q.dir(steps + '\ndirectory(path: "a/b")', 'findUp(name: "a", start: ".")') is None


def test_4_5_paths(q: Any) -> None:
    steps = 'withNewFile(path: "f", contents: "")'
    for leaf, message in [
        ('entries(path: "none")', "none: no such file or directory"),
        ('entries(path: "f")', "path f is a file, not a directory"),
        ('stat(path: "bogus") { size }', "bogus: no such file or directory"),
        ('directory(path: "none") { digest }', "none: no such file or directory"),
    ]:
        assert message in q.fails("dir", steps, leaf).message
    for leaf in (
        'directory(path: "../f") { entries }',
        'file(path: "a/../../f") { contents }',
        'search(pattern: "x", paths: ["../f"]) { filePath }',
        'findUp(name: "f", start: "..")',
    ):
        assert "is outside of the directory" in q.fails("dir", steps, leaf).message
    for step in ('withNewFile(path: "", contents: "")', 'withNewFile(path: "/", contents: "")'):
        assert "path / is a directory, not a file" in q.fails("dir", step, "entries").message
    for step in ('withNewFile(path: "../x", contents: "")', 'withNewDirectory(path: "a/../../x")'):
        assert "cannot create directory outside parent" in q.fails("dir", step, "entries").message
