import asyncio
import time

import dagger
from dagger import dag


async def main() -> None:
    async with dagger.connection():
        base = dag.container().from_("alpine")
        started = time.monotonic()
        slow = asyncio.ensure_future(base.with_exec(["sleep", "60"]).sync())
        try:
            await base.with_exec(["sh", "-c", "exit 1"]).sync()
            await slow
        except dagger.ExecError as error:
            slow.cancel()
            print(f"{' '.join(error.command)} failed")
    print("over in less than a minute:", time.monotonic() - started < 60)


asyncio.run(main())
