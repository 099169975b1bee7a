"""What all rows share: programs, a scratch directory, a registry, images."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from contextlib import AbstractContextManager, ExitStack, closing
from functools import cached_property
from pathlib import Path

import images
import registry

from .big_image import big_image
from .engine import Engine
from .figures import Skip

CHECKOUT = Path(__file__).resolve().parents[2]
BUSYBOX = "busybox"
BIG = "bench/big"


class Context:
    """For one run; `close` removes what was made."""

    def __init__(self, kukri: Path, python: Path, scratch: Path, cache: Path, quick: bool) -> None:
        self.kukri = kukri
        self.python = python
        self.scratch = scratch
        self.cache = cache
        self.quick = quick
        self._stack = ExitStack()

    def close(self) -> None:
        """Ends the registry. The scratch directory is its maker's."""
        self._stack.close()

    def rounds(self, count: int) -> int:
        """How often to measure: as asked, or with `--quick` only so often that it works."""
        return min(count, 3) if self.quick else count

    @cached_property
    def registry(self) -> registry.Registry:
        """A registry on loopback with busybox."""
        if shutil.which("docker-registry") is None:
            raise Skip("docker-registry is not installed")
        served = self._stack.enter_context(registry.Registry(self.scratch / "registry"))
        served.push("library/busybox:latest", self.busybox)
        return served

    @cached_property
    def busybox(self) -> images.Image:
        """A small image."""
        try:
            return images.image("busybox", self.cache)
        except SystemExit as reason:
            raise Skip(str(reason)) from None

    @cached_property
    def rootfs(self) -> Path:
        """The small image, unpacked, for peers."""
        target = self.scratch / "rootfs"
        target.mkdir()
        layer = self.busybox.path(self.busybox.blobs()[1])
        with tarfile.open(layer) as tar:
            tar.extractall(target, filter="fully_trusted")
        for name in ("proc", "sys"):
            (target / name).mkdir(exist_ok=True)
        return target

    @cached_property
    def big(self) -> images.Image:
        """An image of about 500 MB in three layers."""
        image = big_image(self.cache)
        self.registry.push(f"{BIG}:latest", image)
        return image

    def engine(self, **more: str) -> AbstractContextManager[Engine]:
        """A new engine with an empty store that can pull from the registry, for a `with` block.

        `more` are variables for it.
        """
        return closing(Engine(self.kukri, self.scratch, self.registry.url, {**self.sdk, **more}))

    @cached_property
    def sdk(self) -> dict[str, str]:
        """Variables with which `self.python` finds the package and the command."""
        found = {"_EXPERIMENTAL_DAGGER_CLI_BIN": str(self.kukri)}
        command = [self.python, "-c", "import dagger, sys; sys.exit('kukri' not in dagger.__doc__.lower())"]
        if subprocess.run(command, capture_output=True, cwd=self.scratch).returncode:
            found["PYTHONPATH"] = str(CHECKOUT / "python")
        return found

    @cached_property
    def script_environment(self) -> dict[str, str]:
        """For processes of Python without an engine."""
        return {"PATH": os.environ.get("PATH", ""), "HOME": os.environ.get("HOME", "/"), **self.sdk}

    def require_sdk(self) -> None:
        """Skips the row where the package cannot be imported."""
        command = [self.python, "-c", "import dagger; dagger.dag"]
        done = subprocess.run(
            command, env=self.script_environment, capture_output=True, text=True, cwd=self.scratch
        )
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:]
            raise Skip(f"the Python package cannot be imported: {''.join(last)}")

    @cached_property
    def hash_floor(self) -> Path:
        """A program that reads and hashes all files of a directory with BLAKE3."""
        command = [
            "cargo",
            "build",
            "--quiet",
            "--release",
            "--package",
            "kukri-session",
            "--example",
            "hash_floor",
        ]
        if subprocess.run(command, cwd=CHECKOUT).returncode:
            raise Skip("the program that hashes files cannot be built")
        target = Path(os.environ.get("CARGO_TARGET_DIR", CHECKOUT / "target"))
        return target / "release/examples/hash_floor"
