"""Test a Rust crate and build its documentation; what cargo compiled and downloaded is kept.

    python rust_crate.py path/to/crate

The registry and the target directory are cache volumes: when a file changes, cargo compiles the crate, and
has what that depends on. The documentation is in `./out/doc`.
"""

import asyncio
import sys

import dagger
from dagger import CacheSharingMode, Container, dag

#: Cargo goes by times, and files of another checkout may be older than what was compiled last. So the step
#: that runs it makes them new: the crate itself is compiled each time, what it needs comes from the volume.
TOUCH = "find . -type f -exec touch {} +"


def cargo(path: str) -> Container:
    """The crate, in a container with cargo."""
    source = dag.host().directory(path, exclude=["target", ".git"])
    return (
        dag.container()
        .from_("rust:1-slim")
        .with_mounted_cache("/usr/local/cargo/registry", dag.cache_volume("cargo-registry"))
        .with_mounted_cache("/target", dag.cache_volume("target"), sharing=CacheSharingMode.LOCKED)
        .with_env_variable("CARGO_TARGET_DIR", "/target")
        .with_directory("/src", source)
        .with_workdir("/src")
    )


async def main(path: str) -> None:
    """Tests, and documents."""
    async with dagger.connection(dagger.Config(log_output=sys.stderr)):
        crate = cargo(path)
        # What is in a cache volume is no result: the step that made it copies it to where it is one.
        documented = crate.with_exec(
            ["sh", "-ec", f"{TOUCH}; rm -rf /target/doc; cargo doc --no-deps; cp -r /target/doc /doc"]
        )
        tested, _ = await asyncio.gather(
            crate.with_exec(["sh", "-ec", f"{TOUCH}; cargo test"]).stdout(),
            documented.directory("/doc").export("out/doc"),
        )
    print(*(line for line in tested.splitlines() if line.startswith("test result")), sep="\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
