"""Objects that meet other sessions than the one in which they were found."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagger
import pytest
from dagger import dag

PROGRAM = """
import asyncio, gc, threading
import dagger
from dagger import dag

LOG = open("log", "w")

async def main():
    # Development mode tells of each that takes longer than 0.1 s, which is up to the machine.
    asyncio.get_running_loop().slow_callback_duration = 60
    async with dagger.connection(dagger.Config(log_output=LOG)):
        made = dag.container().from_("busybox").with_exec(["echo", "hi"])
        assert await asyncio.gather(*(made.stdout() for _ in range(20))) == ["hi\\n"] * 20
        try:
            await dag.container().from_("busybox").with_exec(["false"])
        except dagger.ExecError:
            pass
        task = asyncio.create_task(dag.container().from_("busybox").with_exec(["sleep", "60"]).sync())
        await asyncio.sleep(0.2)
        task.cancel()

asyncio.run(main())
with dagger.connect() as client:
    thread = threading.Thread(target=lambda: client.version())
    thread.start()
    thread.join()
LOG.close()
gc.collect()
"""


async def test_a_later_session() -> None:
    async with dagger.connection():
        container = await dag.container().from_("busybox").with_env_variable("A", "b").sync()
        variables = await container.env_variables()
    # Neither what was in the session nor what never was: both can be used in the next one.
    for asked in (container.stdout, dag.directory().entries):
        with pytest.raises(
            dagger.ClientConnectionError, match=r"it has ended; .*`async with dagger.connection"
        ):
            await asked()
    async with dagger.connection():
        assert await container.with_exec(["sh", "-c", "echo $A"]).stdout() == "b\n"
        assert [await variable.name() for variable in variables][-1] == "A"
        assert await dag.directory().with_directory("x", container.directory("/bin")).entries() == ["x/"]


async def test_sessions_beside_each_other() -> None:
    async with dagger.Connection() as one, dagger.Connection() as other:
        made = await one.directory().with_new_file("a", "b").sync()
        assert await other.directory().with_directory("d", made).glob("**") == ["d/", "d/a"]
        with dagger.connect() as client:
            plain: Any = client.directory().with_new_file("c", "d").sync()
            # Type checkers refuse it; it works all the same.
            assert await other.directory().with_directory("d", plain).glob("**") == ["d/", "d/c"]


async def test_connections_at_once(tmp_path: Path) -> None:
    """Each in a task: what they share is `dag`."""
    begun: list[str] = []
    both = asyncio.Event()

    async def who(name: str) -> list[str]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "who").write_text(name)
        async with dagger.connection(dagger.Config(workdir=tmp_path / name)):
            begun.append(name)
            if len(begun) == 2:
                both.set()
            await both.wait()
            return await asyncio.gather(*(dag.host().file("who").contents() for _ in range(2)))

    assert await asyncio.gather(who("a"), who("b")) == [["a", "a"], ["b", "b"]]


def test_warnings_are_errors(tmp_path: Path) -> None:
    """Nothing is left open, never awaited or deprecated, also as Python's development mode sees it."""
    (tmp_path / "ci.py").write_text(PROGRAM)
    command = [sys.executable, "-W", "error", "-X", "dev", "ci.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
