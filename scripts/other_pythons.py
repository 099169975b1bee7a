"""Run the SDK's tests with Pythons that this machine does not have, each in a container of our own engine.

    .venv/bin/python scripts/other_pythons.py PACKAGES 3.14 pypy [-- ARGUMENTS OF PYTEST]

PACKAGES is a directory with what the tests import, as `pip install --target` leaves it. The images are made
of Debian packages and kept; see `images.py`. What cannot be run here is named, with why. Needs root,
`mmdebstrap`, `docker-registry`, and the wheel in `.venv`, whose interpreter runs this.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import dagger
from dagger import Directory, ReturnType, dag
from images import image
from registry import Registry

ROOT = Path(__file__).resolve().parents[1]
#: What can be asked for: the image, and the interpreter in it.
PYTHONS = {"3.14": ("python314", "python3.14"), "pypy": ("pypy", "pypy3")}
#: Prints where the interpreter looks for packages.
SITE = "import sysconfig; print(sysconfig.get_path('purelib'))"


def missing() -> str:
    """What this machine lacks; empty if nothing."""
    if os.geteuid():
        return "this is not root"
    for program in ("mmdebstrap", "docker-registry"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    return ""


def made(name: str, registry: Registry) -> bool:
    """Pushes the image, and makes it before that where it was not done; says where that cannot be done."""
    of_image, _ = PYTHONS[name]
    try:
        registry.push(f"library/{of_image}:latest", image(of_image))
    except (OSError, SystemExit) as error:
        print(f"note: no tests with {name}: {error}")
        return False
    return True


async def tested(name: str, packages: Directory, source: Directory, arguments: list[str]) -> int:
    """Runs the tests with one interpreter, and shows what pytest says; its exit status."""
    of_image, interpreter = PYTHONS[name]
    base = dag.container().from_(of_image)
    site = (await base.with_exec([interpreter, "-c", SITE]).stdout()).strip()
    ran = (
        base.with_directory(site, packages)
        .with_directory("/src", source)
        .with_workdir("/src")
        .with_exec(
            [interpreter, "-m", "pytest", "python/tests", "-q", "-p", "no:cacheprovider", *arguments],
            expect=ReturnType.ANY,
        )
    )
    version = (await base.with_exec([interpreter, "-VV"]).combined_output()).splitlines()
    print(f"==> {' '.join(version)}", await ran.combined_output(), sep="\n", flush=True)
    return await ran.exit_code()


async def run(path: str, names: list[str], arguments: list[str]) -> int:
    """Runs the tests with all of them at the same time; 0 if all passed."""
    async with dagger.connection():
        packages = dag.host().directory(path, exclude=["bin", "**/__pycache__"])
        source = dag.host().directory(
            str(ROOT), include=["pyproject.toml", "python"], exclude=["**/__pycache__"]
        )
        statuses = await asyncio.gather(*(tested(name, packages, source, arguments) for name in names))
    return int(any(statuses))


def main() -> int:
    """Command line."""
    given = sys.argv[1:]
    at = given.index("--") if "--" in given else len(given)
    packages, *names = given[:at]
    arguments = given[at + 1 :]
    if unknown := [name for name in names if name not in PYTHONS]:
        print(f"note: no tests with {', '.join(unknown)}: there is neither an interpreter nor an image")
        names = [name for name in names if name in PYTHONS]
    if lacking := missing():
        print(f"note: no tests with {', '.join(names)}: {lacking}")
        return 0
    with (
        tempfile.TemporaryDirectory(prefix="kukri-pythons-") as scratch,
        Registry(Path(scratch, "registry")) as registry,
    ):
        names = [name for name in names if made(name, registry)]
        os.environ.update(
            KUKRI_ROOT=f"{scratch}/engine",
            KUKRI_IDLE_TIMEOUT="1m",
            KUKRI_REGISTRY_MIRRORS=f"docker.io={registry.url}",
        )
        try:
            return asyncio.run(run(packages, names, arguments)) if names else 0
        finally:
            kukri = Path(sys.executable).with_name("kukri")
            subprocess.run([kukri, "engine", "stop"], check=False, capture_output=True)


if __name__ == "__main__":
    sys.exit(main())
