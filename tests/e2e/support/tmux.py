"""A real terminal: one of tmux."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from engine import Engine


class Tmux:
    """A terminal multiplexer of its own, with one terminal in it."""

    def __init__(self, directory: Path, columns: int, rows: int) -> None:
        self.socket = directory / "tmux"
        self.columns, self.rows = columns, rows

    def _tmux(self, *arguments: str) -> str:
        command = ["tmux", "-S", str(self.socket), "-f", "/dev/null", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout

    def start(self, engine: Engine, command: str) -> None:
        """Runs a shell command; what comes after it on the screen stays for a while."""
        names = ("KUKRI_", "XDG_", "DAGGER_", "_EXPERIMENTAL")
        variables = [f"{key}={value}" for key, value in engine.env.items() if key.startswith(names)]
        size = ["-x", str(self.columns), "-y", str(self.rows)]
        shell = f"{command}; echo END; sleep 60"
        self._tmux("new-session", "-d", *size, "env", *variables, "sh", "-c", shell)

    def resize(self, columns: int, rows: int) -> None:
        """Another size of the window."""
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))
        self.columns, self.rows = columns, rows

    def screen(self) -> list[str]:
        """The lines on the screen."""
        return self._tmux("capture-pane", "-p").rstrip().splitlines()

    def transcript(self) -> list[str]:
        """The lines that were scrolled out of the screen, and those on it."""
        return self._tmux("capture-pane", "-p", "-S", "-").rstrip().splitlines()

    def press(self, key: str) -> None:
        """A key, as tmux calls it."""
        self._tmux("send-keys", key)

    def cursor(self) -> tuple[bool, int]:
        """Whether the cursor is shown, and in which row."""
        flag, row = self._tmux("display-message", "-p", "#{cursor_flag} #{cursor_y}").split()
        return flag == "1", int(row)

    def scrolled(self) -> int:
        """How many lines have been scrolled out of the screen."""
        return int(self._tmux("display-message", "-p", "#{history_size}"))

    def wait(self, condition: Callable[[list[str]], bool], seconds: float = 30) -> list[str]:
        """The first screen that is as wanted."""
        deadline = time.monotonic() + seconds
        while not condition(lines := self.screen()):
            assert time.monotonic() < deadline, "\n".join(lines)
            time.sleep(0.05)
        return lines

    def end(self) -> None:
        """Ends everything in it."""
        subprocess.run(["tmux", "-S", str(self.socket), "kill-server"], capture_output=True, check=False)
