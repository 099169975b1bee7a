"""Image archives: an OCI layout in a tar, read and made by hand."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


class Archive:
    """An archive that somebody wrote."""

    def __init__(self, path: Path) -> None:
        self.files: dict[str, bytes] = {}
        with tarfile.open(path) as tar:
            for entry in tar:
                content = tar.extractfile(entry) if entry.isreg() else None
                if content is not None:
                    self.files[entry.name] = content.read()

    def json(self, name: str) -> Any:
        """A document of the layout."""
        return json.loads(self.files[name])

    def blob(self, descriptor: dict[str, Any]) -> bytes:
        """What a descriptor points to, checked."""
        algorithm, _, digest = descriptor["digest"].partition(":")
        content = self.files[f"blobs/{algorithm}/{digest}"]
        assert hashlib.sha256(content).hexdigest() == digest
        assert len(content) == descriptor["size"]
        return content

    @property
    def root(self) -> dict[str, Any]:
        """What the layout points to: the descriptor of a manifest, or of an index."""
        manifests = self.json("index.json")["manifests"]
        assert len(manifests) == 1
        return dict(manifests[0])

    def manifests(self) -> list[dict[str, Any]]:
        """The manifests, one per platform."""
        root = json.loads(self.blob(self.root))
        if "manifests" in root:
            return [json.loads(self.blob(entry)) for entry in root["manifests"]]
        return [root]

    @property
    def manifest(self) -> dict[str, Any]:
        """The only manifest."""
        (only,) = self.manifests()
        return only

    @property
    def config(self) -> dict[str, Any]:
        """The configuration of the only image."""
        return dict(json.loads(self.blob(self.manifest["config"])))

    def layers(self) -> list[list[str]]:
        """Names in the layers of the only image, directories with `/`, without the root itself.

        The layers agree with the configuration.
        """
        names = []
        for descriptor, diff_id in zip(
            self.manifest["layers"], self.config["rootfs"]["diff_ids"], strict=True
        ):
            content = self.blob(descriptor)
            if descriptor["mediaType"].endswith("gzip"):
                content = gzip.decompress(content)
            assert f"sha256:{hashlib.sha256(content).hexdigest()}" == diff_id
            with tarfile.open(fileobj=io.BytesIO(content)) as tar:
                names.append([entry.name + "/" * entry.isdir() for entry in tar if entry.name != "."])
        return names


def layer(**files: str) -> bytes:
    """A plain layer with these files in its root."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


class Layout:
    """An OCI layout in the making."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}
        self.manifests: list[dict[str, Any]] = []

    def put(self, kind: str, content: bytes) -> dict[str, Any]:
        """Adds a blob; gives its descriptor."""
        digest = hashlib.sha256(content).hexdigest()
        self.files[f"blobs/sha256/{digest}"] = content
        return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(content)}

    def image(
        self,
        *layers: bytes,
        config: dict[str, Any] | None = None,
        annotations: dict[str, str] | None = None,
        name: str | None = None,
        **document: Any,
    ) -> dict[str, Any]:
        """Adds an image; gives the descriptor of its manifest."""
        diff_ids = [f"sha256:{hashlib.sha256(content).hexdigest()}" for content in layers]
        described = {
            "architecture": "amd64",
            "os": "linux",
            "config": config or {},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            **document,
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.put(CONFIG, json.dumps(described).encode()),
            "layers": [self.put(LAYER, content) for content in layers],
            **({"annotations": annotations} if annotations else {}),
        }
        descriptor = self.put(MANIFEST, json.dumps(manifest).encode())
        if name:
            descriptor["annotations"] = {"org.opencontainers.image.ref.name": name}
        self.manifests.append(descriptor)
        return descriptor

    def write(self, path: Path) -> None:
        """Writes the archive."""
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": self.manifests}
        with tarfile.open(path, "w") as tar:
            for name, content in {**self.files, "index.json": json.dumps(index).encode()}.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))


def imported(q: Any, path: Path, options: str = "") -> str:
    """The step that takes an archive in. The file is read anew each time."""
    found = q.session.query(
        f"{{ host {{ directory(path: {json.dumps(str(path.parent))}, include: [{json.dumps(path.name)}], noCache: true) "
        f"{{ file(path: {json.dumps(path.name)}) {{ id }} }} }} }}"
    )["host"]["directory"]["file"]["id"]
    return f'import(source: "{found}"{options})'
