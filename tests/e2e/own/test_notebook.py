"""A notebook with a real kernel: its event loop runs all the time, and each cell is compiled by itself."""

from __future__ import annotations

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
    notebook.cells[4].metadata["tags"] = ["raises-exception"]
    client = nbclient.NotebookClient(
        notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": "."}}
    )
    await client.async_execute(env=dict(os.environ))
    assert [text(cell) for cell in notebook.cells] == ["", "async\n", "0\n1\n2\n", "sync\n", "", "closed\n"]
    (error,) = [output for output in notebook.cells[4].outputs if output.output_type == "error"]
    assert error.ename == "ExecError"
    assert error.evalue.startswith("exit code: 1\n  File ")
    assert '    broken = base.with_exec(["false"])\ncommand: false' in error.evalue
