"""Check and build a Python library: everything that has to be green before its maintainer presses "release".

    python library_ci.py path/to/library --import-name attr

Lint, types, tests and the build of the wheel run at the same time, each in containers of its own. The wheel
is then installed where it has never been before: into a clean Python, kept as an image, and on a bare Debian.
Results are in `./out`. Whatever did not change since the last time is not done again.
"""

import argparse
import asyncio
import shlex
import sys
import time
from collections.abc import Awaitable

import dagger
from dagger import Container, Directory, dag

parser = argparse.ArgumentParser(description="Check and build a Python library.")
parser.add_argument("source", help="directory with the library's pyproject.toml")
parser.add_argument("--import-name", required=True, help="what its users import")
parser.add_argument("--test-group", default="tests", help="dependency group with what tests need")
parser.add_argument("--tools", default="ruff mypy pytest-cov", help="packages for lint, types and coverage")
parser.add_argument("--lint", default="ruff check src tests", help="command that finds careless mistakes")
parser.add_argument("--types", default="mypy src", help="command that checks types")
parser.add_argument("--tests", default="python -m pytest -q", help="command that runs the test suite")
parser.add_argument("--out", default="out", help="where results go")

PIP = ["pip", "install", "--quiet", "--root-user-action=ignore"]
JUNK = [".git", "**/__pycache__", "**/*.pyc", ".venv", ".tox", ".nox", ".*_cache", "build", "dist", "out"]


def python() -> Container:
    """A container with a new pip, whose downloads are kept from one run to the next."""
    return (
        dag.container()
        .from_("python:3-slim")
        .with_mounted_cache("/root/.cache/pip", dag.cache_volume("pip"))
        .with_env_variable("PYTHONDONTWRITEBYTECODE", "1")
        .with_exec([*PIP, "--upgrade", "pip", "build"])
        .with_workdir("/src")
    )


async def clean_python(wheel: Directory, name: str, out: str) -> None:
    """Installs the wheel into a Python that has nothing else, and keeps that as an image if it works."""
    image = (
        dag.container()
        .from_("python:3-slim")
        .with_mounted_directory("/dist", wheel)
        .with_exec(["sh", "-c", f"{shlex.join(PIP)} --no-cache-dir /dist/*.whl"])
        .without_mount("/dist")
    )
    await image.with_exec(["python", "-c", f"import {name}"]).sync()
    await image.with_entrypoint(["python"]).as_tarball().export(f"{out}/image.tar")


def bare_debian(wheel: Directory, name: str) -> Container:
    """Imports the wheel with the Python that Debian ships, without pip."""
    install = "apt-get -qq update && apt-get -qq install -y --no-install-recommends python3"
    debian = dag.container().from_("debian:bookworm-slim").with_exec(["sh", "-c", install])
    attempt = f'PYTHONPATH="$(echo /dist/*.whl)" python3 -c "import {name}"'
    return debian.with_mounted_directory("/dist", wheel).with_exec(["sh", "-c", attempt])


async def step(name: str, work: Awaitable[object]) -> tuple[str, float, str]:
    """Gives its name, how long it took and why it failed, if it did; the others go on."""
    started, failure = time.monotonic(), ""
    try:
        await work
    except dagger.ExecError as error:
        output = f"{error.stdout}\n{error.stderr}".strip().splitlines()[-40:]
        failure = f"{name} failed: `{shlex.join(error.command)}` exited with {error.exit_code}"
        failure = "\n  | ".join([failure, *output])
    except dagger.QueryError as error:
        failure = f"{name} failed: {error}"
    return name, time.monotonic() - started, failure


async def main(wanted: argparse.Namespace) -> int:
    """Runs all steps; gives the exit status."""
    async with dagger.connection(dagger.Config(log_output=sys.stderr)):
        source = dag.host().directory(wanted.source, exclude=JUNK)
        # What is shipped does not depend on tests: changing one neither builds nor tries the wheel again.
        package = source.filter(exclude=["tests", "docs", "bench"])
        # Of all the source, what is installed from PyPI depends on pyproject.toml only.
        tools = (
            python()
            .with_mounted_file("pyproject.toml", source.file("pyproject.toml"))
            .with_exec([*PIP, *shlex.split(wanted.tools), "--group", wanted.test_group])
            .without_mount("pyproject.toml")
        )
        coverage = [
            "--junitxml=/out/junit.xml",
            f"--cov={wanted.import_name}",
            "--cov-report=xml:/out/cov.xml",
        ]
        lint = tools.with_directory(".", source).with_exec(shlex.split(wanted.lint))
        types = tools.with_directory(".", package).with_exec(shlex.split(wanted.types))
        installed = tools.with_directory(".", package).with_exec([*PIP, "--no-deps", "."])
        tests = installed.with_directory(".", source).with_exec([*shlex.split(wanted.tests), *coverage])
        build = ["python", "-m", "build", "--wheel", "--outdir=/dist"]
        wheel = python().with_directory(".", package).with_exec(build).directory("/dist")
        results = await asyncio.gather(
            step("lint", lint.sync()),
            step("types", types.sync()),
            step("tests", tests.directory("/out").export(f"{wanted.out}/reports")),
            step("wheel", wheel.export(f"{wanted.out}/dist")),
            step("install", clean_python(wheel, wanted.import_name, wanted.out)),
            step("debian", bare_debian(wheel, wanted.import_name).sync()),
        )
    failures = [failure for _, _, failure in results if failure]
    for name, seconds, failure in results:
        print(f"{name:8} {'failed' if failure else 'ok':6} {seconds:7.2f} s")
    print(f"{len(results) - len(failures)} of {len(results)} steps ok", flush=True)
    print(*failures, sep="\n", end="\n" if failures else "", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(parser.parse_args())))
