"""Where stores lie while they are measured."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

SIZE = 24 << 30


class Scratch:
    """A directory for one run: in one that is named, or on a new ext4 file system in a sparse file.

    The file system is there because of what was deleted before: for minutes after many files were deleted,
    ext4 makes new ones many times slower, and every earlier run, test or build may have deleted many.
    """

    def __init__(self, given: Path | None) -> None:
        self._outer = Path(tempfile.mkdtemp(prefix="kukri-bench-", dir=given or "/var/tmp"))
        self.path = self._outer / "disk"
        self.path.mkdir()
        self._mounted = given is None and self._mount()
        self.what = "stores on a new ext4 in a file" if self._mounted else f"stores in {self._outer.parent}"

    def _mount(self) -> bool:
        file = self._outer / "disk.ext4"
        with file.open("wb") as disk:
            disk.truncate(SIZE)
        # All inodes are ready before anything is measured; a background thread would do it during the run.
        make = [
            "mkfs.ext4",
            "-q",
            "-E",
            "lazy_itable_init=0,lazy_journal_init=0,nodiscard",
            "-N",
            "1500000",
            file,
        ]
        mount = ["mount", "-o", "loop,noatime", file, self.path]
        try:
            for command in (make, mount):
                subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            file.unlink()
            return False
        return True

    def remove(self) -> None:
        """Removes everything."""
        if self._mounted:
            subprocess.run(["umount", "--lazy", self.path], check=False)
        shutil.rmtree(self._outer, ignore_errors=True)
