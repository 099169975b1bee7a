"""Get started, to the letter, with a fresh clone and a fresh wheel in an empty environment."""

from __future__ import annotations

import os
from pathlib import Path

import newcomer
import pytest
from engine import ROOT
from registry import Registry


@pytest.mark.slow
def test_newcomer(registry: Registry) -> None:
    wheels = Path(os.environ.get("KUKRI_WHEELS") or ROOT / "dist")
    if os.geteuid():
        pytest.skip("the page asks for root")
    if not list(wheels.glob("kukri-*.whl")):
        pytest.skip(f"no wheel in {wheels}: run scripts/wheel.sh, or name another place with KUKRI_WHEELS")
    newcomer.newcomer(wheels, registry.url)


def test_each_file_of_the_page_is_followed() -> None:
    """An include that is written in another way would be skipped without a word."""
    text = (ROOT / newcomer.PAGE).read_text()
    assert text.count("```{literalinclude}") == len(newcomer._INCLUDE.findall(text))
    used = {Path(path).name for path, _ in newcomer._INCLUDE.findall(text)}
    assert used == {path.name for path in (ROOT / "docs" / "snippets" / "get_started").iterdir()}
