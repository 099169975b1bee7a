"""Test a Python library with several versions of Python and of a dependency, all at the same time.

    python python_matrix.py path/to/library --python 3.11 3.13 --with pytest==8.4.2 pytest==9.0.2

Prints a table; every cell runs, also when others fail. A cell whose inputs did not change is not run again.
"""

import argparse
import asyncio
import itertools
import shlex
import sys

import dagger
from dagger import Directory, dag

parser = argparse.ArgumentParser(description="Test a Python library with several versions.")
parser.add_argument("source", help="directory with the library's pyproject.toml")
parser.add_argument("--python", nargs="+", default=["3.11", "3.13"], help="versions of Python")
parser.add_argument("--with", nargs="+", dest="others", default=["pytest"], help="requirements to try")
parser.add_argument("--tests", default="pytest -q", help="command that runs the tests")

JUNK = [".git", "**/__pycache__", ".venv", ".tox", "build", "dist"]


async def cell(source: Directory, python: str, requirement: str, tests: str) -> str:
    """Runs the tests; gives their last line."""
    output = await (
        dag.container()
        .from_(f"python:{python}-slim")
        .with_mounted_cache("/root/.cache/pip", dag.cache_volume("pip"))
        .with_env_variable("PIP_ROOT_USER_ACTION", "ignore")
        .with_exec(["pip", "install", "--quiet", requirement])
        .with_directory("/src", source)
        .with_workdir("/src")
        .with_exec(["pip", "install", "--quiet", "."])
        .with_exec(shlex.split(tests))
        .stdout()
    )
    return output.strip().splitlines()[-1]


async def main(arguments: argparse.Namespace) -> int:
    """Runs all cells; gives the exit status."""
    cells = list(itertools.product(arguments.python, arguments.others))
    async with dagger.connection(dagger.Config(log_output=sys.stderr)):
        source = dag.host().directory(arguments.source, exclude=JUNK)
        results = await asyncio.gather(
            *(cell(source, *versions, arguments.tests) for versions in cells), return_exceptions=True
        )
    for (python, requirement), result in zip(cells, results, strict=True):
        print(f"Python {python:5}  {requirement:16}  {'FAILED' if isinstance(result, Exception) else result}")
    for result in results:
        if isinstance(result, dagger.ExecError):
            print(f"\n{shlex.join(result.command)}\n{result.stdout}{result.stderr}", file=sys.stderr)
        elif isinstance(result, BaseException):
            raise result
    return int(any(isinstance(result, Exception) for result in results))


if __name__ == "__main__":
    sys.exit(asyncio.run(main(parser.parse_args())))
