import asyncio
import sys

import dagger


async def main() -> None:
    async with dagger.Connection(dagger.Config(log_output=sys.stderr)) as client:
        source = client.host().directory(".", include=["src", "tests"])
        python = (
            client.container()
            .from_("python:3-slim")
            .with_directory("/project", source)
            .with_workdir("/project/tests")
            .with_env_variable("PYTHONPATH", "/project/src")
        )
        print(await python.with_exec(["python", "-m", "unittest"]).stderr())


asyncio.run(main())
