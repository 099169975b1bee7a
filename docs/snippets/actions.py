import asyncio

import dagger
from dagger import dag


async def test(source: dagger.Directory, python: str) -> None:
    await (
        dag.container()
        .from_(f"python:{python}-slim")
        .with_mounted_cache("/root/.cache/pip", dag.cache_volume("pip"))
        .with_env_variable("PIP_ROOT_USER_ACTION", "ignore")
        .with_exec(["pip", "install", "--quiet", "pytest==9.0.2"])
        .with_directory("/src", source)
        .with_workdir("/src")
        .with_env_variable("PYTHONPATH", "src")
        .with_exec(["pytest", "-q"])
        .sync()
    )


async def build(source: dagger.Directory) -> None:
    await (
        dag.container()
        .from_("python:3.13-slim")
        .with_directory("/src", source)
        .with_workdir("/src")
        .with_exec(["pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", "dist", "."])
        .directory("dist")
        .export("dist")
    )


async def main() -> None:
    async with dagger.connection():
        source = dag.host().directory(".", include=["src", "tests", "pyproject.toml"])
        await asyncio.gather(*(test(source, python) for python in ("3.11", "3.13")))
        await build(source)


asyncio.run(main())
