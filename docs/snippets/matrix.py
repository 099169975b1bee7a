import asyncio
import itertools

import dagger
from dagger import dag

PYTHONS = ["3.11", "3.13"]
OPTIONS = ["-b", "-O"]


async def tests(source: dagger.Directory, python: str, option: str) -> None:
    await (
        dag.container()
        .from_(f"python:{python}-slim")
        .with_directory("/project", source)
        .with_workdir("/project/tests")
        .with_env_variable("PYTHONPATH", "/project/src")
        .with_exec(["python", option, "-m", "unittest"])
        .sync()
    )


async def main() -> None:
    async with dagger.connection():
        source = dag.host().directory(".", include=["src", "tests"])
        cases = list(itertools.product(PYTHONS, OPTIONS))
        results = await asyncio.gather(*(tests(source, *case) for case in cases), return_exceptions=True)
    for case, result in zip(cases, results, strict=False):
        print(*case, "ok" if result is None else f"failed: {result}")
    if any(results):
        raise SystemExit(1)


asyncio.run(main())
