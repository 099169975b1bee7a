"""The examples in docstrings that are written by hand. Those of the API are in `test_examples.py`."""

import asyncio
import inspect
import re
import sys
import textwrap
from typing import Any

import dagger
import pytest
from dagger import dag, sync

NAMES = [name for name in dagger.__all__ if name in dagger._MODULES] + ["sync.Client"]


def examples(name: str) -> list[str]:
    owner: Any = sync if name.startswith("sync.") else dagger
    text = inspect.getdoc(getattr(owner, name.removeprefix("sync."))) or ""
    return re.findall(r"(?s)```python\n(.*?)```", textwrap.dedent(text))


def run(code: str) -> None:
    names: dict[str, Any] = {"dagger": dagger, "dag": dag, "sys": sys}
    code = textwrap.dedent(code)
    if "client" in code and "connect" not in code.lower():
        with dagger.connect() as client:
            exec(code, {**names, "client": client})
    elif "await " not in code:
        exec(code, names)
    else:
        if "onnection(" not in code:
            code = "async with dagger.connection():\n" + textwrap.indent(code, "    ")
        exec("async def main():\n" + textwrap.indent(code, "    "), names)
        asyncio.run(names["main"]())


@pytest.mark.parametrize("name", [name for name in NAMES if examples(name)])
def test_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for example in examples(name):
        run(example)
        printed = capsys.readouterr().out
        assert bool(printed) == ("print(" in example), "what it is about did not happen"
        for said in re.findall(r'# "(.*)"$', example, re.MULTILINE):
            assert re.search(".*".join(map(re.escape, said.split("…"))), printed)


def test_there_are_examples() -> None:
    assert sum(len(examples(name)) for name in NAMES) >= 8
