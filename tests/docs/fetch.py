"""Fetch real sources for the examples from package registries, each with its own client, in containers.

python fetch.py DIRECTORY
"""

import sys
from pathlib import Path

import dagger

CRATE = "semver@1.0.27"
MODULE = "github.com/tomnomnom/gron@v0.7.1"
PACKAGE = "http-server@14.1.1"


def main(target: Path) -> None:
    """Exports each source into a directory of its own."""
    crate = CRATE.replace("@", "@=")
    vendor = f"cargo init -q --name x /x && cd /x && cargo add -q {crate} && cargo vendor -q /vendor"
    download = f"go mod download {MODULE} && cp -r /go/pkg/mod/{MODULE} /module && chmod -R u+w /module"
    pack = f"mkdir /app && cd /app && npm pack --silent {PACKAGE} && tar -xf *.tgz"
    with dagger.connect() as dag:
        for name, image, script, path in (
            ("crate", "rust:1-slim", vendor, "/vendor/semver"),
            ("module", "golang:1", download, "/module"),
            ("package", "node:24-slim", pack, "/app/package"),
        ):
            fetched = dag.container().from_(image).with_exec(["sh", "-ec", script]).directory(path)
            fetched.export(str(target / name))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
