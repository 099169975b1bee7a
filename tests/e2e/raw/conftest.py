"""What the tests of telemetry share: a real collector."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from collector import Collector


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    """A collector of the test's own, which keeps what it gets."""
    place = tmp_path / "collector"
    place.mkdir()
    with Collector(place) as running:
        yield running
