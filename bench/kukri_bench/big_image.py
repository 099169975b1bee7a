"""An image as large as those that people really use, made of Debian packages."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from contextlib import ExitStack
from pathlib import Path

import images

from .figures import Skip

#: What is added to a minimal system: about 500 MB with it.
PACKAGES = "python3,gcc,g++,git,perl,make"
#: Each directory belongs to the first layer that has it; the rest is the last layer.
LAYERS = (
    ("usr/lib/gcc", "usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu"),
    ("usr/share", "usr/lib"),
    ("",),
)


def big_image(cache: Path) -> images.Image:
    """Makes it, once; what it is made of is large, so it stays in the cache."""
    final = cache / f"bench-big-{images.SUITE}-{images.RECIPES}"
    if (final / "manifest.json").exists():
        return images.Image(final)
    if shutil.which("mmdebstrap") is None:
        raise Skip("mmdebstrap is not installed")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".bench-big-") as scratch:
        system = Path(scratch) / "system.tar"
        command = [
            "mmdebstrap",
            "--quiet",
            "--variant=minbase",
            f"--include={PACKAGES}",
            images.SUITE,
            str(system),
        ]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise Skip(f"mmdebstrap failed: {done.stderr.strip()[-300:]}")
        made = Path(scratch) / "image"
        made.mkdir()
        _finish(made, _split(system, Path(scratch)))
        made.rename(final)
    return images.Image(final)


def _split(system: Path, scratch: Path) -> list[Path]:
    """Three layers; directories may stand in several, as in real images."""
    paths = [scratch / f"layer-{number}.tar" for number in range(len(LAYERS))]
    placed: dict[str, int] = {}
    with ExitStack() as stack:
        source = stack.enter_context(tarfile.open(system))
        layers = [stack.enter_context(tarfile.open(path, "w", format=tarfile.PAX_FORMAT)) for path in paths]
        for entry in source:
            name = entry.name.removeprefix("./").strip("/")
            number = next(
                number
                for number, starts in enumerate(LAYERS)
                if any(not start or name == start or name.startswith(f"{start}/") for start in starts)
            )
            if entry.islnk():
                # A hard link lies where its target does.
                number = placed[entry.linkname.removeprefix("./").strip("/")]
            placed[name] = number
            layers[number].addfile(entry, source.extractfile(entry) if entry.isreg() else None)
    return paths


def _finish(out: Path, layers: list[Path]) -> None:
    blobs, diff_ids = [], []
    for layer in layers:
        content = layer.read_bytes()
        diff_ids.append(f"sha256:{hashlib.sha256(content).hexdigest()}")
        blobs.append(_put(out, images.LAYER_TYPE, gzip.compress(content, compresslevel=6, mtime=0)))
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}.get(
        images.platform.machine(), images.platform.machine()
    )
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {"Env": [f"PATH={images.SYSTEM_PATH}"]},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    }
    described = _put(out, images.CONFIG_TYPE, json.dumps(config).encode())
    manifest = {
        "schemaVersion": 2,
        "mediaType": images.MANIFEST_TYPE,
        "config": described.descriptor(),
        "layers": [blob.descriptor() for blob in blobs],
    }
    (out / "manifest.json").write_text(json.dumps(manifest))


def _put(out: Path, media_type: str, content: bytes) -> images.Blob:
    digest = hashlib.sha256(content).hexdigest()
    (out / f"sha256-{digest}").write_bytes(content)
    return images.Blob(media_type, f"sha256:{digest}", len(content))
