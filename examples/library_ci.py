"""Check and build a Python library: everything that has to be green before its maintainer presses "release".

    python library_ci.py path/to/library --import-name attr

Lint, type check, tests and the build of the wheel run at the same time, each in containers of its own. The
wheel is then installed where it has never been before: with pip into a clean Python, and on a bare Debian.
What comes out of it, also a container image with the library installed, is in `./out`. Whatever did not
change since the last time is not done again.
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
parser.add_argument(
    "--test-group", default="tests", help="dependency group of pyproject.toml with what tests need"
)
parser.add_argument("--tools", default="ruff mypy pytest-cov", help="packages for lint, types and coverage")
parser.add_argument("--lint", default="ruff check src tests", help="command that finds careless mistakes")
parser.add_argument("--types", default="mypy src", help="command that checks types")
parser.add_argument("--tests", default="python -m pytest -q", help="command that runs the test suite")
parser.add_argument("--out", default="out", help="where results go")

PIP = ["pip", "install", "--quiet"]
JUNK = [".git", "**/__pycache__", "**/*.pyc", ".venv", ".tox", ".nox", ".*_cache", "build", "dist", "out"]
report: dict[str, tuple[str, float]] = {}
failures: list[str] = []


def python() -> Container:
    """A container with a new pip, whose downloads are kept from one run to the next."""
    return (
        dag.container()
        .from_("python:3-slim")
        .with_mounted_cache("/root/.cache/pip", dag.cache_volume("pip"))
        .with_env_variable("PIP_ROOT_USER_ACTION", "ignore")
        .with_env_variable("PYTHONDONTWRITEBYTECODE", "1")
        .with_exec([*PIP, "--upgrade", "pip", "build"])
    )


async def step(name: str, work: Awaitable[object]) -> None:
    """Waits for a step and notes down how it went; when one fails, the others go on."""
    started, outcome = time.monotonic(), "ok"
    try:
        await work
    except dagger.ExecError as error:
        outcome = "failed"
        output = f"{error.stdout}\n{error.stderr}".strip().splitlines()
        failures.append(f"{name} failed: `{shlex.join(error.command)}` exited with {error.exit_code}")
        failures.extend(f"  | {line}" for line in output[-40:])
    except dagger.QueryError as error:
        outcome = "failed"
        failures.append(f"{name} failed: {error}")
    report[name] = (outcome, time.monotonic() - started)


async def clean_python(wheel: Directory, name: str, out: str) -> None:
    """Installs the wheel into a Python that has nothing else, and keeps that as an image."""
    image = (
        dag.container()
        .from_("python:3-slim")
        .with_mounted_directory("/dist", wheel)
        .with_exec(["sh", "-c", "pip install --quiet --no-cache-dir --root-user-action=ignore /dist/*.whl"])
        .without_mount("/dist")
        .with_entrypoint(["python"])
    )
    await image.with_exec(["-c", f"import {name}; print({name}.__file__)"], use_entrypoint=True).sync()
    await image.as_tarball().export(f"{out}/image.tar")


async def bare_debian(wheel: Directory, name: str) -> None:
    """Imports the wheel with the Python that Debian ships, without pip."""
    await (
        dag.container()
        .from_("debian:bookworm-slim")
        .with_exec(
            ["sh", "-c", "apt-get -qq update && apt-get -qq install -y --no-install-recommends python3"]
        )
        .with_mounted_directory("/dist", wheel)
        .with_exec(["sh", "-c", f'PYTHONPATH="$(echo /dist/*.whl)" python3 -c "import {name}"'])
        .sync()
    )


async def main(arguments: argparse.Namespace) -> int:
    """Runs all steps; gives the exit status."""
    started = time.monotonic()
    async with dagger.connection(dagger.Config(log_output=sys.stderr)):
        source = dag.host().directory(arguments.source, exclude=JUNK)
        # What is shipped does not depend on tests: changing one neither builds nor tries the wheel again.
        package = source.filter(exclude=["tests", "docs", "bench"])
        # Of all the source, what is installed from PyPI depends on pyproject.toml only.
        tools = (
            python()
            .with_mounted_file("/project/pyproject.toml", source.file("pyproject.toml"))
            .with_workdir("/project")
            .with_exec([*PIP, *shlex.split(arguments.tools), "--group", arguments.test_group])
            .with_workdir("/src")
        )
        installed = tools.with_directory("/src", package).with_exec([*PIP, "--no-deps", "."])
        reports = [
            "--junitxml=/out/junit.xml",
            f"--cov={arguments.import_name}",
            "--cov-report=xml:/out/cov.xml",
        ]
        build = ["python", "-m", "build", "--wheel", "--outdir=/dist"]

        lint = tools.with_directory("/src", source).with_exec(shlex.split(arguments.lint))
        types = tools.with_directory("/src", package).with_exec(shlex.split(arguments.types))
        tests = installed.with_directory("/src", source).with_exec([*shlex.split(arguments.tests), *reports])
        built = python().with_directory("/src", package).with_workdir("/src").with_exec(build)
        wheel = built.directory("/dist")

        await asyncio.gather(
            step("lint", lint.sync()),
            step("types", types.sync()),
            step("tests", tests.directory("/out").export(f"{arguments.out}/reports")),
            step("wheel", wheel.export(f"{arguments.out}/dist")),
            step("install", clean_python(wheel, arguments.import_name, arguments.out)),
            step("debian", bare_debian(wheel, arguments.import_name)),
        )
    width = max(map(len, report))
    print(f"\n{'step':{width}}  outcome  seconds")
    for name, (outcome, seconds) in report.items():
        print(f"{name:{width}}  {outcome:7}  {seconds:7.2f}")
    passed = sum(outcome == "ok" for outcome, _ in report.values())
    print(f"{passed} of {len(report)} steps ok in {time.monotonic() - started:.2f} s")
    if failures:
        print("", *failures, sep="\n", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(parser.parse_args())))
