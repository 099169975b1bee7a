"""The scenarios in Python, `async`: with the official client, or with ours; whichever `dagger` is installed."""

import asyncio
import importlib
import sys

import dagger
import scenarios_life
from harness import LIMIT, Results

for name in ("scenarios_basic", "scenarios_data"):
    # Its scenarios register themselves.
    importlib.import_module(name)


async def main() -> None:
    async with dagger.connection(dagger.Config(log_output=sys.stderr)):
        if sys.argv[1:2] == ["hang"]:
            await scenarios_life.hang(sys.argv[2])
            return
        results = Results()
        for name in results.asked:
            try:
                await asyncio.wait_for(results.begin(name)(), LIMIT)
            except Exception as failure:  # noqa: BLE001 - each is a result
                results.end(name, failure)
            else:
                results.end(name)


asyncio.run(main())
