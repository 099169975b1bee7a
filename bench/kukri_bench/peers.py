"""Other programs that run commands in containers, where they are installed, in the same run.

Bare runtimes get the rootfs as a directory: no image store, no layers, no network and no seccomp filter, all
of which a step of Kukri has. Builders do what Kukri does: a new layer for each step.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

from .context import Context
from .figures import Figure, Samples, Skip, ms, timed

if TYPE_CHECKING:
    from pathlib import Path

Peer = Callable[[Context, int], Samples]


def attach(figure: Figure, context: Context, peers: dict[str, Peer], count: int) -> None:
    """Measures peers; those that are not there are noted."""
    for name, peer in peers.items():
        measured = _try(name, peer, context, count)
        if isinstance(measured, str):
            figure.notes.append(f"{name}: {measured}")
        else:
            figure.peers.append(measured)


def _try(name: str, peer: Peer, context: Context, count: int) -> Samples | str:
    if shutil.which(name) is None:
        return "not installed"
    try:
        return peer(context, count)
    except Skip as reason:
        return str(reason)


def bare(context: Context, count: int) -> list[float]:
    """Seconds to start a static program and wait for it."""
    program = str(context.rootfs / "bin/busybox")

    def once() -> None:
        os.waitpid(os.posix_spawn(program, ["busybox", "true"], {}), 0)

    return [timed(once) for _ in range(count)]


#: Runs in a mount namespace of its own: crun does not like a version 2 hierarchy beside version 1.
_LOOP = """
import json, os, subprocess, sys, time
from concurrent.futures import ThreadPoolExecutor
program, bundle, count, workers = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
subprocess.run(["umount", "/sys/fs/cgroup/unified"], stderr=subprocess.DEVNULL)
def once(number):
    start = time.perf_counter()
    name = f"kukri-bench-{os.getpid()}-{number}"
    command = [program, "run", "--bundle", bundle, name]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode:
        sys.exit(done.stderr.decode()[-300:])
    return time.perf_counter() - start
start = time.perf_counter()
with ThreadPoolExecutor(workers) as pool:
    each = list(pool.map(once, range(count)))
print(json.dumps([each, count / (time.perf_counter() - start)]))
"""


def _runtime(context: Context, program: str, count: int, workers: int) -> tuple[list[float], float]:
    bundle = context.scratch / f"bundle-{program}"
    if not bundle.exists():
        bundle.mkdir()
        subprocess.run([program, "spec"], cwd=bundle, check=True, capture_output=True)
        spec = json.loads((bundle / "config.json").read_text())
        spec["process"].update(terminal=False, args=["true"])
        spec["root"] = {"path": str(context.rootfs), "readonly": False}
        (bundle / "config.json").write_text(json.dumps(spec))
    command = ["unshare", "--mount", context.python, "-c", _LOOP, program, bundle, str(count), str(workers)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Skip(f"does not work here: {' '.join(done.stderr.split())[-200:]}")
    each, rate = json.loads(done.stdout)
    return each, rate


def _sequential(program: str) -> Peer:
    def peer(context: Context, count: int) -> Samples:
        return ms(f"{program} run, no network, no seccomp", _runtime(context, program, min(count, 20), 1)[0])

    return peer


def _parallel(program: str) -> Peer:
    def peer(context: Context, count: int) -> Samples:
        return Samples(f"{program} run", (_runtime(context, program, min(count, 100), 8)[1],))

    return peer


def _buildah(context: Context, count: int) -> Samples:
    home = context.scratch / "buildah"
    base = [
        "buildah",
        "--root",
        str(home / "root"),
        "--runroot",
        str(home / "run"),
        "--storage-driver",
        "overlay",
    ]
    system = _archive(context)

    def run(*arguments: str | Path) -> str:
        done = subprocess.run([*base, *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise Skip(f"does not work here: {' '.join(done.stderr.split())[-200:]}")
        return done.stdout.strip()

    name = run("from", "scratch")
    run("add", name, system, "/")
    times = [
        timed(lambda: run("run", "--isolation", "chroot", name, "/bin/true")) for _ in range(min(count, 7))
    ]
    return ms("buildah run, chroot isolation", times)


def _buildkit(context: Context, count: int) -> Samples:
    """A daemon of our own, which leaves the machine's network alone."""
    daemon = shutil.which("dockerd")
    if daemon is None:
        raise Skip("dockerd is not installed")
    # Debian's client; a newer one wants a plugin for builds.
    client = shutil.which("docker", path="/usr/bin") or "docker"
    home = context.scratch / "docker"
    home.mkdir()
    socket = f"unix://{home}/docker.sock"
    command = [daemon, "--host", socket, "--data-root", home / "data", "--exec-root", home / "exec",
               "--pidfile", home / "pid", "--bridge", "none", "--iptables=false"]  # fmt: skip
    environment = {**os.environ, "DOCKER_HOST": socket, "DOCKER_BUILDKIT": "1", "DOCKER_CONFIG": str(home)}
    steps = min(count, 20)

    def docker(*arguments: str | Path, stdin: bytes = b"") -> None:
        done = subprocess.run(
            [client, *arguments], env=environment, input=stdin, capture_output=True, cwd=home
        )
        if done.returncode:
            raise Skip(f"does not work here: {' '.join(done.stderr.decode().split())[-200:]}")

    def build(runs: int) -> float:
        nonce = uuid.uuid4().hex
        lines = ["FROM bench", *(f"RUN true {nonce} {number}" for number in range(runs))]
        text = "\n".join(lines).encode()
        return timed(lambda: docker("build", "--quiet", "--network", "none", "-", stdin=text))

    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while not (home / "docker.sock").exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise Skip(f"dockerd does not start: {(home / 'log').read_text()[-200:].strip()}")
            time.sleep(0.1)
        docker("import", _archive(context), "bench")
        build(1)
        rounds = [(build(steps + 1) - build(1)) / steps for _ in range(context.rounds(3))]
    finally:
        process.terminate()
        process.wait()
    return ms("BuildKit (dockerd), each RUN, no network", rounds)


def _archive(context: Context) -> Path:
    path = context.scratch / "rootfs.tar"
    if not path.exists():
        with tarfile.open(path, "w") as tar:
            tar.add(context.rootfs, arcname=".")
    return path


SEQUENTIAL: dict[str, Peer] = {
    "crun": _sequential("crun"),
    "runc": _sequential("runc"),
    "buildah": _buildah,
    "docker": _buildkit,
}
PARALLEL: dict[str, Peer] = {"crun": _parallel("crun"), "runc": _parallel("runc")}
