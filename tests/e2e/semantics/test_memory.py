"""An engine that has given the memory of its caches back answers as before."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from engine import Engine

GIVEN_BACK = "memory was given back"


@pytest.mark.slow
def test_after_half_a_minute_without_a_client(make_engine: Any, asker: Any, tmp_path: Path) -> None:
    engine: Engine = make_engine(KUKRI_LOG="debug")
    with engine.session(workdir=tmp_path) as session:
        q = asker(session)
        directory = q.dir('withNewFile(path: "a/b", contents: "1")', "id")
        assert q.sh("date +%N > /time; cat /time") == (before := q.sh("date +%N > /time; cat /time"))
    # Questions to the engine would be a use of it; its log is none.
    end = time.monotonic() + 45
    while GIVEN_BACK not in engine.log() and time.monotonic() < end:
        time.sleep(0.5)
    assert GIVEN_BACK in engine.log()
    with engine.session(workdir=tmp_path) as session:
        document = (
            f'{{ loadDirectoryFromID(id: {json.dumps(directory)}) {{ file(path: "a/b") {{ contents }} }} }}'
        )
        assert session.query(document)["loadDirectoryFromID"]["file"]["contents"] == "1"
        assert asker(session).sh("date +%N > /time; cat /time") == before
    assert engine.log().count(GIVEN_BACK) == 1
