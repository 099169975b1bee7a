import asyncio

import dagger
from dagger import dag


async def main() -> None:
    async with dagger.connection():
        source = dag.host().directory(".", include=["*.txt"])
        result = (
            dag.container()
            .from_("busybox")
            .with_directory("/src", source)
            .with_workdir("/src")
            .with_exec(["sh", "-c", "mkdir out && sort *.txt | uniq -c > out/report && cat out/report"])
        )
        print(await result.stdout())
        await result.directory("out").export("out")


asyncio.run(main())
