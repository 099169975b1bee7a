"""Images: layers, archives, registries (protocol sections 5.2, 5.8, 6.1 and 6.2)."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from archive import Archive, Layout, imported, layer
from images import image
from session import GraphQLError

FOREIGN = "linux/arm64"


def packed(q: Any, folder: Path, steps: str, options: str = "", name: str = "out.tar") -> Archive:
    """The archive of a container made by `steps`, exported."""
    call = f"asTarball({options})" if options else "asTarball"
    path = str(folder / name)
    assert q.session.chain(f"{steps}\n{call}", f"export(path: {json.dumps(path)})") == path
    return Archive(folder / name)


def base_layer() -> str:
    """Digest of the only layer of busybox."""
    return image("busybox").blobs()[1].digest


# Layers.


def test_6_1_each_step_that_changes_files_is_a_layer(q: Any, tmp_path: Path) -> None:
    steps = """
        from(address: "busybox")
        withNewFile(path: "/one", contents: "1")
        withEnvVariable(name: "A", value: "no layer")
        withExec(args: ["sh", "-c", "echo 2 > /two; mkdir /d; echo 3 > /d/three"])
        withExec(args: ["true"])
        withoutFile(path: "/none")
        withNewFile(path: "/one", contents: "1 again")
        withExec(args: ["rm", "-r", "/home"])
    """
    made = packed(q, tmp_path, steps)
    layers = made.layers()
    assert made.manifest["layers"][0]["digest"] == base_layer(), "byte for byte"
    assert [[name for name in names if not name.startswith("./")] for names in layers[1:]] == [
        ["one"],
        ["d/", "d/three", "two"],
        ["one"],
        [".wh.home"],
    ]
    history = made.config["history"]
    assert len(history) == 5
    assert "rm -r /home" in history[-1]["created_by"]


def test_6_1_an_empty_file_system_has_no_layers(q: Any, tmp_path: Path, registry: Any) -> None:
    steps = f'withRootfs(directory: {q.id("directory")})\nwithLabel(name: "a", value: "b")'
    assert packed(q, tmp_path, steps).manifest["layers"] == []
    address = f"127.0.0.1:{registry.port}/made/of-nothing:1"
    reference = q.session.chain(steps, f'publish(address: "{address}")')
    # What was pulled is an image, whatever is in it.
    assert q.session.chain(f'from(address: "{reference}")', f'publish(address: "{address}")')
    assert q.session.chain(f'from(address: "{reference}")', 'label(name: "a")') == "b"
    assert q.session.chain(f'from(address: "{reference}")', "rootfs { entries }") == {"entries": []}


def test_6_1_a_root_file_system_of_another_container_keeps_its_layers(q: Any, tmp_path: Path) -> None:
    rootfs = q.id_of_rootfs('withNewFile(path: "/secret", contents: "not for all")')
    whole = packed(q, tmp_path, f"withRootfs(directory: {rootfs})")
    assert whole.manifest["layers"][0]["digest"] == base_layer()
    assert whole.layers()[1] == ["secret"]
    assert len(whole.config["history"]) == 2
    part = q.session.query(
        f'{{ node(id: {rootfs}) {{ ... on Directory {{ filter(exclude: ["secret"]) {{ id }} }} }} }}'
    )["node"]["filter"]["id"]
    names = packed(q, tmp_path, f'withRootfs(directory: "{part}")').layers()
    assert len(names) == 1 and "secret" not in names[0], "what was filtered out is in no layer below"
    assert "bin/busybox" in names[0]


def test_6_1_more_steps_than_layers(q: Any, tmp_path: Path) -> None:
    steps = "\n".join(f'withNewFile(path: "/f{number}", contents: "{number}")' for number in range(200))
    made = packed(q, tmp_path, steps)
    names = made.layers()
    assert len(names) == 120, "Docker stacks 125 at most"
    assert names[0] == ["f0"]
    assert len(names[-1]) == 81
    taken = imported(q, tmp_path / "out.tar")
    assert len(q.session.chain(taken, "rootfs { entries }")["entries"]) == 200
    with_base = packed(q, tmp_path, f'from(address: "busybox")\n{steps}')
    assert len(with_base.layers()) == 120
    assert with_base.manifest["layers"][0]["digest"] == base_layer()


def test_6_1_times_alone_are_no_layer(q: Any, tmp_path: Path) -> None:
    steps = 'from(address: "busybox")\nwithExec(args: ["touch", "/etc/passwd"])'
    assert len(packed(q, tmp_path, steps).layers()) == 1


def times(made: Archive, name: str) -> list[float]:
    """The modification times that the layers have for a file, lowest first."""
    found = []
    for described in made.manifest["layers"]:
        with tarfile.open(fileobj=io.BytesIO(made.blob(described))) as tar:
            found += [member.mtime for member in tar if member.name.removeprefix("./") == name]
    return found


def test_6_1_times_that_were_set_are_in_a_layer(q: Any, tmp_path: Path) -> None:
    """5.10: `withTimestamps` sets them for all entries, also where nothing else of a file changes."""
    files = ['withNewFile(path: "a", contents: "1")', 'withNewFile(path: "d/b", contents: "2")']
    for stamp in [1000, 2000]:
        root = json.dumps(q.dir("\n".join([*files, f"withTimestamps(timestamp: {stamp})"]), "id"))
        made = packed(q, tmp_path, f"withRootfs(directory: {root})", name=f"{stamp}.tar")
        assert (times(made, "a"), times(made, "d/b")) == ([stamp], [stamp]), "once, and in one layer"
        # What is put over the same contents as well.
        over = f'withNewFile(path: "/a", contents: "1")\nwithDirectory(path: "/", source: {root})'
        put = packed(q, tmp_path, over, name=f"over-{stamp}.tar")
        assert (times(put, "a")[-1], times(put, "d/b")[-1]) == (stamp, stamp)
    # Nothing is left of it where the same time was there before.
    same = f'withRootfs(directory: {root})\nwithDirectory(path: "/", source: {root})'
    assert packed(q, tmp_path, same).manifest["layers"] == made.manifest["layers"]
    # However the files came to be, and whenever, the image is the same.
    other = "\n".join([files[1], files[0].replace("1", "0"), files[0], "withTimestamps(timestamp: 2000)"])
    again = packed(q, tmp_path, f"withRootfs(directory: {json.dumps(q.dir(other, 'id'))})", name="again.tar")
    assert again.manifest["layers"] == made.manifest["layers"]


def test_6_1_lower_layers_stay_when_a_later_step_changes(q: Any, tmp_path: Path) -> None:
    start = 'from(address: "busybox")\nwithExec(args: ["sh", "-c", "cat /proc/sys/kernel/random/uuid > /random"])\n'
    first = packed(q, tmp_path, start + 'withNewFile(path: "/x", contents: "1")')
    second = packed(q, tmp_path, start + 'withNewFile(path: "/x", contents: "2")')
    assert first.manifest["layers"][:2] == second.manifest["layers"][:2]
    assert first.manifest["layers"][2] != second.manifest["layers"][2]


@pytest.mark.parametrize("form", ["OCIMediaTypes", "OCI", "DockerMediaTypes", "DOCKER"])
def test_6_1_media_types(q: Any, tmp_path: Path, form: str) -> None:
    steps = 'from(address: "busybox")\nwithNewFile(path: "/x", contents: "")'
    made = packed(q, tmp_path, steps, f"mediaTypes: {form}")
    if form.startswith("OCI"):
        base = "application/vnd.oci.image."
        kinds = [f"{base}manifest.v1+json", f"{base}config.v1+json", f"{base}layer.v1.tar+gzip"]
    else:
        base = "application/vnd.docker."
        kinds = [
            f"{base}distribution.manifest.v2+json",
            f"{base}container.image.v1+json",
            f"{base}image.rootfs.diff.tar.gzip",
        ]
    assert made.root["mediaType"] == made.manifest["mediaType"] == kinds[0]
    assert made.manifest["config"]["mediaType"] == kinds[1]
    assert {entry["mediaType"] for entry in made.manifest["layers"]} == {kinds[2]}
    assert made.manifest["layers"][0]["digest"] == base_layer(), "the bytes are the same in both families"


@pytest.mark.parametrize(
    ("wanted", "suffix", "start"),
    [("Gzip", "+gzip", b"\x1f\x8b"), ("ZSTD", "+zstd", b"\x28\xb5\x2f\xfd"), ("Uncompressed", "", b"")],
)
def test_6_1_forced_compression_is_for_all_layers(
    q: Any, tmp_path: Path, wanted: str, suffix: str, start: bytes
) -> None:
    steps = 'from(address: "busybox")\nwithNewFile(path: "/x", contents: "")'
    plain = packed(q, tmp_path, steps).config["rootfs"]
    made = packed(q, tmp_path, steps, f"forcedCompression: {wanted}")
    assert made.config["rootfs"] == plain, "what is in the layers is the same"
    for entry in made.manifest["layers"]:
        assert entry["mediaType"] == f"application/vnd.oci.image.layer.v1.tar{suffix}"
        assert made.blob(entry).startswith(start)
    assert q.session.chain(imported(q, tmp_path / "out.tar"), 'exists(path: "/bin/busybox")') is True


def test_6_1_compression_of_the_base_stays_unless_forced(q: Any, tmp_path: Path) -> None:
    layout = Layout()
    layout.image(layer(a="1"))
    layout.write(tmp_path / "base.tar")
    made = packed(q, tmp_path, f'{imported(q, tmp_path / "base.tar")}\nwithNewFile(path: "/x", contents: "")')
    kinds = [entry["mediaType"].rpartition(".")[2] for entry in made.manifest["layers"]]
    assert kinds == ["tar", "tar+gzip"]


# Configuration.

FULL: dict[str, Any] = {
    "User": "www:www",
    "ExposedPorts": {"53/udp": {}, "80/tcp": {}},
    "Env": ["PATH=/bin", "B=x=y"],
    "Entrypoint": ["/e", "x"],
    "Cmd": ["c"],
    "Volumes": {"/data": {}},
    "WorkingDir": "/w",
    "Labels": {"k": "v"},
    "StopSignal": "SIGINT",
    "Healthcheck": {
        "Test": ["CMD-SHELL", "exit 0"],
        "Interval": 90_000_000_000,
        "Timeout": 1_500_000_000,
        "StartPeriod": 250_000_000,
        "StartInterval": 5_000_000_000,
        "Retries": 3,
    },
    "OnBuild": ["RUN x"],
    "Shell": ["sh"],
    "ArgsEscaped": True,
}


@pytest.fixture
def full(tmp_path: Path) -> Path:
    """An archive whose configuration says all there is to say."""
    layout = Layout()
    layout.image(
        layer(passwd="", f="1"),
        config=FULL,
        annotations={"org.opencontainers.image.title": "all"},
        created="2024-01-02T03:04:05Z",
        author="somebody",
        history=[{"created_by": "base"}, {"created_by": "ENV", "empty_layer": True}],
    )
    layout.write(tmp_path / "full.tar")
    return tmp_path / "full.tar"


def test_6_2_a_configuration_survives_the_round_trip(q: Any, tmp_path: Path, full: Path) -> None:
    made = packed(q, tmp_path, imported(q, full))
    before = Archive(full)
    assert made.config == before.config
    assert made.manifest["annotations"] == {"org.opencontainers.image.title": "all"}
    assert made.manifest["layers"] == before.manifest["layers"]
    more = packed(q, tmp_path, f'{imported(q, full)}\nwithNewFile(path: "/x", contents: "")', name="more.tar")
    assert {**more.config, "rootfs": 0, "history": 0} == {**before.config, "rootfs": 0, "history": 0}
    assert more.config["history"][:2] == before.config["history"]
    again = packed(q, tmp_path, imported(q, tmp_path / "more.tar"), name="again.tar")
    assert again.manifest == more.manifest


def test_6_2_a_configuration_survives_a_registry(q: Any, tmp_path: Path, full: Path, registry: Any) -> None:
    address = f"127.0.0.1:{registry.port}/made/full:1"
    reference = q.session.chain(imported(q, full), f'publish(address: "{address}")')
    made = packed(q, tmp_path, f'from(address: "{reference}")')
    assert made.config == Archive(full).config


def test_5_1_what_an_image_says_is_read(q: Any, full: Path) -> None:
    step = imported(q, full)
    ports = q.session.chain(step, "exposedPorts { port protocol description experimentalSkipHealthcheck }")
    assert ports == [
        {"port": 53, "protocol": "UDP", "description": None, "experimentalSkipHealthcheck": True},
        {"port": 80, "protocol": "TCP", "description": None, "experimentalSkipHealthcheck": True},
    ], "what the image exposes has no health check"
    added = f"{step}\nwithExposedPort(port: 80)\nwithoutExposedPort(port: 53, protocol: UDP)"
    assert q.session.chain(added, "exposedPorts { port experimentalSkipHealthcheck }") == [
        {"port": 80, "experimentalSkipHealthcheck": False}
    ]
    assert q.session.chain(f"{step}\nwithoutExposedPort(port: 80)", "exposedPorts { port }") == [{"port": 53}]
    found = q.session.chain(step, "user", "workdir", "entrypoint", "defaultArgs", 'label(name: "k")')
    assert found == {
        "user": "www:www", "workdir": "/w", "entrypoint": ["/e", "x"], "defaultArgs": ["c"], "label": "v",
    }  # fmt: skip


_CHECK = "dockerHealthcheck { args shell interval timeout startPeriod startInterval retries }"


def test_5_1_health_checks(q: Any, tmp_path: Path, full: Path) -> None:
    assert q.session.chain("", _CHECK) is None
    assert q.session.chain(imported(q, full), _CHECK) == {
        "args": ["exit 0"], "shell": True, "interval": "1m30s", "timeout": "1.5s", "startPeriod": "250ms",
        "startInterval": "5s", "retries": 3,
    }  # fmt: skip
    plain = 'withDockerHealthcheck(args: ["curl", "-f", "x"])'
    unset = {"interval": "0s", "timeout": "0s", "startPeriod": "0s", "startInterval": "0s", "retries": 0}
    assert q.session.chain(f"{imported(q, full)}\n{plain}", _CHECK) == {
        "args": ["curl", "-f", "x"], "shell": False, **unset,
    }, "the image's is replaced as a whole"  # fmt: skip
    timed = 'withDockerHealthcheck(args: ["a b"], shell: true, interval: "1h", timeout: "100ms", retries: 2)'
    assert q.session.chain(timed, _CHECK) == {
        "args": ["a b"], "shell": True, **unset, "interval": "1h0m0s", "timeout": "100ms", "retries": 2,
    }  # fmt: skip
    timed += '\nwithNewFile(path: "/x", contents: "")'
    published = packed(q, tmp_path, timed).config["config"]["Healthcheck"]
    assert published == {
        "Test": ["CMD-SHELL", "a b"], "Interval": 3_600_000_000_000, "Timeout": 100_000_000, "Retries": 2,
    }  # fmt: skip
    assert q.session.chain(f"{imported(q, full)}\nwithoutDockerHealthcheck", _CHECK) is None
    assert (
        "Healthcheck"
        not in packed(q, tmp_path, f"{imported(q, full)}\nwithoutDockerHealthcheck").config["config"]
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("args: []", "args is empty"),
        ('args: ["a", "b"], shell: true', "one text"),
        ('args: ["a"], interval: "soon"', 'interval: "soon" is not a duration'),
        ('args: ["a"], retries: -1', "-1 retries"),
    ],
)
def test_5_1_health_checks_that_make_no_sense(q: Any, arguments: str, message: str) -> None:
    assert message in q.fails("session_chain", f"withDockerHealthcheck({arguments})", _CHECK).message


def test_5_1_a_health_check_is_an_object_with_an_id(q: Any) -> None:
    found = q.session.chain('withDockerHealthcheck(args: ["a"])', "dockerHealthcheck { id }")["id"]
    assert q.session.query(f'{{ node(id: "{found}") {{ ... on HealthcheckConfig {{ args }} }} }}') == {
        "node": {"args": ["a"]}
    }


def test_5_1_set_to_nothing_is_not_unset(q: Any, tmp_path: Path) -> None:
    base = 'from(address: "busybox")\n'
    assert packed(q, tmp_path, f"{base}withDefaultArgs(args: [])").config["config"]["Cmd"] == []
    assert "Cmd" not in packed(q, tmp_path, f"{base}withoutDefaultArgs").config["config"]


def test_5_1_what_is_published_and_what_is_not(q: Any, tmp_path: Path) -> None:
    secret, volume = q.secret("unpublished", "never-to-be-seen"), q.id('cacheVolume(key: "unpublished")')
    mounted = q.dir_id(inner="mounted")
    steps = f"""
        from(address: "busybox")
        withEnvVariable(name: "PLAIN", value: "seen")
        withVolatileVariable(name: "VOLATILE", value: "gone")
        withSecretVariable(name: "TOKEN", secret: {secret})
        withMountedSecret(path: "/run/secret", source: {secret})
        withMountedDirectory(path: "/mnt/dir", source: {mounted})
        withMountedCache(path: "/mnt/cache", cache: {volume})
        withMountedTemp(path: "/mnt/temp")
        withExec(args: ["sh", "-c", "cat /run/secret > /mnt/cache/x; touch /mnt/dir/y /mnt/temp/z; echo > /made"])
        withAnnotation(name: "a", value: "1")
        withAnnotation(name: "b", value: "2")
        withoutAnnotation(name: "b")
    """
    made = packed(q, tmp_path, steps)
    assert made.config["config"]["Env"][1:] == ["PLAIN=seen"]
    assert made.layers()[1] == ["made"]
    assert made.manifest["annotations"] == made.root["annotations"] == {"a": "1"}
    assert "a" not in made.config["config"].get("Labels", {})
    everything = b"".join(made.files.values())
    assert b"never-to-be-seen" not in everything and b"VOLATILE" not in everything


# Archives.


def test_5_8_the_file_is_called_container_tar(q: Any) -> None:
    assert q.ask("asTarball", "name") == "container.tar"


def test_5_8_export_gives_the_absolute_path(q: Any, tmp_path: Path) -> None:
    assert q.ask("", 'export(path: "sub/image.tar")') == str(tmp_path / "sub" / "image.tar")
    steps = 'withEnvVariable(name: "NAME", value: "expanded")'
    assert q.ask(steps, 'export(path: "${NAME}.tar", expand: true)') == str(tmp_path / "expanded.tar")
    assert q.ask(steps, 'export(path: "$NAME.tar")') == str(tmp_path / "$NAME.tar")
    assert Archive(tmp_path / "expanded.tar").manifest == Archive(tmp_path / "$NAME.tar").manifest
    # What is there already is not written again.
    before = (tmp_path / "$NAME.tar").stat()
    q.ask(steps, 'export(path: "$NAME.tar")')
    assert (tmp_path / "$NAME.tar").stat() == before


def foreign(q: Any, contents: str = "arm") -> str:
    """The ID of a container for another platform, quoted."""
    return str(
        json.dumps(
            q.session.chain(
                f'withNewFile(path: "/which", contents: "{contents}")',
                "id",
                root=f'container(platform: "{FOREIGN}")',
            )
        )
    )


def test_5_8_several_platforms_are_an_index(q: Any, tmp_path: Path) -> None:
    steps = 'withNewFile(path: "/which", contents: "host")'
    made = packed(q, tmp_path, steps, f"platformVariants: [{foreign(q)}]")
    index = json.loads(made.blob(made.root))
    assert made.root["mediaType"] == index["mediaType"] == "application/vnd.oci.image.index.v1+json"
    assert [entry["platform"]["architecture"] for entry in index["manifests"]][1] == "arm64"
    step = imported(q, tmp_path / "out.tar")
    for root, expected in [("container", "host"), (f'container(platform: "{FOREIGN}")', "arm")]:
        found = q.session.chain(step, 'file(path: "/which") { contents }', root=root)
        assert found == {"contents": expected}, "the entry for the container's platform"
    with pytest.raises(GraphQLError, match="linux/s390x"):
        q.session.chain(step, "sync", root='container(platform: "linux/s390x")')
    assert made.json("manifest.json")[0]["Layers"], "docker load gets one of them"


def test_5_8_an_empty_receiver_is_left_out(q: Any, tmp_path: Path) -> None:
    made = packed(q, tmp_path, "", f"platformVariants: [{foreign(q)}]")
    assert [json.loads(made.blob(entry["config"]))["architecture"] for entry in made.manifests()] == ["arm64"]


def test_5_8_the_same_platform_twice(q: Any) -> None:
    variants = f"platformVariants: [{foreign(q)}, {foreign(q, 'other')}]"
    assert "duplicate platform" in q.fails("ask", f"asTarball({variants})", "size").message


def test_5_2_import_takes_what_docker_save_writes(q: Any, tmp_path: Path) -> None:
    packed(q, tmp_path, 'from(address: "busybox")\nwithNewFile(path: "/x", contents: "1")')
    written = Archive(tmp_path / "out.tar")
    docker = Layout()
    docker.files = {name: content for name, content in written.files.items() if name != "oci-layout"}
    docker.write(tmp_path / "docker.tar")
    subprocess.run(["tar", "--delete", "-f", tmp_path / "docker.tar", "index.json"], check=True)
    step = f'{imported(q, tmp_path / "docker.tar")}\nwithExec(args: ["cat", "/x"])'
    assert q.session.chain(step, "stdout") == "1"


def test_6_2_import_by_tag(q: Any, tmp_path: Path) -> None:
    layout = Layout()
    layout.image(layer(f="old"), name="1.0")
    layout.image(layer(f="new"), name="2.0")
    layout.write(tmp_path / "tags.tar")
    for tag, expected in [("1.0", "old"), ("2.0", "new")]:
        step = imported(q, tmp_path / "tags.tar", f', tag: "{tag}"')
        assert q.session.chain(step, 'file(path: "f") { contents }') == {"contents": expected}
    error = q.fails("session_chain", imported(q, tmp_path / "tags.tar", ', tag: "3.0"'), "sync")
    assert '"3.0"' in error.message and "1.0" in error.message


def test_5_2_what_the_image_says_wins(q: Any, full: Path) -> None:
    """Variables in place, the rest as a whole; what the image does not speak of stays, and `mounts` too."""
    secret = q.secret("of-the-receiver", "of-the-receiver-value")
    steps = f"""
        withEnvVariable(name: "B", value: "mine")
        withEnvVariable(name: "C", value: "mine")
        withLabel(name: "k", value: "mine")
        withLabel(name: "l", value: "mine")
        withExposedPort(port: 80, description: "mine", experimentalSkipHealthcheck: true)
        withExposedPort(port: 81)
        withEntrypoint(args: ["mine"])
        withDefaultArgs(args: ["mine"])
        withUser(name: "mine")
        withWorkdir(path: "/mine")
        withDockerHealthcheck(args: ["mine"])
        withNewFile(path: "/mine", contents: "")
        withMountedTemp(path: "/t")
        withMountedSecret(path: "/s", source: {secret})
        {imported(q, full)}
    """
    assert q.session.chain(steps, "envVariables { name value }") == [
        {"name": "B", "value": "x=y"}, {"name": "C", "value": "mine"}, {"name": "PATH", "value": "/bin"},
    ]  # fmt: skip
    found = q.session.chain(
        steps, "entrypoint", "defaultArgs", "user", "workdir", "mounts", "dockerHealthcheck { args }",
        "labels { name value }", "exposedPorts { port protocol }", 'exists(path: "/mine")',
    )  # fmt: skip
    found["labels"].sort(key=lambda label: label["name"])
    found["exposedPorts"].sort(key=lambda port: port["port"])
    assert found == {
        "entrypoint": ["/e", "x"], "defaultArgs": ["c"], "user": "www:www", "workdir": "/w", "mounts": ["/t", "/s"],
        "dockerHealthcheck": {"args": ["exit 0"]},
        "labels": [{"name": "k", "value": "v"}, {"name": "l", "value": "mine"}],
        "exposedPorts": [
            {"port": 53, "protocol": "UDP"}, {"port": 80, "protocol": "TCP"}, {"port": 81, "protocol": "TCP"},
        ],
        "exists": False,
    }  # fmt: skip


def test_5_2_import_keeps_what_from_keeps(q: Any, full: Path) -> None:
    mounted = q.dir_id(b="2")
    steps = f"""
        withEnvVariable(name: "OWN", value: "kept")
        withLabel(name: "own", value: "kept")
        withMountedDirectory(path: "/m", source: {mounted})
        {imported(q, full)}
    """
    assert q.session.chain(steps, "mounts") == ["/m"]
    assert q.session.chain(steps, "envVariables { name }") == [{"name": n} for n in ("OWN", "PATH", "B")]
    assert q.session.chain(steps, 'label(name: "own")') == "kept"


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed")
@pytest.mark.parametrize("media", ["OCIMediaTypes", "DockerMediaTypes"])
def test_6_2_others_read_the_archive(q: Any, tmp_path: Path, full: Path, media: str) -> None:
    steps = f'{imported(q, full)}\nwithNewFile(path: "/x", contents: "")\nwithoutFile(path: "/f")'
    packed(q, tmp_path, steps, f"mediaTypes: {media}")
    for kind in ("oci-archive", "docker-archive"):
        command = ["skopeo", "inspect", f"{kind}:{tmp_path / 'out.tar'}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert len(found["Layers"]) == 3 and found["Labels"] == {"k": "v"}
        raw = subprocess.run([*command, "--config", "--raw"], check=True, capture_output=True, text=True)
        assert json.loads(raw.stdout) == Archive(tmp_path / "out.tar").config


# Registries.


def test_5_8_publish_gives_the_whole_reference_and_is_done_each_time(q: Any, registry: Any) -> None:
    address = f"127.0.0.1:{registry.port}/made/again"
    one, two = (f'withNewFile(path: "/which", contents: "{text}")' for text in "12")
    first = q.session.chain(one, f'publish(address: "{address}")')
    assert first.startswith(f"{address}:latest@sha256:"), "the address is normalised"
    assert q.session.chain(two, f'publish(address: "{address}")') != first
    assert q.session.chain(one, f'publish(address: "{address}")') == first
    found = q.session.chain(f'from(address: "{address}:latest")', 'file(path: "/which") { contents }')
    assert found == {"contents": "1"}, "the third publication was done, though it is the same as the first"


@pytest.mark.parametrize(("tag", "instead"), [("", "latest"), (":7", "7")])
def test_5_8_nothing_is_published_by_a_digest(q: Any, registry: Any, tag: str, instead: str) -> None:
    name = f"127.0.0.1:{registry.port}/made/by-digest"
    message = q.fails(
        "session_chain",
        'withNewFile(path: "/f", contents: "x")',
        f'publish(address: "{name}{tag}@sha256:{"0" * 64}")',
    ).message
    assert f"a digest follows from the image and is not chosen; give a tag, as in {name}:{instead}" in message
    missing = q.fails("session_chain", f'from(address: "{name}:{instead}")', 'label(name: "a")').message
    assert "not found" in missing


@pytest.mark.parametrize("steps", ["", 'withLabel(name: "a", value: "b")\nwithMountedTemp(path: "/t")'])
def test_5_8_a_container_without_a_file_system_is_no_image(q: Any, registry: Any, steps: str) -> None:
    address = f"127.0.0.1:{registry.port}/made/nothing:1"
    nothing = q.id("container")
    for leaf in (
        f'publish(address: "{address}")',
        f'publish(address: "{address}", platformVariants: [{nothing}])',
        'export(path: "out.tar")',
        "asTarball { size }",
        'exportImage(name: "made/nothing:1")',
    ):
        message = q.fails("session_chain", steps, leaf).message
        assert "no containers to export" in message and "begin with from" in message, leaf
    assert "not found" in q.fails("session_chain", f'from(address: "{address}")', 'label(name: "a")').message
    # An empty variant is left out as well, next to one that is not.
    whole = 'withNewFile(path: "/f", contents: "x")'
    assert q.session.chain(whole, f"asTarball(platformVariants: [{nothing}]) {{ size }}")["size"] > 0


def test_5_8_publish_of_several_platforms(q: Any, registry: Any) -> None:
    address = f"127.0.0.1:{registry.port}/made/platforms:1"
    steps = 'withNewFile(path: "/which", contents: "host")'
    publish = f'publish(address: "{address}", platformVariants: [{foreign(q)}])'
    reference = q.session.chain(steps, publish)
    for root, expected in [("container", "host"), (f'container(platform: "{FOREIGN}")', "arm")]:
        found = q.session.chain(
            f'from(address: "{reference}")', 'file(path: "/which") { contents }', root=root
        )
        assert found == {"contents": expected}
    only = q.session.chain("", publish)
    found = q.session.chain(f'from(address: "{only}")', "platform", root=f'container(platform: "{FOREIGN}")')
    assert found == FOREIGN
    twice = f'publish(address: "{address}", platformVariants: [{foreign(q)}, {foreign(q)}])'
    assert "duplicate platform" in q.fails("session_chain", "", twice).message


def test_6_1_published_layers_of_the_base_are_as_they_were(q: Any, tmp_path: Path, registry: Any) -> None:
    address = f"127.0.0.1:{registry.port}/made/based:1"
    steps = 'from(address: "busybox")\nwithExec(args: ["touch", "/x"])'
    reference = q.session.chain(steps, f'publish(address: "{address}")')
    layers = packed(q, tmp_path, f'from(address: "{reference}")').manifest["layers"]
    assert len(layers) == 2 and layers[0]["digest"] == base_layer()


def test_5_2_a_tag_is_resolved_when_selected_and_once_in_a_session(
    q: Any, engine: Any, asker: Any, registry: Any, tmp_path: Path
) -> None:
    address = f"127.0.0.1:{registry.port}/made/moving:1"
    missing = q.fails("session_chain", f'from(address: "{address}")', "id")
    assert f'failed to resolve image "{address}"' in missing.message, "though only the ID was asked for"

    def publish(text: str) -> None:
        q.session.chain(f'withNewFile(path: "/t", contents: "{text}")', f'publish(address: "{address}")')

    def read(session: Any) -> str:
        return str(session.chain(f'from(address: "{address}")', 'file(path: "/t") { contents }')["contents"])

    publish("1")
    with engine.session(workdir=tmp_path) as session:
        assert read(session) == "1"
        publish("2")
        assert read(session) == "1", "resolved once in a session"
    with engine.session(workdir=tmp_path) as session:
        assert read(session) == "2"


def test_5_2_two_names_of_one_image_share_what_is_known(q: Any) -> None:
    step = 'withExec(args: ["cat", "/proc/sys/kernel/random/uuid"])'
    found = {
        q.session.chain(f'from(address: "{name}")\n{step}', "stdout")
        for name in ("busybox", "docker.io/library/busybox:1", "alpine:3.20")
    }
    assert len(found) == 1
