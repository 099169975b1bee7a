import asyncio

import dagger
from dagger import dag


async def main() -> None:
    limit = asyncio.Semaphore(2)

    async def one(number: int) -> str:
        async with limit:
            return await dag.container().from_("alpine").with_exec(["echo", f"number {number}"]).stdout()

    async with dagger.connection():
        print("".join(await asyncio.gather(*map(one, range(4)))))


asyncio.run(main())
