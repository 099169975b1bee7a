"""Install, try and pack a Node application.

    python node_app.py path/to/app --main bin/app.js --try=--version

What is installed depends on package.json and its lock file only. The image, in `./out/image.tar`, has no npm
cache and no development packages.
"""

import argparse
import asyncio
import shlex
import sys

import dagger
from dagger import dag

parser = argparse.ArgumentParser(description="Install, try and pack a Node application.")
parser.add_argument("source", help="directory with package.json")
parser.add_argument("--main", required=True, help="program of the application")
parser.add_argument("--try", dest="attempt", default="--version", help="arguments with which it must succeed")


async def main(arguments: argparse.Namespace) -> None:
    """Runs all steps."""
    async with dagger.connection(dagger.Config(log_output=sys.stderr)):
        source = dag.host().directory(arguments.source, exclude=["node_modules", ".git"])
        installed = (
            dag.container()
            .from_("node:24-slim")
            .with_mounted_cache("/root/.npm", dag.cache_volume("npm"))
            .with_env_variable("NODE_ENV", "production")
            .with_workdir("/app")
            .with_directory("/app", source.filter(include=["package.json", "package-lock.json"]))
            .with_exec(["npm", "install", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"])
        )
        app = (
            installed.with_directory("/app", source)
            .without_mount("/root/.npm")
            .with_entrypoint(["node", f"/app/{arguments.main}"])
        )
        tried = app.with_exec(shlex.split(arguments.attempt), use_entrypoint=True)
        listed = app.with_exec(["npm", "ls", "--all", "--parseable"])
        said, packages, _ = await asyncio.gather(
            tried.combined_output(), listed.stdout(), app.export("out/image.tar")
        )
    print(said.strip())
    print(f"{len(packages.splitlines()) - 1} packages")


if __name__ == "__main__":
    asyncio.run(main(parser.parse_args()))
