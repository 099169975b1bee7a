"""What goes wrong is told, and the engine stays."""

from __future__ import annotations

import contextlib
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from engine import Engine
from session import GraphQLError


def test_a_registry_that_does_not_answer(make_engine: Any, asker: Any, tmp_path: Path) -> None:
    engine = make_engine(mirror="http://127.0.0.1:9")
    with engine.session(workdir=tmp_path) as session:
        q = asker(session)
        error = q.fails("session_chain", 'from(address: "127.0.0.1:9/some/image:1")', "imageRef")
        assert 'failed to resolve image "127.0.0.1:9/some/image:1"' in error.message
        assert error.extensions is None


@pytest.mark.parametrize("path", ["/proc", "/proc/self/x", "/../proc/"])
@pytest.mark.parametrize("kind", ["Temp", "Directory", "Secret"])
def test_nothing_is_mounted_over_the_processes(q: Any, path: str, kind: str) -> None:
    source = {
        "Temp": "",
        "Directory": f", source: {q.dir_id(a='1')}",
        "Secret": f", source: {q.secret('s', 'v')}",
    }
    error = q.fails("sh", "true", f'withMounted{kind}(path: "{path}"{source[kind]})')
    assert "nothing can be mounted at /proc" in error.message and "not in /proc" in error.message


def test_a_directory_on_a_file(q: Any) -> None:
    error = q.fails("sh", "true", 'withMountedTemp(path: "/etc/hosts")')
    assert "etc/hosts" in error.message and "a directory can only be mounted on a directory" in error.message


@pytest.mark.parametrize("name", ["", "A=B", "A\0B"])
@pytest.mark.parametrize("kind", ["Env", "Volatile", "Secret"])
def test_names_that_no_variable_can_have(q: Any, name: str, kind: str) -> None:
    value = f"secret: {q.secret('s', 'v')}" if kind == "Secret" else 'value: "v"'
    error = q.fails("ask", f"with{kind}Variable(name: {json.dumps(name)}, {value})", "workdir")
    assert "cannot be the name of an environment variable" in error.message


def test_variables_with_a_null_character(q: Any) -> None:
    for step in (
        'withEnvVariable(name: "A", value: "x\\u0000")',
        'withVolatileVariable(name: "A", value: "\\u0000")',
    ):
        assert "environment variable A" in q.fails("ask", step, "workdir").message


@pytest.mark.parametrize("leaf", ["", 'file(path: "d/f") {'])
def test_an_export_below_a_file_names_the_file(q: Any, tmp_path: Path, leaf: str) -> None:
    (tmp_path / "file").write_text("")
    export = f'{leaf} export(path: "file/below/that") {"}" if leaf else ""}'
    error = q.fails("dir", 'withNewFile(path: "d/f", contents: "x")', export)
    assert f"path {tmp_path / 'file'} is a file, not a directory" in error.message


@pytest.mark.parametrize(
    "address", ["", " ", "UPPER/case", "a b", "busybox:", "busybox@sha256:zz", "x" * 600, "../../etc/passwd"]
)
def test_references_that_are_none(q: Any, address: str) -> None:
    assert q.fails("session_chain", f"from(address: {json.dumps(address)})", "imageRef").message


@pytest.mark.parametrize(
    "step",
    [
        'withNewFile(path: "../../../../tmp/escaped", contents: "x")',
        'withSymlink(target: "/", linkName: "out")\nwithNewFile(path: "out/escaped", contents: "x")',
        'withSymlink(target: "../../../..", linkName: "out")\nwithNewFile(path: "out/tmp/escaped", contents: "x")',
        'withFile(path: "../x", source: ID)',
        'withDirectory(path: "../../x", source: DIR)',
        'withoutDirectory(path: "../..")',
        'file(path: "../../etc/passwd")\nwithName(name: "x")',
        'directory(path: "../../etc")',
    ],
)
def test_paths_cannot_leave_a_directory(q: Any, tmp_path: Path, step: str) -> None:
    step = step.replace("ID", q.file_id("f", "x")).replace("DIR", q.dir_id(a="1"))
    said = "outside"
    try:
        q.dir(step, 'export(path: "out")')
    except GraphQLError as error:
        said = error.message
    # Refused, or cleaned; whatever it is, it stays inside.
    assert "outside" in said or "no such file" in said
    assert not Path("/tmp/escaped").exists()
    assert not Path("/escaped").exists()
    assert {path.name for path in tmp_path.iterdir()} <= {"out"}


def test_an_export_does_not_follow_links_that_lead_out(q: Any, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "d").symlink_to(outside)
    with contextlib.suppress(GraphQLError):
        q.dir('withNewFile(path: "d/x", contents: "1")', 'export(path: "out")')
    assert not (outside / "x").exists()


def test_strange_names_and_contents(q: Any) -> None:
    names = ["with space", "ü", "new\nline", "-dash", 'quo"te', "back\\slash", "*", "$HOME", "a" * 255, "🦀"]
    steps = "\n".join(
        f"withNewFile(path: {json.dumps(name)}, contents: {json.dumps(name)})" for name in names
    ).replace("\\n", "\\u000a")
    directory = json.dumps(q.dir(steps, "id"))
    assert q.session.query(f"{{ node(id: {directory}) {{ ... on Directory {{ entries }} }} }}")["node"][
        "entries"
    ] == sorted(names, key=str.encode)
    assert (
        q.sh(
            'cd /m; for f in *; do cmp -s "$f" - <<E || true\nE\nwc -c < ./"$f"; done | wc -l',
            f'withMountedDirectory(path: "/m", source: {directory})',
        )
        == f"{len(names)}\n"
    )


@pytest.mark.parametrize("permissions", [-1, 0o10000, 2**40])
def test_permissions_that_are_none(q: Any, permissions: int) -> None:
    error = q.fails("dir", f'withNewFile(path: "a", contents: "", permissions: {permissions})', "entries")
    assert str(permissions) in error.message


@pytest.mark.parametrize("step", ["withExposedPort(port: 0)", "withExposedPort(port: 65536)", 'withMountedTemp(path: "/t", size: 0)\nwithExec(args: ["true"])', 'withEnvVariable(name: "A", value: "x\\u0000y")\nwithExec(args: ["true"])', 'withExec(args: ["echo", "a\\u0000b"])', 'withExec(args: [""])', 'withMountedTemp(path: "/")\nwithExec(args: ["true"])'])  # fmt: skip
def test_arguments_that_make_no_sense_are_refused(q: Any, step: str) -> None:
    assert q.fails("ask", step, "sync").message


@pytest.mark.parametrize("what", ["one argument", "all arguments", "a variable"])
def test_more_than_the_kernel_takes(q: Any, what: str) -> None:
    long = json.dumps("x" * 200_000)
    many = ", ".join(['"' + "y" * 1000 + '"'] * 3000)
    steps = {
        "one argument": f'withExec(args: ["true", {long}])',
        "all arguments": f'withExec(args: ["true", {many}])',
        "a variable": f'withEnvVariable(name: "A", value: {long})\nwithExec(args: ["true"])',
    }[what]
    message = q.fails("ask", steps, "sync").message
    assert message.startswith("true") and len(message) < 500
    assert "too long for the kernel" in message and "in a file or by standard input" in message
    assert q.ask(f'withExec(args: ["wc", "-c"], stdin: {long})', "stdout") == "200000\n"


LONG = "n" * 300


@pytest.mark.parametrize(
    ("kind", "steps", "leaf"),
    [
        ("dir", f'withNewFile(path: "{LONG}", contents: "")', "entries"),
        ("dir", f'withNewDirectory(path: "a/{LONG}")', "entries"),
        ("dir", f'withSymlink(target: "x", linkName: "{LONG}")', "entries"),
        ("dir", f'withFile(path: "{LONG}", source: ID)', "entries"),
        ("ask", f'withNewFile(path: "/{LONG}", contents: "")', "rootfs { entries }"),
        ("ask", f'withWorkdir(path: "/{LONG}")\nwithExec(args: ["true"])', "sync"),
        ("ask", f'withMountedTemp(path: "/{LONG}")\nwithExec(args: ["true"])', "sync"),
        ("ask", f'withExec(args: ["true"], redirectStdout: "/{LONG}")', "sync"),
        ("ask", f'withExec(args: ["touch", "/{LONG}"])', "sync"),
        ("dir", 'withNewFile(path: "a", contents: "")', f'export(path: "{LONG}")'),
        ("ask", f'file(path: "/{LONG}")', "contents"),
        ("session_query", f'{{ host {{ file(path: "{LONG}") {{ contents }} }} }}', None),
    ],
)
def test_names_of_300_bytes(q: Any, kind: str, steps: str, leaf: str | None) -> None:
    """File systems take 255: the error shows the name, or its beginning, and what is wrong with it."""
    arguments = [steps.replace("ID", q.file_id("f", "x"))] + ([leaf] if leaf else [])
    error = q.fails(kind, *arguments)
    said = error.message + (error.extensions or {}).get("stderr", "")
    assert "nnnn" in said
    assert "255" in said or "too long" in said, said
    assert len(error.message) < 1000


def test_names_of_300_bytes_that_are_no_file_names(q: Any) -> None:
    volume = q.id(f'cacheVolume(key: "{LONG}")')
    assert q.sh("echo kept > /v/x; cat /v/x", f'withMountedCache(path: "/v", cache: {volume})') == "kept\n"
    secret = q.secret(LONG, "hidden")
    assert (
        q.sh(f"env | grep ^{LONG}= | wc -c", f'withSecretVariable(name: "{LONG}", secret: {secret})')
        == "308\n"
    )
    assert q.sh("true", f'withLabel(name: "{LONG}", value: "x")', leaf="exitCode") == 0


def test_contents_that_are_no_text(q: Any, tmp_path: Path) -> None:
    """A text in an answer replaces what is not UTF-8; files and outputs keep their bytes."""
    data = bytes(range(256)) * 40
    (tmp_path / "binary").write_bytes(data)
    shown = data.decode(errors="replace")
    file = 'file(path: "binary")'
    assert q.session_query(f"{{ host {{ {file} {{ contents }} }} }}")["host"]["file"]["contents"] == shown
    name = json.dumps(q.session_query(f"{{ host {{ {file} {{ id }} }} }}")["host"]["file"]["id"])
    mount = f'withMountedFile(path: "/b", source: {name})'
    assert q.sh("cat /b", mount) == shown
    assert q.sh("cat /b; exit 3", mount, leaf="exitCode", expect="ANY") == 3
    q.sh("cat /b", mount, 'file(path: "/out")', 'export(path: "out")', redirectStdout='"/out"')
    assert (tmp_path / "out").read_bytes() == data


def test_an_unknown_image_behind_a_mirror(q: Any, registry: Any) -> None:
    """The answer of the mirror comes first; that the registry itself is out of reach is an afterthought."""
    error = q.fails("session_chain", 'from(address: "no-such-image:7")', "imageRef")
    start, _, reason = error.message.partition("): ")
    assert start == 'failed to resolve image "docker.io/library/no-such-image:7" (platform: "linux/amd64"'
    assert reason.startswith(
        f"127.0.0.1:{registry.port} has no manifest docker.io/library/no-such-image:7: not found"
    )
    assert "check the name and the tag" in reason


def test_a_mirror_that_is_down(make_engine: Any, asker: Any, tmp_path: Path) -> None:
    engine = make_engine(mirror="http://127.0.0.1:9")
    with engine.session(workdir=tmp_path) as session, engine.session(workdir=tmp_path) as other:
        error = asker(session).fails("session_chain", 'from(address: "some:1")', "imageRef")
        assert "cannot reach registry" in error.message
        assert "127.0.0.1:9" in error.message
        assert asker(other).dir('withNewFile(path: "a", contents: "")', "entries") == ["a"]


@pytest.mark.parametrize(
    "document",
    ["", "{", "}", "{ version", "{ version }}", "query { version } query { version }", '{ a: "x" }', "\u0000", '{ container { from(address: "x) } }', "mutation { version }", "{ ...F } fragment F on Query { ...F }", "{" * 10_000, '{ directory { withNewFile(path: "a", contents: "\\uD800") { entries } } }', "{ version @skip }", "query($a: Int!) { version }"],
)  # fmt: skip
def test_documents_that_are_none(q: Any, engine: Engine, document: str) -> None:
    pid = engine.pid()
    status, _, body = q.session.request(json.dumps({"query": document}).encode())
    answer = json.loads(body)
    # Lenient where the original is; never a crash, and always an answer in JSON.
    assert answer.get("errors") or status == 200, (status, body[:300])
    for error in answer.get("errors") or []:
        assert error["message"]
    assert q.session.query("{ version }")["version"]
    assert engine.pid() == pid


@pytest.mark.alone
def test_a_fork_bomb_without_any_setting(fresh: Engine, asker: Any, tmp_path: Path) -> None:
    """There is a limit by default, and other sessions go on."""
    script = "n=0; while [ $n -lt 20000 ]; do sleep 100 & n=$((n+1)); done; echo all"
    with fresh.session(workdir=tmp_path) as session, fresh.session(workdir=tmp_path) as other:
        outcome: list[GraphQLError] = []
        thread = threading.Thread(target=lambda: outcome.append(asker(session).fails("sh", script)))
        thread.start()
        number = 0
        while thread.is_alive():
            assert asker(other).sh(f"echo {number}") == f"{number}\n"
            number += 1
        assert "fork" in outcome[0].extensions["stderr"], outcome
        assert asker(session).sh("echo still there") == "still there\n"


@pytest.fixture(scope="module")
def limited(make_engine: Any) -> Engine:
    return make_engine(KUKRI_PIDS_MAX="200", KUKRI_MEMORY_MAX=str(64 << 20))


def told(engine: Engine, what: str, flag: str, message: str) -> None:
    """The error names the limit; all else was looked at before."""
    if Path(engine.env.get("KUKRI_OCI_RUNTIME", "")).name == "runc":
        pytest.skip("a step that runc runs ends with its status alone, which does not tell the limit")
    assert f"{what} than it may have, see `kukri engine {flag}`" in message


def test_a_fork_bomb_stays_in_its_container(limited: Engine, asker: Any, tmp_path: Path) -> None:
    with limited.session(workdir=tmp_path) as session, limited.session(workdir=tmp_path) as other:
        outcome: list[str] = []
        bomb = "b() { b | b & b; }; b 2>/dev/null; sleep 2; exit 4"
        q = asker(session)
        thread = threading.Thread(
            target=lambda: outcome.append(
                q.fails("sh", f"timeout 3 sh -c {json.dumps(bomb)}; exit 4").message
            )
        )
        thread.start()
        for number in range(5):
            assert asker(other).sh(f"echo {number}") == f"{number}\n"
        thread.join(60)
        assert not thread.is_alive()
        assert outcome
        assert q.sh("echo still there") == "still there\n"
    told(limited, "more processes", "--pids-max", outcome[0])


def test_memory_beyond_the_limit_is_told(limited: Engine, asker: Any, tmp_path: Path) -> None:
    with limited.session(workdir=tmp_path) as session:
        q = asker(session)
        error = q.fails("sh", "x=$(head -c 200000000 /dev/zero | tr '\\0' a); echo ${#x}")
        assert error.extensions["exitCode"] != 0
        assert q.sh("echo fine") == "fine\n"
    told(limited, "more memory", "--memory-max", error.message)


@pytest.mark.alone
def test_a_flood_of_output_does_not_fill_the_memory(fresh: Engine, asker: Any, tmp_path: Path) -> None:
    """What is held of an output is bounded: the windows of errors, 8 MiB of events that wait for the client, 2 MiB on
    their way to it, and buffers. What was freed stays with its thread until that has work again: up to twice as much."""

    def flood(megabytes: int) -> int:
        """Twice so much, once of a command that fails; gives the engine's memory then."""
        size = megabytes * 1_000_000
        assert q.sh(f"head -c {size} /dev/zero", leaf="exitCode") == 0
        error = q.fails("sh", f"head -c {size} /dev/zero | tr '\\0' x; exit 1")
        assert error.extensions["stdout"].startswith(f"[omitting {size - 102_400} bytes]...x")
        return resident(fresh)

    with fresh.session(workdir=tmp_path) as session:
        q = asker(session)
        q.sh("true")
        before = resident(fresh)
        little = flood(50)
        much = flood(250)
        told = f"{before >> 20} MiB before, {little >> 20} after 100 MB, {much >> 20} after 500 MB more"
        # Each stream is written twice, alone and with the other: a twentieth of what is kept of either would be seen.
        assert max(little, much) - before < 64 << 20, told


def resident(engine: Engine) -> int:
    status = Path(f"/proc/{engine.pid()}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) << 10
