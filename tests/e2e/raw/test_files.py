"""Directories and files: edits, patterns, digests; mounts and caches in containers."""

import json
import uuid
from typing import Any

import pytest
from engine import Engine
from session import GraphQLError, Session


def directory(session: Session, steps: str, *leaves: str) -> Any:
    return session.chain(steps, *leaves, root="directory")


def tree(session: Session, **files: str) -> str:
    steps = "\n".join(
        f'withNewFile(path: "{name.replace("__", "/")}", contents: "{text}")' for name, text in files.items()
    )
    return str(directory(session, steps, "id"))


def test_digests_of_the_protocol(session: Session) -> None:
    assert session.query("{ directory { digest } }")["directory"]["digest"] == (
        "sha256:0e5db88383bce812f795689f5318a2b2f4fde740ef31c2a2365a46368aafddd2"
    )
    hello = 'withNewFile(path: "foo.txt", contents: "Hello, World!")'
    assert (
        directory(session, hello, "digest")
        == "sha256:48ac4b4b73af8a75a3c77e9dc6211d89321c6ed4f13c6987c6837ac58645bd89"
    )
    found = directory(
        session, f'{hello}\nfile(path: "foo.txt")', "digest", "bare: digest(excludeMetadata: true)"
    )
    assert found == {
        "digest": "sha256:8a887cdd3e476c79e1a14a65a6c401673b56071a24561dadb5e152605e72a613",
        "bare": "sha256:042a7d64a581ef2ee983f21058801cc35663b705e6c55f62fa8e0f18ecc70989",
    }


def test_entries_and_globs(session: Session) -> None:
    name = tree(session, a="1", b__c="2", b__d__e="3", _h="4")
    found = session.query(
        f'{{ node(id: "{name}") {{ ... on Directory {{ entries inner: entries(path: "b") all: glob(pattern: "**") '
        'deep: glob(pattern: "**/e") none: glob(pattern: "*.py") } } }'
    )["node"]
    assert found["entries"] == ["_h", "a", "b/"]
    assert found["inner"] == ["c", "d/"]
    assert found["all"] == ["_h", "a", "b/", "b/c", "b/d/", "b/d/e"]
    assert found["deep"] == ["b/d/e"] and found["none"] == []


def test_merging_with_patterns(session: Session) -> None:
    name = tree(session, src__a_py="1", src__b_txt="2", docs__x="3", top="4")
    for options, expected in [
        ('include: ["src"]', ["src/", "src/a_py", "src/b_txt"]),
        ('exclude: ["**/*_txt", "docs"]', ["src/", "src/a_py", "top"]),
        ('include: ["**/*_py"]', ["src/", "src/a_py"]),
        ('exclude: ["*", "!top"]', ["top"]),
    ]:
        found = directory(
            session, f'withDirectory(path: ".", source: "{name}", {options})', 'glob(pattern: "**")'
        )
        assert found == expected, options


def test_a_gitignore_file_counts_where_asked(session: Session) -> None:
    steps = 'withNewFile(path: ".gitignore", contents: "*.log\\n/build\\n!keep.log\\n")\n'
    steps += "\n".join(
        f'withNewFile(path: "{path}", contents: "")'
        for path in ("a.log", "keep.log", "build/x", "sub/b.log", "sub/build/y")
    )
    name = directory(session, steps, "id")
    found = directory(
        session, f'withDirectory(path: "/", source: "{name}", gitignore: true)', 'glob(pattern: "**")'
    )
    assert [path for path in found if not path.endswith("/")] == [".gitignore", "keep.log", "sub/build/y"]


def test_differences_and_removal(session: Session) -> None:
    base = tree(session, same="1", changed="1", gone="1")
    other = tree(session, same="1", changed="2", new="1")
    found = session.query(
        f'{{ node(id: "{base}") {{ ... on Directory {{ diff(other: "{other}") {{ entries }} }} }} }}'
    )
    assert found["node"]["diff"]["entries"] == ["changed", "new"]
    name = tree(session, a_x="1", b_x="2", c_y="3")
    found = session.query(
        f'{{ node(id: "{name}") {{ ... on Directory {{ withoutFiles(paths: ["*_x", "missing"]) {{ entries }} }} }} }}'
    )
    assert found["node"]["withoutFiles"]["entries"] == ["c_y"]


@pytest.mark.parametrize(
    ("steps", "leaf", "message"),
    [
        ('withNewDirectory(path: "../x")', "sync", "cannot create directory outside parent"),
        (
            'withNewFile(path: "d/f", contents: "")\nfile(path: "d")',
            "size",
            "path d is a directory, not a file",
        ),
        (
            'withNewFile(path: "f", contents: "")\ndirectory(path: "f")',
            "sync",
            "path f is a file, not a directory",
        ),
        ('file(path: "none")', "size", "none: no such file or directory"),
        (
            f'withNewFile(path: "{"n" * 256}", contents: "")',
            "sync",
            "File name length exceeds the maximum supported 255 characters",
        ),
    ],
)
def test_messages(session: Session, steps: str, leaf: str, message: str) -> None:
    with pytest.raises(GraphQLError) as caught:
        directory(session, steps, leaf)
    assert message in caught.value.message


def test_names_links_and_metadata_survive_a_container(session: Session) -> None:
    script = (
        "mkdir -p /o/d && cd /o && ln -s d/../f link && printf 'x' > f && ln f hard && chmod 4750 f && chown 12:34 d "
        "&& printf z > 'näme with space' && touch -d @1000 f"
    )
    steps = (
        f'from(address: "busybox")\nwithExec(args: ["sh", "-c", {json.dumps(script)}])\ndirectory(path: "/o")'
    )
    assert session.chain(steps, "entries")[:1] == ["d/"]
    name = session.chain(steps, "id")
    look = "cd /o && stat -c '%n %a %u %g %h %F' f d hard && readlink link && stat -c %Y f && cat 'näme with space'"
    lines = session.run(
        "sh", "-c", look, before=f'withDirectory(path: "/o", source: "{name}", owner: "")'
    ).splitlines()
    assert lines[0].startswith("f 4750 0 0 2") and lines[2].startswith("hard 4750 0 0 2")
    assert lines[3:] == ["d/../f", "1000", "z"]


def test_owners_and_permissions_of_copies(session: Session) -> None:
    name = tree(session, f="x")
    before = f'withDirectory(path: "/a/b", source: "{name}", owner: "nobody")\nwithNewFile(path: "/s", contents: "", permissions: 493, owner: "7:8")'
    found = session.run("stat", "-c", "%a %u %g", "/a", "/a/b", "/a/b/f", "/s", before=before).splitlines()
    assert found == ["755 0 0", "755 65534 65534", "644 65534 65534", "755 7 8"]


def test_where_a_file_lands(session: Session) -> None:
    name = session.query('{ file(name: "src", contents: "x") { id } }')["file"]["id"]
    for path, expected in [
        ("/new", "/new"),
        ("/tmp/", "/tmp/src"),
        ("/tmp", "/tmp/src"),
        ("/", "/src"),
        ("sub/f", "/w/sub/f"),
    ]:
        before = f'withWorkdir(path: "/w")\nwithFile(path: "{path}", source: "{name}")'
        assert session.run("cat", expected, before=before) == "x", path


def test_writes_to_a_mounted_directory_stay_in_the_container_only(session: Session) -> None:
    name = tree(session, f="original")
    steps = f'from(address: "busybox")\nwithMountedDirectory(path: "/m", source: "{name}")\n'
    steps += 'withExec(args: ["sh", "-c", "echo changed > /m/f; echo new > /m/g"])'
    assert session.chain(f'{steps}\nwithExec(args: ["cat", "/m/f", "/m/g"])', "stdout") == "changed\nnew\n"
    assert session.chain(f'{steps}\ndirectory(path: "/m")', "entries") == ["f", "g"]
    assert session.query(f'{{ node(id: "{name}") {{ ... on Directory {{ entries }} }} }}')["node"][
        "entries"
    ] == ["f"]
    assert "m/" not in session.chain(f"{steps}\nrootfs", "entries")


def test_a_read_only_mount(session: Session) -> None:
    name = tree(session, f="x")
    before = f'withMountedDirectory(path: "/m", source: "{name}", readOnly: true)'
    assert (
        session.run("sh", "-c", "cat /m/f; touch /m/g 2>/dev/null || echo refused", before=before)
        == "xrefused\n"
    )


def test_a_mounted_file_and_temporary_space(session: Session) -> None:
    name = session.query('{ file(name: "n", contents: "x") { id } }')["file"]["id"]
    before = f'withMountedFile(path: "/etc/app.conf", source: "{name}")\nwithMountedTemp(path: "/scratch")'
    assert (
        session.run(
            "sh", "-c", "cat /etc/app.conf; ls -a /scratch | wc -l; echo x > /scratch/y", before=before
        )
        == "x2\n"
    )
    steps = 'from(address: "busybox")\nwithMountedTemp(path: "/scratch")\nwithExec(args: ["touch", "/scratch/y"])\n'
    assert session.chain(f'{steps}withExec(args: ["ls", "/scratch"])', "stdout") == ""
    with pytest.raises(GraphQLError, match="cannot retrieve path from tmpfs"):
        session.chain(f'{steps}file(path: "/scratch/y")', "contents")


def test_a_cache_volume_keeps_its_contents(engine: Engine) -> None:
    key = uuid.uuid4().hex
    for round_ in range(3):
        with engine.session() as session:
            volume = session.query(f'{{ cacheVolume(key: "{key}") {{ id }} }}')["cacheVolume"]["id"]
            before = f'withMountedCache(path: "/c", cache: "{volume}")'
            text = session.run("sh", "-c", f"echo {round_} >> /c/log; cat /c/log", before=before)
            assert text.split() == [str(number) for number in range(round_ + 1)]
            with pytest.raises(GraphQLError, match="cannot retrieve path from cache"):
                session.chain(f'from(address: "busybox")\n{before}\nfile(path: "/c/log")', "contents")


def test_mounts_are_listed_and_removed(session: Session) -> None:
    name = tree(session, f="x")
    steps = f'from(address: "busybox")\nwithMountedDirectory(path: "/b", source: "{name}")\nwithMountedTemp(path: "/a")'
    assert session.chain(steps, "mounts") == ["/b", "/a"]
    assert session.chain(f'{steps}\nwithoutMount(path: "/b")', "mounts") == ["/a"]
