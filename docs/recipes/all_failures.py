import asyncio

import dagger
from dagger import dag

CHECKS = {"lint": "exit 0", "types": "echo 'x is no str' >&2; exit 1", "tests": "echo '1 failed' >&2; exit 1"}


async def main() -> None:
    async with dagger.connection():
        base = dag.container().from_("alpine")
        work = [base.with_exec(["sh", "-c", script]).sync() for script in CHECKS.values()]
        results = await asyncio.gather(*work, return_exceptions=True)
    for name, result in zip(CHECKS, results, strict=False):
        print(f"{name}: {result.stderr if isinstance(result, dagger.ExecError) else 'ok'}")


asyncio.run(main())
