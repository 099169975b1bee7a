import argparse
import asyncio

import dagger
from dagger import dag


async def greet(name: str, image: str) -> str:
    return await dag.container().from_(image).with_exec(["echo", f"hello {name}"]).stdout()


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", default="world")
    parser.add_argument("--image", default="alpine")
    async with dagger.connection():
        print(await greet(**vars(parser.parse_args())))


asyncio.run(main())
