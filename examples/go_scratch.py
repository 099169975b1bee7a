"""Test a Go program and build an image which has that program and nothing else.

    python go_scratch.py path/to/module --try=--version

The static program goes into an empty container, `./out/image.tar`.
"""

import argparse
import asyncio
import shlex
import sys

import dagger
from dagger import dag

parser = argparse.ArgumentParser(description="Test a Go program, and build an image of it alone.")
parser.add_argument("source", help="directory with go.mod and the main package")
parser.add_argument("--try", dest="attempt", default="--version", help="arguments with which it must succeed")


async def main(arguments: argparse.Namespace) -> None:
    """Runs all steps."""
    async with dagger.connection(dagger.Config(log_output=sys.stderr)):
        source = dag.host().directory(arguments.source, exclude=[".git"])
        go = (
            dag.container()
            .from_("golang:1")
            .with_mounted_cache("/go/pkg/mod", dag.cache_volume("go-mod"))
            .with_mounted_cache("/root/.cache/go-build", dag.cache_volume("go-build"))
            .with_env_variable("CGO_ENABLED", "0")
            .with_directory("/src", source)
            .with_workdir("/src")
        )
        built = go.with_exec(["go", "build", "-trimpath", "-ldflags=-s -w", "-o", "/out/program", "."])
        image = (
            dag.container().with_file("/program", built.file("/out/program")).with_entrypoint(["/program"])
        )
        tried = image.with_exec(shlex.split(arguments.attempt), use_entrypoint=True)
        tested, said, _ = await asyncio.gather(
            go.with_exec(["go", "test", "./..."]).stdout(),
            tried.combined_output(),
            image.export("out/image.tar"),
        )
    print(tested.strip(), said.strip(), sep="\n")


if __name__ == "__main__":
    asyncio.run(main(parser.parse_args()))
