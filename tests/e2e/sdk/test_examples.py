"""Every example of the API reference gives what the reference says."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import dagger
import pytest
from engine import Engine
from examples import EXAMPLES, check, label, lay, plain


@pytest.fixture(scope="module")
def outcomes(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What each example gave, or the error; all in one session."""
    directory = tmp_path_factory.mktemp("examples")
    lay(directory)

    async def run() -> list[Any]:
        async with dagger.Connection(dagger.Config(workdir=directory)) as dag:
            names = {"dagger": dagger, "dag": dag}
            results = []
            for example in EXAMPLES:
                *first, last = example["async"]
                exec(
                    "\n".join(["async def example():", *(f" {line}" for line in first), f" return {last}"]),
                    names,
                )
                try:
                    # One that waits without end is told, and does not take the others with it.
                    results.append(plain(await asyncio.wait_for(names["example"](), 30)))
                except (dagger.DaggerError, AttributeError, TypeError, ValueError, TimeoutError) as error:
                    results.append(error)
            return results

    with pytest.MonkeyPatch.context() as patch:
        engine.in_environment(patch)
        return asyncio.run(run())


@pytest.mark.parametrize("number", range(len(EXAMPLES)), ids=[label(example) for example in EXAMPLES])
def test_example(number: int, outcomes: list[Any], workdir: Path) -> None:
    check(EXAMPLES[number], outcomes[number])
