"""What a program prints that ends by the failure of a command."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from engine import Engine

ASYNC = """
import asyncio
import dagger
from dagger import dag

def tests(base):
    return (
        base.with_workdir("/tmp")
        .with_exec(["sh", "-c", "seq 30; echo wrong >&2; exit 3"])  # this step
        .with_exec(["true"])
    )

async def main():
    async with dagger.connection():
        base = dag.container().from_("busybox")
        files = dag.directory().with_directory("out", tests(base).directory("/tmp"))
        await asyncio.gather(base.with_exec(["true"]).sync(), files.entries())

asyncio.run(main())
"""
SYNC = """
import dagger

with dagger.connect() as client:
    base = client.container().from_("busybox")
    made = base.with_exec(["sh", "-c", "seq 30; echo wrong >&2; exit 3"])  # this step
    made.with_exec(["true"]).stdout()
"""


def run(path: Path, program: str) -> list[str]:
    path.write_text(program)
    done = subprocess.run(
        [sys.executable, path.name], cwd=path.parent, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr.splitlines()


@pytest.mark.parametrize("program", [ASYNC, SYNC])
def test_a_failed_command(tmp_path: Path, program: str) -> None:
    lines = run(tmp_path / "ci.py", program)
    at = lines.index("dagger.ExecError: exit code: 3")
    number = next(number for number, line in enumerate(program.splitlines(), 1) if "# this step" in line)
    expected = f"""
        command: sh -c 'seq 30; echo wrong >&2; exit 3'
        stdout, the last 20 of 30 lines:
    {textwrap.indent(chr(10).join(map(str, range(11, 31))), "      ")}
        stderr:
          wrong
    """
    assert lines[at + 1].startswith(f'  File "ci.py", line {number}, in ')
    assert lines[at + 2] == "    " + program.splitlines()[number - 1].strip()
    assert [line.strip() for line in lines[at + 3 :]] == [
        line.strip() for line in expected.strip().splitlines()
    ]
    own = [line for line in lines[:at] if line.startswith("  File ") and "/dagger/" in line]
    assert len(own) <= (2 if sys.version_info >= (3, 11) else 5)


def test_an_image_that_is_not_there(tmp_path: Path) -> None:
    program = SYNC.replace("busybox", "no-such-image")
    lines = run(tmp_path / "ci.py", program)
    assert any(line.startswith("dagger.QueryError: ") and "no-such-image" in line for line in lines)
    assert lines[-2:] == [
        '  File "ci.py", line 5, in <module>',
        '    base = client.container().from_("no-such-image")',
    ]


@pytest.mark.parametrize("program", [ASYNC, SYNC])
def test_github_shows_it_next_to_the_line(engine: Engine, tmp_path: Path, program: str) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "ci.py").write_text(program)
    number = next(number for number, line in enumerate(program.splitlines(), 1) if "# this step" in line)
    env = {**engine.env, "GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(tmp_path)}
    command = ["run", sys.executable, "ci.py"]
    done = engine.kukri(*command, env=env, cwd=tmp_path / "sub", check=False)
    shown = [line for line in done.stderr.splitlines() if line.startswith("::error")]
    expected = (
        f"::error file=sub/ci.py,line={number},title=sh -c 'seq 30; echo wrong >&2; exit 3'::exit code 3%0A"
    )
    assert len(shown) == 1 and shown[0].startswith(expected) and shown[0].endswith("%0Awrong"), shown

    # Without the line it is shown all the same.
    env["KUKRI_SOURCE_LINES"] = "0"
    done = engine.kukri(*command, env=env, cwd=tmp_path / "sub", check=False)
    assert "::error title=sh -c 'seq 30; echo wrong" in done.stderr
    # GitLab has no place for it.
    env = {**engine.env, "GITLAB_CI": "true"}
    done = engine.kukri(*command, env=env, cwd=tmp_path / "sub", check=False)
    assert "::error" not in done.stderr and "ERROR: sh -c 'seq 30;" in done.stderr


SAME_COMMAND = """
import asyncio
import dagger
from dagger import dag

MAKE = ["test", "-e", "Makefile"]

async def main():
    async with dagger.connection():
        base = dag.container().from_("busybox").with_new_file("/a/Makefile", "").with_new_file("/b/Makefile", "")
        chain = base.with_workdir("/a").with_exec(MAKE)
        chain = chain.with_workdir("/b").with_exec(MAKE)
        chain = chain.with_workdir("/c").with_exec(MAKE)  # this step
        chain = chain.with_workdir("/d").with_exec(MAKE)
        await chain.sync()

asyncio.run(main())
"""
SAME_IN_BRANCHES = """
import dagger

MAKE = ["test", "-e", "Makefile"]

with dagger.connect() as client:
    base = client.container().from_("busybox").with_new_file("/a/Makefile", "")
    found = client.load_container_from_id(base.id())
    good = found.with_workdir("/a").with_exec(MAKE).sync()
    bad = found.with_workdir("/b").with_exec(MAKE)  # this step
    late = bad.with_workdir("/c").with_exec(MAKE)
    files = client.directory().with_directory("a", good.directory(".")).with_directory("b", late.directory("."))
    files.entries()
"""


@pytest.mark.parametrize("program", [SAME_COMMAND, SAME_IN_BRANCHES])
def test_one_command_in_several_lines(tmp_path: Path, program: str) -> None:
    """The command does not tell them apart."""
    lines = run(tmp_path / "ci.py", program)
    number = next(number for number, line in enumerate(program.splitlines(), 1) if "# this step" in line)
    at = lines.index("dagger.ExecError: exit code: 1")
    assert lines[at + 1].startswith(f'  File "ci.py", line {number}, in ')
    assert lines[at + 3] == "command: test -e Makefile"
