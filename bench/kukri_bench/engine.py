"""Engines with stores of their own."""

from __future__ import annotations

import itertools
import json
import os
import select
import signal
import subprocess
from contextlib import AbstractContextManager, closing
from pathlib import Path

from .figures import timed
from .session import Session

_COUNTER = itertools.count()


class Engine:
    """A place for an engine and its client's caches: empty at first.

    The directories stay until the whole run is over: deleting many files slows down making files for a while.
    """

    def __init__(self, kukri: Path, scratch: Path, mirror: str | None, more: dict[str, str]) -> None:
        self.kukri = kukri
        self.root = scratch / f"engine-{next(_COUNTER)}"
        self.root.mkdir()
        kept = {
            name: os.environ[name] for name in ("PATH", "HOME", "LANG", "SSL_CERT_FILE") if name in os.environ
        }
        self.environment = {
            **kept,
            **more,
            "KUKRI_ROOT": str(self.root / "store"),
            "XDG_CACHE_HOME": str(self.root / "client"),
            "KUKRI_IDLE_TIMEOUT": "10m",
        }
        if mirror:
            self.environment["KUKRI_REGISTRY_MIRRORS"] = f"docker.io={mirror}"

    def close(self) -> None:
        """Ends the engine, if it runs."""
        if self.pid() is not None:
            self.terminate()

    def start(self) -> float:
        """Seconds from no engine to the first answer, through the command."""
        return timed(lambda: self.run("query", "{version}"))

    def run(self, *arguments: str) -> str:
        """Runs `kukri`; gives its standard output."""
        done = subprocess.run([self.kukri, *arguments], env=self.environment, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"kukri {' '.join(arguments)} failed ({done.returncode}): {done.stderr[-1000:]}")
        return done.stdout

    def session(self) -> AbstractContextManager[Session]:
        """A session; the engine is started if need be."""
        return closing(Session(self.kukri, self.environment))

    def pid(self) -> int | None:
        """Process id of the running engine."""
        command = [self.kukri, "engine", "status", "--json"]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        return int(json.loads(done.stdout)["pid"]) if done.returncode == 0 else None

    def terminate(self) -> float:
        """Seconds from SIGTERM until the process is gone."""
        pid = self.pid()
        assert pid is not None, "no engine is running"
        handle = os.pidfd_open(pid)
        try:
            return timed(
                lambda: (
                    signal.pidfd_send_signal(handle, signal.SIGTERM),
                    select.select([handle], [], [], 60),
                )
            )
        finally:
            os.close(handle)

    def cpu(self) -> float:
        """Seconds of processor time that the engine and its containers have used so far."""
        fields = Path(f"/proc/{self.pid()}/stat").read_text().rsplit(")", 1)[1].split()
        return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """Resident memory of the engine in MB."""
        for line in Path(f"/proc/{self.pid()}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024 / 1e6
        raise SystemExit("the engine is gone")
