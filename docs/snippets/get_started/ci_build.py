import asyncio

import dagger
from dagger import dag


async def main() -> None:
    async with dagger.connection():
        source = dag.host().directory(".", include=["*.py"], exclude=["ci*.py"])
        base = dag.container().from_("python:3-slim").with_directory("/src", source).with_workdir("/src")
        tested = base.with_exec(["python", "-m", "unittest"])
        app = base.with_exec(["python", "-m", "zipapp", ".", "-m", "greeting:main", "-o", "/greeting.pyz"])
        await asyncio.gather(tested.sync(), app.file("/greeting.pyz").export("greeting.pyz"))


asyncio.run(main())
