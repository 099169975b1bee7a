"""Real Python libraries that the example checks and builds, in the demonstration and in tests.

    python scripts/projects.py attrs DIR

fetches the source distribution into DIR with pip, unless it is there, and prints the release, where its
source is, and the arguments for `examples/library_ci.py`, one a line.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Project:
    """A library, with what it calls its checks."""

    #: As pip has it. Fixed, so that new releases do not change what is shown.
    release: str
    #: For the example.
    arguments: tuple[str, ...]

    def source(self, cache: Path) -> Path:
        """Gives the directory with its source, and fetches it first unless that was done before."""
        final = cache / self.release
        if not final.is_dir():
            cache.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=cache, prefix=".download-") as scratch:
                name = self.release.partition("==")[0]
                command = [
                    sys.executable,
                    "-m",
                    "pip",
                    "download",
                    "--quiet",
                    "--no-deps",
                    "--no-binary",
                    name,
                ]
                subprocess.run([*command, "--dest", scratch, self.release], check=True)
                (archive,) = Path(scratch).glob("*.tar.gz")
                tree = Path(scratch) / "tree"
                tree.mkdir()
                # Not tarfile: older versions of it warn, or write where they should not.
                subprocess.run(["tar", "-xf", archive, "-C", tree, "--strip-components=1"], check=True)
                try:
                    tree.rename(final)
                except OSError:
                    # Somebody else was quicker.
                    if not final.is_dir():
                        raise
        return final

    def copy(self, cache: Path, to: Path) -> Path:
        """A copy of its source that may be changed."""
        shutil.copytree(self.source(cache), to, symlinks=True)
        return to


PROJECTS = {
    "attrs": Project(
        "attrs==26.1.0",
        (
            "--import-name=attr",
            "--tools=ruff==0.15.6 mypy pytest-cov",
            (
                "--types=mypy src/attrs/__init__.pyi src/attr/__init__.pyi"
                " src/attr/validators.pyi typing-examples"
            ),
            # Its tests give each example 400 ms, which a busy machine may exceed; the profile of
            # Hypothesis for CI has no limit. What is deselected fails with the Python of Debian 12, in the
            # library's own environment just as here.
            (
                "--tests=python -m pytest -q -n auto --hypothesis-profile=ci"
                " --deselect tests/test_converters.py::TestPipe::test_wrapped_annotation"
            ),
        ),
    ),
    "click": Project(
        "click==8.5.1",
        # Tests of pagers need `less`, which slim images do not have.
        (
            "--import-name=click",
            "--tests=python -m pytest -q --ignore tests/test_utils/test_echo_via_pager.py",
        ),
    ),
}


def main() -> None:
    """Command line."""
    if len(sys.argv) != 3 or sys.argv[1] not in PROJECTS:
        raise SystemExit(f"usage: projects.py {'|'.join(PROJECTS)} DIRECTORY")
    project = PROJECTS[sys.argv[1]]
    print(project.release, project.source(Path(sys.argv[2])), *project.arguments, sep="\n")


if __name__ == "__main__":
    main()
