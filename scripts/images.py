"""Make container images from Debian packages, for places that no public image registry reaches.

Three images come out of it, close to what their namesakes on Docker Hub offer: `busybox` (one static program
and its links), `debian` (a minimal system) and `python` (the same base layer, and Python with pip on top).
They are made once and kept in a directory; equal packages make equal images, byte for byte.

    python scripts/images.py busybox debian python        # make what is missing, print digests

Needs Debian's `busybox-static` for busybox and `mmdebstrap` for the others. Standard library only.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import os
import platform
import shutil
import subprocess
import tarfile
import tempfile
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
        with tempfile.TemporaryDirectory(dir=cache, prefix=f".{name}-") as scratch:
            made = Path(scratch) / "image"
            made.mkdir()
            RECIPE[name](made, cache)
            shutil.rmtree(final, ignore_errors=True)
            made.rename(final)
    return Image(final)


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


def _python(out: Path, cache: Path) -> None:
    base = image("debian", cache)
    base_layer = gzip.decompress(base.path(base.blobs()[1]).read_bytes())
    # The official image has its own build of Python under /usr/local, where pip may install what it likes.
    hook = (
        'rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED; '
        'for name in python3 python pip3 pip; do ln -sf "/usr/bin/${name%3}3" "$1/usr/local/bin/$name"; done'
    )
    with _debootstrap(["python3", "python3-venv", "python3-pip", "ca-certificates"], hook) as system:
        finish(
            out,
            [base_layer, _difference(base_layer, system.read_bytes())],
            {"Env": [f"PATH={SYSTEM_PATH}", "LANG=C.UTF-8"], "Cmd": ["python3"]},
        )


RECIPE: dict[str, Callable[[Path, Path], None]] = {"busybox": _busybox, "debian": _debian, "python": _python}


@contextmanager
def _debootstrap(packages: list[str], hook: str = "true") -> Iterator[Path]:
    """A minimal Debian system with some packages, as a tar file."""
    if shutil.which("mmdebstrap") is None:
        raise SystemExit("mmdebstrap is not installed: apt-get install mmdebstrap")
    with tempfile.TemporaryDirectory(prefix="kukri-image-") as scratch:
        target = Path(scratch) / "system.tar"
        command = ["mmdebstrap", "--quiet", "--variant=minbase", *(f"--include={name}" for name in packages)]
        # Like the slim images: nothing that is only read by people.
        command += [
            f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("doc", "man", "locale", "info")
        ]
        command += ["--dpkgopt=path-include=/usr/share/doc/*/copyright", f"--customize-hook={hook}"]
        command += [SUITE, str(target), *filter(None, [os.environ.get("KUKRI_DEBIAN_MIRROR")])]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH), "LC_ALL": "C"}
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        if done.returncode:
            raise SystemExit(f"mmdebstrap failed ({done.returncode}):\n{done.stderr[-2000:]}")
        yield target


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
