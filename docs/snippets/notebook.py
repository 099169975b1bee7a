import asyncio
import contextlib

import dagger
from dagger import dag


async def cells() -> None:
    # In the first cell:
    stack = contextlib.AsyncExitStack()
    await stack.enter_async_context(dagger.connection())
    # In each one after it:
    print(await dag.container().from_("alpine").with_exec(["echo", "hello"]).stdout())
    # In the last:
    await stack.aclose()


asyncio.run(cells())
