"""An engine with a root directory of its own, as tests need it, and what one can do with it from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from session import Session

if TYPE_CHECKING:
    import pytest

#: The checkout.
ROOT = Path(__file__).resolve().parents[3]


def binary() -> str:
    """The `kukri` that is tested: `KUKRI_BIN`, else that of the installed wheel."""
    return os.environ.get("KUKRI_BIN") or str(ROOT / ".venv" / "bin" / "kukri")


class Engine:
    """Where an engine keeps its things, and the environment in which commands find it.

    Nothing is started here: the first session does that, as it does for users.
    """

    def __init__(self, root: Path, mirror: str | None, **variables: str) -> None:
        self.root = root
        inherited = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("KUKRI_", "DAGGER_", "OTEL_"))
        }
        self.env = {
            **inherited,
            "KUKRI_ROOT": str(root),
            "KUKRI_IDLE_TIMEOUT": "60s",
            "XDG_STATE_HOME": str(root / "state"),
            "KUKRI_PROGRESS": "plain",
            "_EXPERIMENTAL_DAGGER_CLI_BIN": binary(),
            **variables,
        }
        if runtime := os.environ.get("KUKRI_TEST_OCI_RUNTIME"):
            self.env.setdefault("KUKRI_OCI_RUNTIME", runtime)
        if mirror:
            self.env["KUKRI_REGISTRY_MIRRORS"] = f"docker.io={mirror}"

    def kukri(self, *arguments: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
        """Runs a `kukri` command to its end; options are those of `subprocess.run`."""
        settings: dict[str, Any] = {
            "env": self.env,
            "capture_output": True,
            "text": True,
            "timeout": 120,
            **options,
        }
        done = subprocess.run([binary(), *arguments], check=False, **settings)
        if check and done.returncode:
            raise AssertionError(
                f"kukri {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
            )
        return done

    def in_environment(self, patch: pytest.MonkeyPatch) -> None:
        """Lets this process find the engine and `kukri`, as programs with an SDK do that start sessions themselves."""
        for name in list(os.environ):
            if name.startswith(("DAGGER_", "OTEL_")):
                patch.delenv(name)
        for name, value in self.env.items():
            patch.setenv(name, value)

    def session(self, *flags: str, workdir: Path | None = None) -> Session:
        """Opens a session; use it in a `with` block."""
        return Session([binary(), "session", *flags], env=self.env, workdir=workdir)

    def damage(self) -> None:
        """Overwrites what the store keeps in files of its own of more than 100 kB that base64 made, while it is stopped."""
        large = [path for path in self.root.rglob("*") if path.is_file() and path.stat().st_size > 100_000]
        large = [path for path in large if path.read_bytes()[76:77] == b"\n"]
        assert large, "the store does not keep what was made in files of its own"
        for path in large:
            path.write_bytes(b"damaged")

    def pid(self) -> int | None:
        """Process that runs now, if any."""
        answer = json.loads(self.kukri("engine", "status", "--json", check=False).stdout or "{}")
        return answer.get("pid")

    def kill(self) -> int:
        """Ends the engine as a power cut would, and waits until it is gone."""
        pid = self.pid()
        assert pid is not None, "no engine to kill"
        os.kill(pid, signal.SIGKILL)
        wait_gone(pid)
        return pid

    def stop(self) -> None:
        """Ends it in an orderly way; nothing if none runs."""
        pid = self.pid()
        if pid is not None:
            self.kukri("engine", "stop", check=False)
            wait_gone(pid)

    def problems(self) -> list[object]:
        """What `kukri cache verify --deep` finds."""
        answer = self.kukri("cache", "verify", "--deep", "--json", check=False)
        return list(json.loads(answer.stdout)["problems"])

    def usage(self) -> dict[str, Any]:
        """What `kukri cache du` says."""
        return dict(json.loads(self.kukri("cache", "du", "--json").stdout))

    def bytes_on_disk(self) -> int:
        """Bytes that the disk gives to the store's files, each counted once, without the index, which shrinks later."""
        store = self.root / "store"
        deadline = time.monotonic() + 30
        while any((store / "trash").iterdir()):
            assert time.monotonic() < deadline, "the trash is not emptied"
            time.sleep(0.02)
        inodes: dict[int, int] = {}
        for path in store.rglob("*"):
            if path.is_file() and not path.is_symlink() and path.parent != store:
                found = path.stat()
                inodes[found.st_ino] = found.st_blocks * 512
        return sum(inodes.values())

    def log(self) -> str:
        """The engine's log so far."""
        path = self.root / "engine.log"
        return path.read_text(errors="replace") if path.exists() else ""


def wait_gone(pid: int, seconds: float = 15) -> None:
    """Waits until a process has ended."""
    deadline = time.monotonic() + seconds
    while alive(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there after {seconds} s"
        time.sleep(0.005)


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"
