"""A run that is over, and a browser to look at its page with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from browser import chromium
from engine import Engine
from recorded import Recorded, record


@pytest.fixture(scope="session")
def recorded(
    make_engine: Callable[..., Engine], own_python: str, tmp_path_factory: pytest.TempPathFactory
) -> Recorded:
    """A run with a failure, under `kukri run --trace`."""
    return record(make_engine(), own_python, tmp_path_factory.mktemp("recorded"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium without a window."""
    with chromium() as opened:
        yield opened
