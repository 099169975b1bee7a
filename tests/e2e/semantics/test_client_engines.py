"""Container engines of the client's machine: images into them and out of them (protocol sections 5.8 and 5.12)."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from archive import Archive, imported

_FAKE = """#!/bin/sh
case "$1" in
  version | info) {probe} ;;
  load) cat > {file}; echo "Loaded image"; {load} ;;
  save)
    echo "$4" >> {file}.asked
    {load}
    cat {file} > "$3" ;;
esac
"""


@pytest.fixture
def with_engines(engine: Any, asker: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Opens a session of a client that has these container engines, whatever this machine has."""
    opened = []

    def start(**programs: tuple[str, str]) -> Any:
        tools = tmp_path / "bin"
        tools.mkdir()
        for tool in ("sh", "cat", "echo", "sleep"):
            found = shutil.which(tool)
            assert found is not None
            (tools / tool).symlink_to(found)
        for name, (probe, load) in programs.items():
            file = tmp_path / f"{name}.tar"
            (tools / name).write_text(_FAKE.format(probe=probe, load=load, file=file))
            (tools / name).chmod(0o755)
        session = engine.session(workdir=tmp_path)
        session._env = {**session._env, "PATH": str(tools), "TMPDIR": str(tmp_path)}
        opened.append(session)
        return asker(session.__enter__())

    yield start
    for session in opened:
        session.__exit__()


_LOADED = 'from(address: "busybox")\nwithNewFile(path: "/x", contents: "1")'


def test_5_8_export_image_gives_the_archive_to_the_engine_of_the_client(
    with_engines: Callable[..., Any], tmp_path: Path
) -> None:
    q = with_engines(docker=("echo no daemon >&2; exit 1", "exit 0"), podman=("exit 0", "exit 0"))
    assert q.session.chain(_LOADED, 'exportImage(name: "team/app")') is None
    assert not (tmp_path / "docker.tar").exists(), "its daemon does not run"
    made = Archive(tmp_path / "podman.tar")
    assert len(made.layers()) == 2
    assert made.json("manifest.json")[0]["RepoTags"] == ["docker.io/team/app:latest"]
    assert made.root["annotations"]["io.containerd.image.name"] == "docker.io/team/app:latest"
    first = made.manifest
    q.session.chain(_LOADED, 'exportImage(name: "other:1.0", mediaTypes: DOCKER)')
    again = Archive(tmp_path / "podman.tar")
    assert again.json("manifest.json")[0]["RepoTags"] == ["docker.io/library/other:1.0"]
    assert again.manifest["layers"][0]["digest"] == first["layers"][0]["digest"]
    for tag in ["1.0", "other:1.0", "docker.io/library/other:1.0"]:
        step = imported(q, tmp_path / "podman.tar", f', tag: "{tag}"')
        assert q.session.chain(step, 'file(path: "/x") { contents }') == {"contents": "1"}


def test_5_8_export_image_without_an_engine(with_engines: Callable[..., Any]) -> None:
    q = with_engines(docker=("echo the daemon sleeps >&2; exit 1", ""))
    message = q.fails("session_chain", _LOADED, 'exportImage(name: "app")').message
    assert "docker: the daemon sleeps" in message and "podman: not installed" in message
    assert "use export" in message
    assert "UPPER" in q.fails("session_chain", _LOADED, 'exportImage(name: "UPPER")').message


def test_5_8_export_image_that_is_refused(with_engines: Callable[..., Any]) -> None:
    q = with_engines(docker=("exit 0", "echo no space left >&2; exit 7"))
    message = q.fails("session_chain", _LOADED, 'exportImage(name: "app")').message
    assert "docker load" in message and "no space left" in message


def test_5_12_an_image_of_the_clients_engine(
    with_engines: Callable[..., Any], tmp_path: Path, engine: Any, asker: Any
) -> None:
    q = with_engines(docker=("echo no daemon >&2; exit 1", ""), podman=("exit 0", "true"))
    q.session.chain(_LOADED, 'exportImage(name: "team/app")')
    answer = q.session.query(
        '{ host { containerImage(name: "team/app") { id defaultArgs file(path: "/x") { contents } } } }'
    )["host"]["containerImage"]
    assert answer["file"] == {"contents": "1"}
    assert answer["defaultArgs"] == ["sh"]
    # Looked at once in a session, by its whole name; what was written for that is gone.
    asked = (tmp_path / "podman.tar.asked").read_text()
    q.session.query('{ host { containerImage(name: "team/app") { platform } } }')
    assert (tmp_path / "podman.tar.asked").read_text() == asked == "team/app:latest\n"
    # Right after the answer.
    deadline = time.monotonic() + 20
    while list(tmp_path.glob("kukri-image-*")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    # Its ID means the same elsewhere, without the client's engine.
    with engine.session(workdir=tmp_path) as session:
        found = session.query(
            f'{{ loadContainerFromID(id: "{answer["id"]}") {{ withExec(args: ["cat", "/x"]) {{ stdout }} }} }}'
        )
    assert found["loadContainerFromID"]["withExec"]["stdout"] == "1"


def test_5_12_an_image_that_is_not_there(with_engines: Callable[..., Any]) -> None:
    q = with_engines(docker=("exit 0", "echo no such image >&2; exit 1"))
    message = q.fails("session_query", '{ host { containerImage(name: "none") { platform } } }').message
    assert "docker save" in message and "no such image" in message
    message = q.fails("session_query", '{ host { containerImage(name: "-x") { platform } } }').message
    assert "invalid image reference" in message


def test_5_12_an_image_without_an_engine(with_engines: Callable[..., Any]) -> None:
    message = (
        with_engines().fails("session_query", '{ host { containerImage(name: "x") { platform } } }').message
    )
    assert "docker: not installed" in message and "use Container.import" in message
