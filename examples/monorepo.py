"""Test the packages of a monorepo: those that a change touches, and those that use them.

    python monorepo.py path/to/repository

`packages.json` in the repository names the packages and what each uses: `{"core": [], "web": ["core"]}`; each
lies in a directory of its name. Nothing is said about changes: the tests of a package see it and what
it uses, so they run again when one of these has changed.
"""

import asyncio
import json
import sys
from pathlib import Path

import dagger
from dagger import Container, Directory, dag


def closure(packages: dict[str, list[str]], name: str) -> list[str]:
    """What a package uses, directly or not, and the package itself as the last one."""
    found: list[str] = []
    for used in packages[name]:
        found += [other for other in closure(packages, used) if other not in found]
    return [*found, name]


def tools() -> Container:
    """What all packages need; it does not depend on any of them."""
    return (
        dag.container()
        .from_("python:3-slim")
        .with_mounted_cache("/root/.cache/pip", dag.cache_volume("pip"))
        .with_env_variable("PIP_ROOT_USER_ACTION", "ignore")
        .with_exec(["pip", "install", "--quiet", "pytest==9.0.2"])
        .with_workdir("/repository")
    )


async def test(repository: Directory, packages: dict[str, list[str]], name: str) -> str:
    """Tests a package; gives the last line of the output."""
    used = closure(packages, name)
    output = await (
        tools()
        .with_directory("/repository", repository.filter(include=used))
        .with_exec(["pip", "install", "--quiet", *(f"./{package}" for package in used)])
        .with_workdir(f"/repository/{name}")
        .with_exec(["pytest", "-q", "-p", "no:cacheprovider"])
        .stdout()
    )
    return output.strip().splitlines()[-1]


async def main(path: str) -> None:
    """Tests all packages."""
    packages = json.loads((Path(path) / "packages.json").read_text())
    async with dagger.connection(dagger.Config(log_output=sys.stderr)):
        repository = dag.host().directory(path, include=list(packages), exclude=["**/__pycache__"])
        results = await asyncio.gather(*(test(repository, packages, name) for name in packages))
    for name, result in zip(packages, results, strict=True):
        print(f"{name}: {result}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
