"""Every example of the API reference, without `async`."""

from __future__ import annotations

import os
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
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("DAGGER_", "OTEL_")):
                patch.delenv(name)
        for name, value in engine.env.items():
            patch.setenv(name, value)
        results: list[Any] = []
        with dagger.connect(dagger.Config(workdir=directory)) as dag:
            for example in EXAMPLES:
                try:
                    *_, value = [eval(code, {"dagger": dagger, "dag": dag}) for code in example["sync"]]
                    results.append(plain(value))
                except (dagger.DaggerError, AttributeError, TypeError, ValueError) as error:
                    results.append(error)
        return results


@pytest.mark.parametrize("number", range(len(EXAMPLES)), ids=[label(example) for example in EXAMPLES])
def test_example(number: int, outcomes: list[Any], workdir: Path) -> None:
    check(EXAMPLES[number], outcomes[number])
