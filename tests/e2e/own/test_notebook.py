"""A notebook with a real kernel: its event loop runs all the time, and each cell is compiled by itself."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import Any

import dagger
import pytest

pytestmark = pytest.mark.filterwarnings("default")

CELLS = """
import contextlib
import dagger
from dagger import dag

stack = contextlib.AsyncExitStack()
_ = await stack.enter_async_context(dagger.connection())
base = dag.container().from_("busybox")
---
print(await base.with_exec(["echo", "async"]).stdout(), end="")
---
import asyncio
print("".join(await asyncio.gather(*(base.with_exec(["echo", str(number)]).stdout() for number in range(3)))), end="")
---
with dagger.connect() as client:
    print(client.container().from_("busybox").with_exec(["echo", "sync"]).stdout(), end="")
---
broken = base.with_exec(["false"])
await broken.stdout()
---
if base.exists("/nope"):
    print("there")
---
await stack.aclose()
print("closed")
"""


def text(cell: Any) -> str:
    return "".join(output.get("text", "") for output in cell.outputs if output.output_type == "stream")


async def test_a_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    monkeypatch.setenv("PYTHONPATH", str(Path(dagger.__file__).parent.parent))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    # Warnings of the cells are errors; those of the kernel's own modules are not ours.
    monkeypatch.setenv("PYTHONWARNINGS", "error:::__main__,error:::dagger")
    cells = [nbformat.v4.new_code_cell(cell.strip()) for cell in CELLS.split("---\n")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    for number in (4, 5):
        notebook.cells[number].metadata["tags"] = ["raises-exception"]
    client = nbclient.NotebookClient(
        notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": "."}}
    )
    await client.async_execute(env=dict(os.environ))
    assert [text(cell) for cell in notebook.cells] == [
        "",
        "async\n",
        "0\n1\n2\n",
        "sync\n",
        "",
        "",
        "closed\n",
    ]
    (error,) = [output for output in notebook.cells[4].outputs if output.output_type == "error"]
    assert error.ename == "ExecError"
    assert error.evalue.startswith('exit code: 1\n  File "Cell In[5]", line 1, in <module>\n')
    assert '    broken = base.with_exec(["false"])\ncommand: false' in error.evalue
    (error,) = [output for output in notebook.cells[5].outputs if output.output_type == "error"]
    assert error.ename == "TypeError"
    assert error.evalue.startswith("Container.exists() has to be awaited")


async def test_a_kernel_that_is_restarted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its session ends with it, although nothing closed the connection; the new kernel opens one of its own."""
    pytest.importorskip("nbclient")
    manager = pytest.importorskip("jupyter_client.manager")
    monkeypatch.setenv("PYTHONPATH", str(Path(dagger.__file__).parent.parent))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    begin = (
        "import dagger\nconnection = dagger.connection()\n_ = await connection.__aenter__()\n"
        "entries = await dagger.dag.directory().with_new_file('a', 'b').entries()\n"
    )
    kernel, client = await manager.start_new_async_kernel(env=dict(os.environ), cwd=str(tmp_path))
    try:

        async def run() -> None:
            reply = await client.execute_interactive(begin, timeout=60, output_hook=lambda _: None)
            assert reply["content"]["status"] == "ok", reply["content"]

        await run()
        before = sessions(tmp_path)
        assert len(before) == 1
        await kernel.restart_kernel(now=True)
        await client.wait_for_ready(timeout=60)
        await run()
        for _ in range(100):
            if not before & sessions(tmp_path):
                break
            await asyncio.sleep(0.1)
        assert len(sessions(tmp_path) - before) == 1
        assert not before & sessions(tmp_path)
    finally:
        client.stop_channels()
        await kernel.shutdown_kernel(now=True)


def sessions(directory: Path) -> set[int]:
    """The processes `kukri session` that were started in a directory."""
    found: set[int] = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes().split(b"\0")
            if b"session" in words[1:2] and (process / "cwd").readlink() == directory:
                found.add(int(process.name))
    return found
