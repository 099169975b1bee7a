"""Build a documentation site with Sphinx; a warning is an error. By default: that of this project.

    python docs_site.py path/to/repository

The site is in `./out`. What is installed depends on the file with the requirements only.
"""

import argparse
import asyncio
import sys
from pathlib import Path

import dagger
from dagger import dag

parser = argparse.ArgumentParser(description="Build a documentation site with Sphinx.")
parser.add_argument("source", nargs="?", default=str(Path(__file__).parents[1]), help="the repository")
parser.add_argument("--docs", default="docs", help="directory of the pages")
parser.add_argument(
    "--code", nargs="*", default=["python", "examples"], help="directories with code that the pages show"
)
parser.add_argument("--requirements", default="scripts/requirements-docs.txt", help="what to install")


async def main(arguments: argparse.Namespace) -> None:
    """Builds and exports."""
    async with dagger.connection(dagger.Config(log_output=sys.stderr)):
        wanted = [arguments.docs, *arguments.code, arguments.requirements]
        source = dag.host().directory(arguments.source, include=wanted, exclude=["**/__pycache__"])
        installed = (
            dag.container()
            .from_("python:3-slim")
            .with_mounted_cache("/root/.cache/pip", dag.cache_volume("pip"))
            .with_mounted_file("/requirements.txt", source.file(arguments.requirements))
            .with_exec(["pip", "install", "--quiet", "--root-user-action=ignore", "-r", "/requirements.txt"])
        )
        site = (
            installed.with_directory("/src", source)
            .with_workdir("/src")
            .with_exec(["python", "-m", "sphinx", "-W", "--keep-going", "-q", arguments.docs, "/site"])
            .directory("/site")
        )
        await site.export("out")
        pages = await site.glob("**/*.html")
    print(f"{len(pages)} pages")


if __name__ == "__main__":
    asyncio.run(main(parser.parse_args()))
