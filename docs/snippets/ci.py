import asyncio

import dagger
from dagger import Container, dag


def installed(python: str) -> Container:
    source = dag.host().directory(".", include=["src", "tests", "pyproject.toml"])
    return (
        dag.container()
        .from_(f"python:{python}-slim")
        .with_directory("/project", source)
        .with_workdir("/project")
        .with_exec(["pip", "install", "--quiet", "."])
    )


def tested(python: str) -> Container:
    return installed(python).with_exec(["python", "-m", "unittest", "discover", "tests"])


async def main() -> None:
    async with dagger.connection():
        await asyncio.gather(tested("3.11"), tested("3.13"))
        built = installed("3.13").with_exec(["pip", "wheel", "--no-deps", "-w", "dist", "."])
        await built.directory("dist").export("dist")


asyncio.run(main())
