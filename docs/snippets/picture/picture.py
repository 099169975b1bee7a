import asyncio

import dagger
from dagger import dag


async def main() -> None:
    async with dagger.connection():
        source = dag.host().directory("src")
        tools = dag.container().from_("alpine").with_exec(["sh", "-c", "sleep 1; echo installed"])
        checks = tools.with_directory("/src", source).with_workdir("/src")
        built = checks.with_exec(["sh", "-c", "sleep 1; echo built"])
        python = dag.container().from_("python:3.13-slim")
        await asyncio.gather(
            built.with_exec(["sh", "-c", "echo 12 passed; sleep 20"]).sync(),
            checks.with_exec(["sh", "-c", "echo hello.py:1: unused import; sleep 2; exit 1"]).sync(),
            python.with_exec(["python", "--version"]).sync(),
            return_exceptions=True,
        )


asyncio.run(main())
