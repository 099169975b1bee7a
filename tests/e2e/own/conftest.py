"""Tests here are for what only our SDK has."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from engine import Engine


@pytest.fixture(autouse=True)
def workdir(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """SDKs start `kukri session` themselves: they find it, and the engine, in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("DAGGER_", "OTEL_")):
            monkeypatch.delenv(name)
    for name, value in engine.env.items():
        monkeypatch.setenv(name, value)
    return tmp_path
