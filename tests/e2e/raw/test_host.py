"""What only the client has: its files, its secrets; and what comes back to it."""

import json
import os
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from engine import Engine
from session import GraphQLError, Session


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def host(session: Session, arguments: str, *leaves: str) -> Any:
    return session.chain(f"directory({arguments})", *leaves, root="host")


def test_paths_are_relative_to_the_working_directory(engine: Engine, tmp_path: Path) -> None:
    write(tmp_path, a__f="1", b__g="2")
    with engine.session(workdir=tmp_path / "a") as session:
        assert host(session, 'path: "."', "entries") == ["f"]
        assert host(session, 'path: "../b"', "entries") == ["g"]
        assert host(session, f"path: {json.dumps(str(tmp_path))}", "entries") == ["a/", "b/"]
        assert session.query('{ host { file(path: "../b/g") { contents name } } }')["host"]["file"] == {
            "contents": "2",
            "name": "g",
        }
        assert session.query('{ host { findUp(name: "b") } }')["host"]["findUp"] == "../b"
        assert session.query('{ host { findUp(name: "nowhere.xyz") } }')["host"]["findUp"] is None


def test_patterns_and_gitignore(session: Session, tmp_path: Path) -> None:
    write(tmp_path, src__a_py="", src__b_txt="", node_modules__x__y="", keep_log="", x_log="")
    (tmp_path / ".gitignore").write_text("*_log\n!keep_log\nnode_modules/\n")
    assert host(session, 'path: ".", exclude: ["node_modules", ".*", "*_log"]', 'glob(pattern: "**")') == [
        "src/",
        "src/a_py",
        "src/b_txt",
    ]
    assert host(session, 'path: ".", include: ["**/*_py"]', 'glob(pattern: "**")') == ["src/", "src/a_py"]
    found = host(session, 'path: ".", gitignore: true', 'glob(pattern: "**")')
    assert found == [".gitignore", "keep_log", "src/", "src/a_py", "src/b_txt"]


def test_only_what_changed_is_sent_again(engine: Engine, tmp_path: Path) -> None:
    for number in range(50):
        (tmp_path / f"f{number}").write_bytes(os.urandom(40_000))
    # What was written just now may still change without anyone seeing that from its times.
    time.sleep(2.5)

    def moved() -> int:
        with engine.session(workdir=tmp_path) as session:
            assert len(host(session, 'path: "."', "entries")) == 50
            # What is sent is what the client had to read.
            counters = Path(f"/proc/{session.process.pid}/io").read_text().split()
            return int(counters[counters.index("rchar:") + 1])

    first = moved()
    assert first >= 2_000_000, "all of it, the first time"
    (tmp_path / "f7").write_bytes(os.urandom(40_000))
    assert moved() < 200_000


def test_the_first_answer_is_kept_for_the_session(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("1")
    read = '{ host { directory(path: ".") { file(path: "f") { contents } } } }'
    again = read.replace('path: ".")', 'path: ".", noCache: true)')
    with engine.session(workdir=tmp_path) as session:
        assert session.query(read)["host"]["directory"]["file"]["contents"] == "1"
        (tmp_path / "f").write_text("2")
        assert session.query(read)["host"]["directory"]["file"]["contents"] == "1"
        assert session.query(again)["host"]["directory"]["file"]["contents"] == "2"


def test_modes_links_and_times_arrive_owners_do_not(session: Session, tmp_path: Path) -> None:
    script = tmp_path / "run"
    script.write_text("x")
    script.chmod(0o750)
    os.chown(script, 1234, 1234) if os.geteuid() == 0 else None
    os.utime(script, (1000, 1000))
    (tmp_path / "link").symlink_to("run")
    name = host(session, 'path: "."', "id")
    before = f'withMountedDirectory(path: "/m", source: "{name}")'
    assert (
        session.run("sh", "-c", "cd /m; stat -c '%a %u %g %Y' run; readlink link", before=before)
        == "750 0 0 1000\nrun\n"
    )


def test_a_socket_in_a_directory_does_not_break_it(session: Session, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "s"))
    assert "f" in host(session, 'path: "."', "entries")
    server.close()


def test_a_path_that_is_not_there(session: Session, tmp_path: Path) -> None:
    with pytest.raises(GraphQLError) as caught:
        host(session, 'path: "none"', "entries")
    assert "none" in caught.value.message and caught.value.extensions is None


def test_export_merges_and_wipes(session: Session, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(out, old="1")
    steps = 'withNewFile(path: "bin/tool", contents: "x", permissions: 493)\nwithSymlink(target: "tool", linkName: "bin/link")'
    assert session.chain(steps, 'export(path: "out")', root="directory") == str(out)
    assert (out / "old").exists() and (out / "bin/tool").stat().st_mode & 0o777 == 0o755
    assert os.readlink(out / "bin/link") == "tool"
    session.chain(steps, 'export(path: "out", wipe: true)', root="directory")
    assert sorted(path.name for path in out.rglob("*")) == ["bin", "link", "tool"]


def test_export_of_files(session: Session, tmp_path: Path) -> None:
    step = 'file(name: "result", contents: "x")'
    assert session.query(f'{{ {step} {{ export(path: "there/new") }} }}')["file"]["export"] == str(
        tmp_path / "there/new"
    )
    assert (tmp_path / "there/new").read_text() == "x"
    with pytest.raises(GraphQLError):
        session.query(f'{{ {step} {{ export(path: "there") }} }}')
    session.query(f'{{ {step} {{ export(path: "there", allowParentDirPath: true) }} }}')
    assert (tmp_path / "there/result").read_text() == "x"


def test_secrets_of_all_kinds_reach_containers(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file")
    engine.env["E2E_SECRET"] = "from-env"
    with engine.session(workdir=tmp_path) as session:
        uris = ["env://E2E_SECRET", f"file://{tmp_path}/token", "cmd://printf from-cmd"]
        for uri, value in zip(uris, ["from-env", "from-file", "from-cmd"], strict=True):
            name = session.query(f"{{ secret(uri: {json.dumps(uri)}) {{ id }} }}")["secret"]["id"]
            assert (
                session.query(f'{{ node(id: "{name}") {{ ... on Secret {{ plaintext }} }} }}')["node"][
                    "plaintext"
                ]
                == value
            )
            before = f'withSecretVariable(name: "S", secret: "{name}")\nwithMountedSecret(path: "/s", source: "{name}")'
            script = f"test $S = {value} && test $(cat /s) = {value} && stat -c %a /s"
            assert session.run("sh", "-c", script, before=before) == "400\n"
        with pytest.raises(GraphQLError, match='secret env var not found: "NOT'):
            session.query('{ secret(uri: "env://NOT_THERE_AT_ALL") { plaintext } }')
        with pytest.raises(GraphQLError, match='unsupported secret provider: "nope"'):
            session.query('{ secret(uri: "nope://x") { plaintext } }')


def secret(session: Session, name: str, value: str) -> str:
    found = session.query(
        "query($n: String!, $v: String!) { setSecret(name: $n, plaintext: $v) { id } }",
        {"n": name, "v": value},
    )
    return str(found["setSecret"]["id"])


def test_secrets_are_scrubbed_from_all_output(engine: Engine, tmp_path: Path) -> None:
    with engine.session(workdir=tmp_path) as session:
        name = secret(session, "token", "  hunter2-very-secret\n")
        before = f'withSecretVariable(name: "S", secret: "{name}")'
        # In two writes, so that the value is never in one piece.
        script = "V=$(echo $S); printf 'a %.8s' $V; sleep 0.2; echo ${V#????????} b; echo $V >&2"
        steps = f'from(address: "busybox")\n{before}\nwithExec(args: ["sh", "-c", {json.dumps(script)}], redirectStdout: "/o")'
        assert session.chain(steps, "stdout", "stderr") == {"stdout": "a *** b\n", "stderr": "***\n"}
        assert session.chain(f'{steps}\nfile(path: "/o")', "contents") == "a *** b\n"
        with pytest.raises(GraphQLError) as caught:
            session.run("sh", "-c", "echo $S; exit 1", before=before)
        assert "hunter2" not in json.dumps(caught.value.errors) and caught.value.extensions["stdout"] == "***"
        session.close()
        assert "hunter2" not in session.stderr()
    assert "hunter2" not in engine.log()


def test_secrets_are_not_written_to_the_store(fresh: Engine, tmp_path: Path) -> None:
    with fresh.session(workdir=tmp_path) as session:
        name = secret(session, "token", "uniquely-secret-4711")
        before = f'withSecretVariable(name: "S", secret: "{name}")\nwithMountedSecret(path: "/s", source: "{name}")'
        assert session.run("sh", "-c", "test $S = $(cat /s) && echo same", before=before) == "same\n"
    fresh.stop()
    for path in fresh.root.rglob("*"):
        if path.is_file():
            assert b"uniquely-secret-4711" not in path.read_bytes(), path


def test_a_secret_is_known_by_its_name_not_its_value(engine: Engine) -> None:
    outputs = []
    for value in ("one", "two"):
        with engine.session() as session:
            before = f'withSecretVariable(name: "S", secret: "{secret(session, "same-name", value)}")'
            outputs.append(session.run("cat", "/proc/sys/kernel/random/uuid", before=before))
    assert outputs[0] == outputs[1]


def test_other_sessions_cannot_use_a_secret(engine: Engine) -> None:
    with engine.session() as owner, engine.session() as other:
        name = secret(owner, "private", "private-value")
        with pytest.raises(GraphQLError):
            other.query(f'{{ node(id: "{name}") {{ ... on Secret {{ plaintext }} }} }}')
