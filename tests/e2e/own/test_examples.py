"""Every example of the API reference, without `async`."""

from __future__ import annotations

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
        engine.in_environment(patch)
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
