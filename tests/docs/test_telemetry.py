"""The first lines of the guide on telemetry, with a real collector."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import toolchains
import transcripts
from collector import Collector
from engine import ROOT, Engine

SNIPPETS = ROOT / "docs" / "snippets"


def test_a_collector_gets_it(make_engine: Callable[[], Engine], tmp_path: Path) -> None:
    shutil.copy(SNIPPETS / "alone" / "telemetry.py", tmp_path)
    text = (SNIPPETS / "collector" / "endpoint.console").read_text()
    try:
        collector = Collector(tmp_path)
        with collector:
            here = text.replace("localhost:4318", f"localhost:{collector.http}")
            assert here != text
            transcripts.run(here, tmp_path, make_engine().env)
    except toolchains.Missing as missing:
        pytest.skip(str(missing))
    collector.stop()
    spans, logs = collector.spans(), collector.logs()
    assert any(span["name"] == "Container.stdout" for span in spans), [span["name"] for span in spans]
    assert any("Linux" in str(log["body"]) for log in logs)
    assert collector.metrics()
