import asyncio

import dagger
from dagger import dag


async def main() -> None:
    async with dagger.connection():
        try:
            await asyncio.wait_for(dag.container().from_("alpine").with_exec(["sleep", "99"]).sync(), 2)
        except asyncio.TimeoutError:
            print("stopped after 2 s")


asyncio.run(main())
