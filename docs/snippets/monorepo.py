import asyncio

import dagger
from dagger import dag

#: Each package, and those that it uses.
PACKAGES = {"core": [], "api": ["core"], "web": ["api"], "docs": []}


def closure(package: str) -> list[str]:
    """A package with all that it uses, directly or not."""
    return sorted({package, *(name for used in PACKAGES[package] for name in closure(used))})


async def check(repository: dagger.Directory, package: str) -> None:
    source = repository.filter(include=[f"packages/{name}" for name in closure(package)])
    await (
        dag.container()
        .from_("alpine")
        .with_directory("/repository", source)
        .with_workdir(f"/repository/packages/{package}")
        .with_exec(["sh", "./check.sh"])
        .sync()
    )


async def main() -> None:
    async with dagger.connection():
        repository = dag.host().directory(".", include=["packages"])
        await asyncio.gather(*(check(repository, package) for package in PACKAGES))


asyncio.run(main())
