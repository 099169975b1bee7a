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


@pytest.fixture(scope="module")
def limited(make_engine: Any) -> Engine:
    return make_engine(KUKRI_PIDS_MAX="200", KUKRI_MEMORY_MAX=str(64 << 20))


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


def test_memory_beyond_the_limit_is_told(limited: Engine, asker: Any, tmp_path: Path) -> None:
    with limited.session(workdir=tmp_path) as session:
        q = asker(session)
        error = q.fails("sh", "x=$(head -c 200000000 /dev/zero | tr '\\0' a); echo ${#x}")
        assert "memory" in error.message
        assert error.extensions["exitCode"] != 0
        assert q.sh("echo fine") == "fine\n"


@pytest.mark.slow
def test_a_flood_of_output_does_not_fill_the_memory(fresh: Engine, asker: Any, tmp_path: Path) -> None:
    with fresh.session(workdir=tmp_path) as session:
        q = asker(session)
        q.sh("true")
        before = resident(fresh)
        assert q.sh("head -c 100000000 /dev/zero", leaf="exitCode") == 0
        error = q.fails("sh", "head -c 100000000 /dev/zero | tr '\\0' x; exit 1")
        assert error.extensions["stdout"].startswith("[omitting 99897600 bytes]...x")
        # 200 MB were written, and each stream is kept twice: alone, and with the other.
        assert resident(fresh) - before < 40 << 20


def resident(engine: Engine) -> int:
    status = Path(f"/proc/{engine.pid()}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) << 10
