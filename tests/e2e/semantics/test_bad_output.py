"""A gigabyte of output: bounded in memory and time, told well, and no trouble for others."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from engine import Engine

GIGABYTE = 1_000_000_000
FLOOD = f"head -c {GIGABYTE} /dev/zero"


def resident(engine: Engine) -> int:
    """Bytes of memory that the engine has now."""
    status = Path(f"/proc/{engine.pid()}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) << 10


@pytest.mark.alone
@pytest.mark.parametrize("redirect", [False, True])
def test_a_gigabyte_of_output(fresh: Engine, asker: Any, tmp_path: Path, redirect: bool) -> None:
    with fresh.session("--silent", workdir=tmp_path) as session, fresh.session(workdir=tmp_path) as other:
        q, witness = asker(session), asker(other)
        witness.sh("true")
        most, slowest = resident(fresh), 0.0
        before = most
        outcome: list[Any] = []

        def flood() -> None:
            if redirect:
                outcome.append(q.sh(FLOOD, redirectStdout='"/out"', after='file(path: "/out")', leaf="size"))
            else:
                outcome.append(q.fails("sh", FLOOD))

        thread = threading.Thread(target=flood)
        started = time.monotonic()
        thread.start()
        number = 0
        while thread.is_alive():
            asked = time.monotonic()
            assert witness.sh(f"echo {number}") == f"{number}\n"
            slowest = max(slowest, time.monotonic() - asked)
            most = max(most, resident(fresh))
            number += 1
            time.sleep(0.2)
        took = time.monotonic() - started
        assert most - before < 150 << 20, f"the engine grew by {(most - before) >> 20} MiB"
        assert took < 180
        assert slowest < 10, f"a step of another session took {slowest:.1f} s"
        if redirect:
            assert outcome == [GIGABYTE]
            # Output in a file is handed on like any other.
            assert q.sh(
                "wc -c < /out", f'withExec(args: ["sh", "-c", "{FLOOD}"], redirectStdout: "/out")'
            ) == (f"{GIGABYTE}\n")
        else:
            (error,) = outcome
            assert f"the command wrote {GIGABYTE} bytes" in error.message
            assert "use redirectStdout" in error.message
            # Only the text is refused: the step itself has worked and is known.
            assert q.sh(FLOOD, leaf="exitCode") == 0
