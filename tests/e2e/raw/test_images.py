"""Images: pulled, packed into archives, taken in again; and registries that do not answer."""

import json
import shutil
import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from engine import Engine
from images import MANIFEST_TYPE, image
from registry import Registry
from session import GraphQLError, Session


def test_an_image_brings_its_configuration(session: Session) -> None:
    found = session.query(
        '{ container { from(address: "busybox") { defaultArgs envVariable(name: "PATH") imageRef } } }'
    )["container"]["from"]
    assert found["defaultArgs"] == ["sh"] and found["envVariable"].endswith("/bin")
    assert found["imageRef"].startswith("docker.io/library/busybox:latest@sha256:")


def test_a_reference_by_digest(session: Session) -> None:
    reference = session.chain('from(address: "busybox")', "imageRef")
    assert session.run("echo", "x", image=reference) == "x\n"


def test_a_changed_container_is_no_image_any_more(session: Session) -> None:
    with pytest.raises(GraphQLError, match="Image reference can only be retrieved immediately after"):
        session.chain('from(address: "busybox")\nwithNewFile(path: "/x", contents: "")', "imageRef")


def test_an_unknown_image(session: Session) -> None:
    with pytest.raises(GraphQLError) as caught:
        session.run("true", image="library/no-such-image:1")
    assert 'failed to resolve image "docker.io/library/no-such-image:1"' in caught.value.message
    assert "Traceback" not in caught.value.message and caught.value.extensions is None


def test_an_address_that_is_none(session: Session) -> None:
    with pytest.raises(GraphQLError) as caught:
        session.run("true", image="UPPER CASE")
    assert "UPPER CASE" in caught.value.message


def test_a_registry_that_is_down(make_engine: Callable[..., Engine]) -> None:
    engine = make_engine(mirror="http://127.0.0.1:1")
    engine.env["KUKRI_REGISTRY_MIRRORS"] = "nowhere.invalid=http://127.0.0.1:1"
    with engine.session() as session:
        started = time.monotonic()
        with pytest.raises(GraphQLError) as caught:
            session.run("true", image="nowhere.invalid/x/y:1")
        assert "nowhere.invalid/x/y:1" in caught.value.message
        assert time.monotonic() - started < 60


def test_earlier_work_needs_no_registry(make_engine: Callable[..., Engine], tmp_path: Path) -> None:
    with Registry(tmp_path / "data") as own:
        own.push("library/busybox:latest", image("busybox"))
        engine = make_engine(mirror=own.url)
        with engine.session() as session:
            reference = session.chain('from(address: "busybox")', "imageRef")
            first = session.run("cat", "/proc/sys/kernel/random/uuid", image=reference)
    with engine.session() as session:
        assert session.run("cat", "/proc/sys/kernel/random/uuid", image=reference) == first
        assert session.run("echo", "new work", image=reference) == "new work\n"


def archive(session: Session, out: Path) -> None:
    steps = 'from(address: "busybox")\nwithNewFile(path: "/made", contents: "here")\nwithExec(args: ["rm", "/etc/group"])\n'
    steps += 'withEnvVariable(name: "E", value: "v")\nwithLabel(name: "l", value: "w")\nwithEntrypoint(args: ["cat"])\nwithDefaultArgs(args: ["/made"])'
    session.chain(f"{steps}\nasTarball", f"export(path: {json.dumps(str(out))})")


def test_an_archive_is_an_oci_layout_and_a_docker_archive(session: Session, tmp_path: Path) -> None:
    archive(session, tmp_path / "image.tar")
    with tarfile.open(tmp_path / "image.tar") as tar:

        def read(name: str) -> Any:
            file = tar.extractfile(name)
            assert file is not None
            return json.loads(file.read())

        assert read("oci-layout") == {"imageLayoutVersion": "1.0.0"}
        described = read("index.json")["manifests"][0]
        assert described["mediaType"] == MANIFEST_TYPE
        manifest = read(f"blobs/{described['digest'].replace(':', '/')}")
        config = read(f"blobs/{manifest['config']['digest'].replace(':', '/')}")
        assert "E=v" in config["config"]["Env"] and config["config"]["Entrypoint"] == ["cat"]
        assert len(config["rootfs"]["diff_ids"]) == len(manifest["layers"])
        base = image("busybox").blobs()[1]
        assert manifest["layers"][0]["digest"] == base.digest, "layers of the base image stay as they are"
        assert read("manifest.json")[0]["Layers"]


def test_an_archive_can_be_taken_in_again(session: Session, tmp_path: Path) -> None:
    archive(session, tmp_path / "image.tar")
    name = session.query('{ host { file(path: "image.tar") { id } } }')["host"]["file"]["id"]
    steps = f'import(source: "{name}")\nwithExec(args: [], useEntrypoint: true)'
    assert session.chain(steps, "stdout") == "here"
    assert session.chain(f'import(source: "{name}")\ndirectory(path: "/etc")', "entries") == ["passwd"]


def test_an_archive_is_the_same_every_time(session: Session, tmp_path: Path) -> None:
    for name in ("a", "b"):
        archive(session, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed")
def test_others_can_read_the_archive(session: Session, tmp_path: Path) -> None:
    archive(session, tmp_path / "image.tar")
    for kind in ("oci-archive", "docker-archive"):
        done = subprocess.run(
            ["skopeo", "inspect", f"{kind}:{tmp_path / 'image.tar'}"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert found["Labels"] == {"l": "w"} and len(found["Layers"]) >= 2


def test_publish(session: Session, registry: Registry) -> None:
    address = f"127.0.0.1:{registry.port}/made/by-us:1"
    step = 'from(address: "busybox")\nwithNewFile(path: "/x", contents: "published")'
    reference = session.chain(step, f'publish(address: "{address}")')
    assert reference.startswith(f"{address}@sha256:")
    assert session.run("cat", "/x", image=reference) == "published"
