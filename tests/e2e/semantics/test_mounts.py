"""Mounts, and files put into containers (protocol section 5.4)."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from counting import meeting


def test_writes_to_a_mounted_directory_persist_and_leave_the_source_alone(q: Any) -> None:
    source = q.dir_id(a="1", b="2")
    mount = f'withMountedDirectory(path: "/m", source: {source})'
    change = "echo new > /m/c; rm /m/a; echo more >> /m/b"
    look = 'withExec(args: ["sh", "-c", "ls /m; cat /m/b"])'
    assert q.sh(change, mount, look) == "b\nc\n2more\n"
    assert q.sh(change, mount, 'directory(path: "/m")', "entries") == ["b", "c"]
    assert q.session.query(f"{{ node(id: {source}) {{ ... on Directory {{ entries }} }} }}")["node"] == {
        "entries": ["a", "b"]
    }
    assert "m/" not in q.sh(change, mount, "rootfs", "entries")


def test_a_read_only_mount_refuses_writes(q: Any) -> None:
    mount = f'withMountedDirectory(path: "/m", source: {q.dir_id(a="1")}, readOnly: true)'
    assert q.sh("cat /m/a; touch /m/x 2>/dev/null || echo refused", mount) == "1refused\n"


def test_owners_of_mounts(q: Any) -> None:
    source, file = q.dir_id(a="1", d__b="2"), q.file_id("f", "3")
    steps = f"""
        withMountedDirectory(path: "/m", source: {source}, owner: "nobody:users")
        withMountedFile(path: "/f", source: {file}, owner: "12")
        withMountedDirectory(path: "/root-owned", source: {source})
    """
    script = "stat -c '%n %u:%g' /m /m/a /m/d /m/d/b /f /root-owned/a"
    assert q.sh(script, steps).splitlines() == [
        "/m 65534:100", "/m/a 65534:100", "/m/d 65534:100", "/m/d/b 65534:100", "/f 12:12", "/root-owned/a 0:0",
    ]  # fmt: skip


@pytest.mark.parametrize("order", [0, 1])
def test_a_mount_below_a_mount_in_either_order(q: Any, order: int) -> None:
    steps = [
        f'withMountedDirectory(path: "/m", source: {q.dir_id(outer="1")})',
        f'withMountedDirectory(path: "/m/in/ner", source: {q.dir_id(inner="2")})',
    ]
    before = "\n".join(steps if order == 0 else reversed(steps))
    assert q.sh("ls /m /m/in/ner; touch /m/in/ner/new", before) == "/m:\nin\nouter\n\n/m/in/ner:\ninner\n"
    script = "touch /m/in/ner/new /m/top"
    assert q.sh(script, before, 'directory(path: "/m/in/ner")', "entries") == ["inner", "new"]
    assert q.sh(script, before, 'directory(path: "/m")', "entries") == ["outer", "top"]
    assert q.session.chain(before, "mounts") == (["/m", "/m/in/ner"] if order == 0 else ["/m/in/ner", "/m"])


def test_a_mounted_file_keeps_changes(q: Any) -> None:
    mount = f'withMountedFile(path: "/etc/conf", source: {q.file_id("f", "one")})'
    look = 'withExec(args: ["cat", "/etc/conf"])'
    assert q.sh("printf two >> /etc/conf; chmod 600 /etc/conf", mount, look) == "onetwo"
    assert q.sh("printf two >> /etc/conf", mount, 'file(path: "/etc/conf")', "contents") == "onetwo"
    assert q.sh("printf two >> /etc/conf", mount, "rootfs", 'exists(path: "etc/conf")') is False


@pytest.mark.parametrize("pause", ["", "sleep 0.05; "])
def test_a_change_of_a_mounted_file_is_kept_whatever_its_time_and_size(q: Any, pause: str) -> None:
    """Size and time are what programs can keep, as `cp -p`, `rsync --inplace` and builds with fixed times do."""
    mount = f'withMountedFile(path: "/conf", source: {q.file_id("f", "one")})'
    look = 'withExec(args: ["cat", "/conf"])'
    script = f"{pause}touch -r /conf /old; printf two > /conf; touch -r /old /conf"
    assert q.sh(script, mount, look) == "two"
    assert q.sh(script, mount, 'file(path: "/conf")', "contents") == "two"
    # What changes nothing makes no other file.
    before = q.session.chain(f"{mount}", 'file(path: "/conf") { digest }')["digest"]
    assert q.sh(f"{pause}cat /conf", mount, 'file(path: "/conf")', "digest") == before


def test_temporary_space(q: Any) -> None:
    mount = 'withMountedTemp(path: "/t", size: 1048576)'
    look = 'withExec(args: ["ls", "/t"])'
    assert q.sh("touch /t/x", mount, look) == ""
    assert q.sh("dd if=/dev/zero of=/t/x bs=1k count=2000 2>/dev/null || echo full", mount) == "full\n"
    for leaf in ['file(path: "/t/x") { contents }', 'directory(path: "/t") { entries }']:
        assert "cannot retrieve path from tmpfs" in q.fails("ask", mount, leaf).message


def test_cache_volumes_are_told_apart_by_seed_owner_and_sharing(q: Any) -> None:
    volume = q.id('cacheVolume(key: "identity")')
    seed = q.dir_id(seeded="yes", d__e="x")

    def use(script: str, options: str = "") -> str:
        config = f'withMountedCache(path: "/c", cache: {volume}{options})\nwithEnvVariable(name: "BUST", value: "{time.time_ns()}")'
        return str(q.sh(script, config))

    assert use("touch /c/plain; ls /c") == "plain\n"
    assert use("ls /c", ", sharing: SHARED") == "plain\n"
    assert use("ls /c", ", sharing: LOCKED") == ""
    assert use("ls /c; echo changed > /c/seeded", f", source: {seed}") == "d\nseeded\n"
    assert use("cat /c/seeded", f", source: {seed}") == "changed\n", "the seed is for the first use only"
    owned = f', source: {seed}, owner: "nobody"'
    assert use("stat -c %u:%g /c /c/seeded /c/d/e", owned) == "65534:65534\n" * 3
    assert use("ls /c") == "plain\n"


def test_cache_volumes_are_not_part_of_cache_keys_and_cannot_be_read(q: Any) -> None:
    volume = q.id('cacheVolume(key: "outside")')
    mount = f'withMountedCache(path: "/c", cache: {volume})'
    script = "cat /proc/sys/kernel/random/uuid > /c/x; cat /c/x"
    first = q.sh(script, mount)
    q.sh("echo other > /c/x", mount)
    assert q.sh(script, mount) == first
    assert (
        "cannot retrieve path from cache" in q.fails("ask", mount, 'file(path: "/c/x") { contents }').message
    )


@pytest.mark.parametrize(("sharing", "serial"), [("LOCKED", True), ("PRIVATE", True), ("SHARED", False)])
def test_locked_volumes_are_used_by_one_exec_at_a_time(q: Any, sharing: str, serial: bool) -> None:
    """5.4: each waits for another to come in; where several may be there, the first ones wait long enough for that."""
    volume = q.id(f'cacheVolume(key: "lock {sharing} {time.time_ns()}")')
    script = meeting("/c", patient=not serial)
    seen: list[str] = []

    def use(number: int) -> None:
        config = f"""
            withMountedCache(path: "/c", cache: {volume}, sharing: {sharing})
            withEnvVariable(name: "N", value: "{number}")
        """
        seen.append(q.sh(script, config))

    threads = [threading.Thread(target=use, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == ["" if serial else "together\n"] * 3


def test_mounted_secrets(q: Any) -> None:
    secret = q.secret("file", "line\nline")
    steps = f"""
        withMountedSecret(path: "/run/a", source: {secret})
        withMountedSecret(path: "/run/b", source: {secret}, owner: "nobody:users", mode: 288)
    """
    assert q.sh("stat -c '%a %u:%g' /run/a /run/b; wc -c < /run/a; stat -f -c %T /run/a", steps) == (
        "400 0:0\n440 65534:100\n9\ntmpfs\n"
    )
    assert q.ask(steps + 'withoutMount(path: "/run/a")', "mounts") == ["/run/b"]
    assert q.sh("ls /run", steps + 'withoutMount(path: "/run/a")') == "b\n"


def test_changes_at_a_mount_unmount_it_and_below_change_the_mounted_tree(q: Any) -> None:
    file, source = q.file_id("f", "new"), q.dir_id(a="1")
    config = f"""
        withMountedFile(path: "/mf", source: {file})
        withMountedDirectory(path: "/md", source: {source})
    """
    replaced = config + 'withNewFile(path: "/mf", contents: "real")'
    assert q.session.chain(replaced, "mounts") == ["/md"]
    assert q.session.chain(replaced, 'rootfs { file(path: "mf") { contents } }')["file"]["contents"] == "real"
    below = config + 'withNewFile(path: "/md/b", contents: "2")\nwithoutFile(path: "/md/a")'
    assert q.session.chain(below, 'directory(path: "/md") { entries }') == {"entries": ["b"]}
    assert q.session.chain(below, "rootfs { entries }") == {"entries": []}
    without = config + 'withoutDirectory(path: "/md")'
    assert q.session.chain(without, "mounts") == ["/mf"]


def test_owner_names_come_from_the_containers_own_files(q: Any) -> None:
    file, source = q.file_id("f", "x"), q.dir_id(a="1", d__b="2")
    steps = f"""
        withMountedDirectory(path: "/m", source: {source})
        withFile(path: "/one", source: {file}, owner: "nobody")
        withFile(path: "/m/two", source: {file}, owner: "nobody:users", permissions: 384)
        withDirectory(path: "/dir", source: {source}, owner: "nobody:users", permissions: 488)
        withDirectory(path: "/m/d", source: {source}, owner: "nobody", include: ["d"])
        withNewFile(path: "/new/three", contents: "", owner: "77", permissions: 448)
    """
    script = "stat -c '%n %a %u:%g' /one /m/two /dir /dir/a /dir/d/b /m/d/d/b /new /new/three"
    assert q.sh(script, steps).splitlines() == [
        "/one 644 65534:65534", "/m/two 600 65534:100", "/dir 750 65534:100", "/dir/a 750 65534:100", "/dir/d/b 750 65534:100",
        "/m/d/d/b 644 65534:65534", "/new 755 0:0", "/new/three 700 77:77",
    ]  # fmt: skip
    assert "ghost" in q.fails("ask", f'withFile(path: "/x", source: {file}, owner: "ghost")', "sync").message


def test_empty_owner_is_root_not_the_sources(q: Any) -> None:
    owned = q.session.chain(
        'withNewFile(path: "a", contents: "")\nchown(path: "a", owner: "5:6")', "id", root="directory"
    )
    steps = f'withDirectory(path: "/d", source: "{owned}")'
    assert q.sh("stat -c %u:%g /d/a", steps) == "0:0\n"


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("", "/work/f"), (".", "/work/f"), ("/", "/f"), ("sub/", "/work/sub/f"), ("/etc", "/etc/f"),
        ("/etc/", "/etc/f"), ("g", "/work/g"), ("/new/path/g", "/new/path/g"), ("$HERE/g", "/here/g"),
    ],
)  # fmt: skip
def test_where_a_file_goes(q: Any, path: str, where: str) -> None:
    steps = f"""
        withEnvVariable(name: "HERE", value: "/here")
        withWorkdir(path: "/work")
        withFile(path: "{path}", source: {q.file_id("f", "x")}, expand: true)
    """
    assert q.ask(steps, f'rootfs {{ file(path: "{where}") {{ contents }} }}')["file"]["contents"] == "x"
    if path != "/":
        two = f'withWorkdir(path: "/work")\nwithFiles(path: "{path.replace("$HERE/", "/here/")}", sources: [{q.file_id("f", "x")}, {q.file_id("h", "y")}])'
        assert q.ask(two, f'exists(path: "{path.replace("$HERE", "/here") or "."}/h")') is True


def test_copies_follow_links_to_directories_in_the_destination(q: Any) -> None:
    source = q.dir_id(lib__new="1", lib__deep__x="2")
    steps = f"""
        withNewFile(path: "/usr/lib/old", contents: "0")
        withSymlink(target: "usr/lib", linkName: "/lib")
        withDirectory(path: "/", source: {source})
        withNewFile(path: "/lib/direct", contents: "3")
    """
    rootfs = q.session.chain(steps, 'rootfs { directory(path: "usr/lib") { glob(pattern: "**") } }')
    assert rootfs["directory"]["glob"] == ["deep/", "deep/x", "direct", "new", "old"]
    assert q.session.chain(steps, 'stat(path: "/lib", doNotFollowSymlinks: true) { fileType }') == {
        "fileType": "SYMLINK"
    }


def test_removal_takes_globs_and_missing_paths(q: Any) -> None:
    source = q.dir_id(a_dot_txt="", b_dot_txt="", c_dot_md="", d__e_dot_txt="")
    start = f'withDirectory(path: "/", source: {source})\n'
    for step, left in [
        ('withoutFile(path: "/none")', ["a.txt", "b.txt", "c.md", "d/"]),
        ('withoutFile(path: "/*.txt")', ["c.md", "d/"]),
        ('withoutFiles(paths: ["/a.txt", "c.md", "/none"])', ["b.txt", "d/"]),
        ('withoutDirectory(path: "/d")', ["a.txt", "b.txt", "c.md"]),
        ('withoutDirectory(path: "/none")', ["a.txt", "b.txt", "c.md", "d/"]),
    ]:
        assert q.session.chain(start + step, "rootfs { entries }") == {"entries": left}, step


def test_paths_start_at_the_working_directory(q: Any) -> None:
    steps = 'withWorkdir(path: "/w")\nwithNewFile(path: "a/b", contents: "1")'
    assert q.session.chain(steps, 'file(path: "a/b") { contents name }') == {"contents": "1", "name": "b"}
    assert q.session.chain(steps, 'directory(path: ".") { entries name }') == {
        "entries": ["a/"],
        "name": "w/",
    }
    assert q.session.chain(steps, 'directory(path: "/") { name }') == {"name": "/"}


def test_4_5_errors_of_paths(q: Any) -> None:
    mount = f'withMountedDirectory(path: "/mnt/dir", source: {q.dir_id(a="1", d__x="2")})'
    for leaf, message in [
        ('file(path: "/mnt/dir/bogus") { contents }', "bogus: no such file or directory"),
        ('directory(path: "/mnt/dir/bogus") { entries }', "bogus: no such file or directory"),
        ('directory(path: "/mnt/dir/a") { entries }', "path a is a file, not a directory"),
        ('file(path: "/mnt/dir/d") { contents }', "path d is a directory, not a file"),
        ('file(path: "/bogus") { contents }', "bogus: no such file or directory"),
        ('directory(path: "/etc/passwd") { entries }', "is a file, not a directory"),
        ('file(path: "/etc") { contents }', "is a directory, not a file"),
        ('stat(path: "/bogus") { size }', "no such file or directory"),
    ]:
        error = q.fails("ask", mount, leaf)
        assert message in error.message, leaf
        assert error.extensions is None


def test_links_and_existence(q: Any) -> None:
    steps = """
        withSymlink(target: "../odd/./target", linkName: "/a/link")
        withSymlink(target: "/etc/passwd", linkName: "/a/good")
    """
    assert q.sh("readlink /a/link", steps) == "../odd/./target\n"
    for arguments, there in [
        ('path: "/a/link"', False),
        ('path: "/a/link", doNotFollowSymlinks: true', True),
        ('path: "/a/good"', True),
        ('path: "/a/good", expectedType: REGULAR_TYPE', True),
        ('path: "/a/good", expectedType: SYMLINK_TYPE, doNotFollowSymlinks: true', True),
        ('path: "/a", expectedType: DIRECTORY_TYPE', True),
        ('path: "/a", expectedType: REGULAR_TYPE', False),
    ]:
        assert q.ask(steps, f"exists({arguments})") is there, arguments


def test_missing_files_are_told_at_once_and_missing_directories_later(q: Any) -> None:
    missing = "no such file or directory"
    assert missing in q.fails("ask", "", 'file(path: "/none") { id }').message
    assert q.ask("", 'directory(path: "/none") { id }')["id"]
    assert missing in q.fails("ask", "", 'directory(path: "/none") { entries }').message


def test_mounts_are_seen_by_commands_and_getters_only(q: Any) -> None:
    source = q.dir_id(inner="1")
    mount = f'withMountedDirectory(path: "/etc", source: {source})'
    assert q.ask(mount, 'directory(path: "/etc") { entries }') == {"entries": ["inner"]}
    assert "inner" in q.sh("ls /etc", mount)
    assert q.ask(mount, 'exists(path: "/etc/passwd")') is False
    assert q.ask(mount, 'rootfs { exists(path: "etc/passwd") }') == {"exists": True}
    assert (
        "passwd"
        in q.ask(f'{mount}\nwithoutMount(path: "/etc")', 'directory(path: "/etc") { entries }')["entries"]
    )


def test_what_a_command_writes_below_a_mount_is_there_for_steps_too(q: Any) -> None:
    source = q.dir_id(a="1")
    steps = f"""
        withMountedDirectory(path: "/m", source: {source})
        withExec(args: ["sh", "-c", "echo 2 > /m/b"])
        withNewFile(path: "/m/c", contents: "3")
        withExec(args: ["sh", "-c", "cat /m/a /m/b /m/c; rm /m/a"])
        withoutFile(path: "/m/b")
    """
    assert q.ask(steps, "stdout") == "12\n3"
    assert q.ask(steps, 'directory(path: "/m") { entries }') == {"entries": ["c"]}


def test_directories_are_merged_and_modes_kept(q: Any) -> None:
    source = q.session.chain(
        """
        withNewFile(path: "sub/new", contents: "2", permissions: 416)
        withNewDirectory(path: "empty", permissions: 448)
        """,
        "id",
        root="directory",
    )
    steps = f"""
        withNewFile(path: "/d/sub/old", contents: "1")
        withDirectory(path: "/d", source: "{source}")
        withDirectory(path: "/filtered", source: "{source}", exclude: ["empty"], permissions: 511)
        withDirectory(path: "/only", source: "{source}", include: ["emp*"])
    """
    found = q.sh(
        "stat -c '%n %a' /d /d/sub/* /d/empty /filtered /filtered/sub /filtered/sub/new; ls /filtered /only",
        steps,
    )
    assert found.split("\n")[:-1] == [
        "/d 755", "/d/sub/new 640", "/d/sub/old 644", "/d/empty 700", "/filtered 777", "/filtered/sub 777",
        "/filtered/sub/new 777", "/filtered:", "sub", "", "/only:", "empty",
    ]  # fmt: skip


def test_the_value_of_a_secret_is_read_when_the_command_runs(q: Any) -> None:
    secret = q.secret("read-late", "first-value")
    mount = f'withMountedSecret(path: "/s", source: {secret})'
    assert q.sh("wc -c < /s; echo 1", mount) == "11\n1\n"
    q.secret("read-late", "the-second-value")
    assert q.sh("wc -c < /s; echo 2", mount) == "16\n2\n"
    assert q.sh("wc -c < /s; echo 1", mount) == "11\n1\n", "a changed value alone runs nothing again"


def test_mount_points_cannot_be_the_root(q: Any) -> None:
    error = q.fails("sh", "true", f'withMountedDirectory(path: "/", source: {q.dir_id(a="1")})')
    assert "withRootfs" in error.message


def test_5_4_a_temporary_directory_is_for_everybody(q: Any) -> None:
    """Also where it lies on a directory that is not, and a working directory in it belongs to the user."""
    config = 'withMountedTemp(path: "/root")\nwithUser(name: "1000:1001")\nwithWorkdir(path: "/root/x")'
    shown = q.sh("stat -c %a:%u:%g /root .; touch /root/new new", config)
    assert shown.split() == ["1777:0:0", "755:1000:1001"]


def test_directories_lie_on_directories_and_files_on_files(q: Any) -> None:
    """What does not fit is told by its path in the container, with what to do."""
    source, file, secret = q.dir_id(a="1"), q.file_id("f", "x"), q.secret("fits", "fits-value")
    volume = q.id('cacheVolume(key: "fits")')
    # Not one that an OCI runtime itself reads: runc cannot start anything where `/etc/passwd` is a directory.
    base = 'withNewFile(path: "/etc/motd", contents: "hello")\n'
    for step in [
        f'withMountedDirectory(path: "/etc/motd", source: {source})',
        f'withMountedCache(path: "/etc/motd", cache: {volume})',
        'withMountedTemp(path: "/etc/motd")',
    ]:
        message = q.fails("sh", "true", base + step).message
        name = step.partition("(")[0]
        assert message.endswith(
            f"{name}: /etc/motd is a file in the container: choose another path, or remove the file first with "
            "withoutFile"
        )
        assert (
            q.sh("test -d /etc/motd && echo there", f'{base}withoutFile(path: "/etc/motd")\n{step}')
            == "there\n"
        )
    for step in [
        f'withMountedFile(path: "/etc", source: {file})',
        f'withMountedFile(path: "/etc/", source: {file})',
        f'withMountedSecret(path: "/etc", source: {secret})',
    ]:
        message = q.fails("sh", "true", step).message
        name = step.partition("(")[0]
        assert message.endswith(
            f"{name}: /etc is a directory in the container: give the whole path, with the name of the file"
        )
    inner = f'withMountedDirectory(path: "/m", source: {source})\nwithMountedTemp(path: "/m/a")'
    assert "withMountedTemp: /m/a is a file" in q.fails("sh", "true", inner).message


def test_what_unmounts_and_what_changes_the_mount(q: Any) -> None:
    """5.4: a step on exactly a mount path unmounts first.

    Below a mount path it changes the mounted tree. So does what puts files into a mounted directory under names of their
    own: `withFiles`, and `withFile` with a `/` at the end.
    """
    source, file, other = q.dir_id(a="1"), q.file_id("f", "x"), q.dir_id(b="2")
    directory = f'withMountedDirectory(path: "/m", source: {source})'
    mounted_file = f'withMountedFile(path: "/m", source: {file})'
    for steps, mounts, there in [
        (f'{directory}\nwithFile(path: "/m", source: {file})', [], ["m"]),
        (f'{directory}\nwithFile(path: "/m/", source: {file})', ["/m"], ["m/a", "m/f"]),
        (f'{directory}\nwithFile(path: "/m/.", source: {file})', ["/m"], ["m/a", "m/f"]),
        (
            f'{directory}\nwithWorkdir(path: "/m/d")\nwithFile(path: "..", source: {file})',
            ["/m"],
            ["m/a", "m/f"],
        ),
        (f'{directory}\nwithFiles(path: "/m", sources: [{file}])', ["/m"], ["m/a", "m/f"]),
        (f'{directory}\nwithNewFile(path: "/m", contents: "")', [], ["m"]),
        (f'{directory}\nwithDirectory(path: "/m", source: {other})', [], ["m/b"]),
        (f'{directory}\nwithDirectory(path: "/m/", source: {other})', [], ["m/b"]),
        (f'{directory}\nwithDirectory(path: "/m/d", source: {other})', ["/m"], ["m/a", "m/d/"]),
        (f'{directory}\nwithSymlink(target: "t", linkName: "/m")', [], ["m"]),
        (f'{directory}\nwithoutDirectory(path: "/m")', [], []),
        (f'{directory}\nwithoutFile(path: "/m")', [], []),
        (f'{mounted_file}\nwithDirectory(path: "/m", source: {other})', [], ["m/b"]),
        (f'{mounted_file}\nwithoutFiles(paths: ["/m"])', [], []),
        ('withMountedTemp(path: "/m")\nwithNewFile(path: "/m", contents: "")', [], ["m"]),
        (f"{mounted_file}\nwithRootfs(directory: {source})", ["/m"], None),
    ]:
        assert q.session.chain(steps, "mounts") == mounts, steps
        if there is None:
            continue
        if mounts:
            seen = [
                f"m/{name}" for name in q.session.chain(steps, 'directory(path: "/m") { entries }')["entries"]
            ]
        else:
            found = q.session.chain(steps, 'rootfs { glob(pattern: "**") }')["glob"]
            seen = [path for path in found if not path.endswith("/")]
        assert seen == there, steps
    for mount in [
        'withMountedTemp(path: "/m")',
        f'withMountedCache(path: "/m", cache: {q.id("""cacheVolume(key: "u")""")})',
    ]:
        below = q.fails("session_chain", f'{mount}\nwithNewFile(path: "/m/x", contents: "")', "sync")
        assert "/m is not a directory mount" in below.message


def test_a_seeded_volume_belongs_to_its_owner(q: Any) -> None:
    """5.4: `owner` holds for the volume and for all of its seed, also where names are those of the container."""
    passwd = 'withNewFile(path: "/etc/passwd", contents: "app:x:77:78::/:/bin/sh\\n")'
    group = 'withNewFile(path: "/etc/group", contents: "team:x:80:\\n")'
    seed = q.dir_id(f="1", d__e="2")
    for owner, expected in [
        ("app", "77:77"),
        ("app:team", "77:80"),
        ("77:team", "77:80"),
        ("5:6", "5:6"),
        ("9", "9:9"),
    ]:
        volume = q.id(f'cacheVolume(key: "owned {owner} {time.time_ns()}")')
        mount = f'withMountedCache(path: "/c", cache: {volume}, source: {seed}, owner: "{owner}")'
        assert q.sh("stat -c %u:%g /c /c/f /c/d /c/d/e", f"{passwd}\n{group}\n{mount}") == f"{expected}\n" * 4
    error = q.fails("sh", "true", f'withMountedCache(path: "/c", cache: {volume}, owner: "ghost")')
    assert 'user "ghost" is not in /etc/passwd' in error.message


@pytest.mark.parametrize("owner", ["ghost", "-1", "+1", " nobody", "4294967296", "ünbekannt"])
def test_an_unknown_owner_is_named(q: Any, owner: str) -> None:
    for step in [
        f'withDirectory(path: "/d", source: {q.dir_id(a="1")}',
        'withNewFile(path: "/d", contents: ""',
    ]:
        error = q.fails("ask", f'{step}, owner: "{owner}")', "sync")
        assert (
            error.message
            == f'user "{owner}" is not in /etc/passwd; use a name that is, or a number below 4294967295'
        )


def test_copies_of_a_mount_go_apart(q: Any) -> None:
    """5.4: copy-on-write: neither the source nor another mount nor another branch sees what is written."""
    source = q.dir_id(a="1", d__b="2")
    both = f"""
        withMountedDirectory(path: "/m", source: {source})
        withMountedDirectory(path: "/n", source: {source})
    """
    change = 'withExec(args: ["sh", "-c", "echo more >> /m/a; chmod 600 /m/a; rm -r /m/d; ln -s a /m/l"])'
    look = "ls /m /n; cat /m/a /n/a; stat -c %a /m/a /n/a"
    assert q.sh(look, f"{both}\n{change}") == "/m:\na\nl\n\n/n:\na\nd\n1more\n1600\n644\n"
    other = 'withExec(args: ["sh", "-c", "echo other > /m/a"])'
    assert q.sh("cat /m/a", f"{both}\n{other}") == "other\n"
    assert q.sh("cat /m/a", f"{both}\n{change}") == "1more\n"
    again = f'{both}\n{change}\nwithoutMount(path: "/m")\nwithMountedDirectory(path: "/m", source: {source})'
    assert q.sh("cat /m/a; ls /m", again) == "1a\nd\n"
    failed = 'withExec(args: ["sh", "-c", "touch /m/z; exit 3"], expect: FAILURE)'
    assert q.ask(f"{both}\n{failed}", 'directory(path: "/m") { entries }') == {"entries": ["a", "d/", "z"]}


def test_a_mount_in_place_of_another(q: Any) -> None:
    """5.4: the last one at a path counts, and `mounts` has it in its own place of the order."""
    steps = f"""
        withMountedDirectory(path: "/m", source: {q.dir_id(a="1")})
        withMountedTemp(path: "/n")
        withMountedDirectory(path: "/m/./x/..//", source: {q.dir_id(b="2")})
    """
    assert q.session.chain(steps, "mounts") == ["/n", "/m"]
    assert q.sh("ls /m", steps) == "b\n"


def test_links_to_what_is_not_there_yet(q: Any) -> None:
    """5.3 and 5.4: a mount or a working directory below a dangling link lies where that leads, and leaves nothing."""
    source, file, secret = (
        q.dir_id(a="1"),
        q.file_id("f", "x"),
        q.secret("below-a-link", "below-a-link-value"),
    )
    link = 'withSymlink(target: "../run", linkName: "/var/run")'
    steps = f"""
        {link}
        withSymlink(target: "/var/run/deep/er", linkName: "/short")
        withMountedDirectory(path: "/var/run/dir", source: {source})
        withMountedFile(path: "/var/run/dir/f", source: {file})
        withMountedFile(path: "/short/file", source: {file})
        withMountedSecret(path: "/var/run/secret", source: {secret})
        withMountedTemp(path: "/short/temp")
        withWorkdir(path: "/short/work")
    """
    script = (
        "pwd -P; find /run -type f | sort; readlink /var/run; wc -c < /var/run/secret; touch /var/run/dir/new"
    )
    assert q.sh(script, steps).splitlines() == [
        "/run/deep/er/work", "/run/deep/er/file", "/run/dir/a", "/run/dir/f", "/run/secret", "../run", "18",
    ]  # fmt: skip
    assert q.sh(script, steps, 'directory(path: "/var/run/dir")', "entries") == ["a", "new"]
    before = q.ask(
        f'{link}\nwithSymlink(target: "/var/run/deep/er", linkName: "/short")', "rootfs { digest }"
    )
    assert q.sh("true", steps, leaf="rootfs { digest }") == before
    loop = 'withSymlink(target: "b", linkName: "/a")\nwithSymlink(target: "a", linkName: "/b")'
    assert "/a/x" in q.fails("sh", "true", f'{loop}\nwithMountedTemp(path: "/a/x")').message
    outside = 'withSymlink(target: "../../../../../../tmp/deep", linkName: "/out")'
    assert q.sh("ls -d /tmp/deep/x", f'{outside}\nwithMountedTemp(path: "/out/x")') == "/tmp/deep/x\n"


def test_a_file_does_not_take_the_place_of_a_directory(q: Any) -> None:
    """5.4: also where the path names the directory that it goes into: what is in there stays."""
    file, same = q.file_id("f", "x"), q.dir_id(f__inner="1")
    config = f'withDirectory(path: "/d", source: {same})\nwithSymlink(target: "d", linkName: "/l")'
    for step, path in [
        (f'withFile(path: "/d", source: {file})', "d/f"),
        (f'withFile(path: "/d/", source: {file})', "d/f"),
        (f'withFile(path: "/l", source: {file})', "l/f"),
        (f'withFiles(path: "/d", sources: [{file}])', "d/f"),
        ('withNewFile(path: "/d/f", contents: "")', "d/f"),
        ('withSymlink(target: "x", linkName: "/d/f")', "d/f"),
        ('withNewFile(path: "/", contents: "")', "/"),
        ('withNewFile(path: "", contents: "")', "/"),
    ]:
        error = q.fails("session_chain", f"{config}\n{step}", "rootfs { entries }")
        assert error.message == f"path {path} is a directory, not a file", step
    inside = f'{config}\nwithFile(path: "/d/f", source: {file})'
    assert q.session.chain(inside, 'directory(path: "/d/f") { entries }') == {"entries": ["f", "inner"]}
    plain = f'withDirectory(path: "d", source: {same})\nwithFile(path: "d/", source: {file})'
    assert q.fails("dir", plain, "entries").message == "path d/f is a directory, not a file"


def test_a_read_only_mount_has_no_place_for_what_is_not_there(q: Any) -> None:
    secret, volume = q.secret("no-place", "no-place-value"), q.id('cacheVolume(key: "no place")')
    mount = f'withMountedDirectory(path: "/m", source: {q.dir_id(a="1", d__e="2")}, readOnly: true)'
    for name, rest in [
        ("withMountedCache", f"cache: {volume}"),
        ("withMountedTemp", "size: 4096"),
        ("withMountedSecret", f"source: {secret}"),
    ]:
        message = q.fails("sh", "true", f'{mount}\n{name}(path: "/m/new", {rest})').message
        assert message == (
            f"{name}: /m/new is not there, and cannot be made in /m, which is mounted read-only: mount /m without "
            "readOnly, or give its directory a place for it"
        )
    there = f'{mount}\nwithMountedCache(path: "/m/d", cache: {volume})\nwithMountedSecret(path: "/m/a", source: {secret})'
    assert q.sh("touch /m/d/x; ls /m/d; wc -c < /m/a; touch /m/y 2>/dev/null || echo refused", there) == (
        "x\n14\nrefused\n"
    )
