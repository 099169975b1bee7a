"""Tests here run as they are with our SDK and with the official one: whichever `dagger` is installed."""

from __future__ import annotations

from pathlib import Path

import pytest
from engine import Engine


@pytest.fixture(autouse=True)
def workdir(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """SDKs start `kukri session` themselves: they find it, and the engine, in the environment."""
    monkeypatch.chdir(tmp_path)
    engine.in_environment(monkeypatch)
    return tmp_path
