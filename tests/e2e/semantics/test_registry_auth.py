"""Registries that want a password (protocol sections 5.1 and 6.3)."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engine import Engine

#: `someone` with the password `right`.
HTPASSWD = "someone:$2b$04$P3UjrCiZrhbEWTOV0sZfUel/9rf7kywSSQBi.VAIuUeyHyIqIDtxa\n"


@pytest.fixture(scope="module")
def guarded(registry: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a registry with the images of the open one, for those who know the password."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "htpasswd").write_text(HTPASSWD)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = {
        "version": "0.1",
        "storage": {"filesystem": {"rootdirectory": str(Path(registry.data).absolute())}},
        "http": {"addr": f"127.0.0.1:{port}"},
        "auth": {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}},
    }
    (folder / "config.yml").write_text(json.dumps(config))
    program = shutil.which("docker-registry")
    assert program is not None
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "serve", str(folder / "config.yml")], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", "/v2/")
                assert connection.getresponse().status == http.client.UNAUTHORIZED
                break
            except OSError:
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.05)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def test_credentials_hold_for_the_session_from_the_step_on(
    engine: Engine, asker: Any, guarded: str, tmp_path: Path
) -> None:
    image = f'from(address: "{guarded}/library/busybox:latest")'
    with engine.session(workdir=tmp_path) as session:
        q = asker(session)

        def auth(password: str) -> str:
            secret = q.secret(f"password-{password}", password)
            return f'withRegistryAuth(address: "{guarded}", username: "someone", secret: {secret})'

        def resolves() -> None:
            assert q.session.chain(image, "imageRef").startswith(f"{guarded}/library/busybox:latest@sha256:")

        error = q.fails("session_chain", image, "imageRef")
        assert f'failed to resolve image "{guarded}/library/busybox:latest"' in error.message
        assert "authentication" in error.message
        assert error.extensions is None
        error = q.fails("session_chain", f"{auth('wrong')}\n{image}", "imageRef")
        assert "check the user name and the password" in error.message
        assert "wrong" not in error.message
        q.session.chain(auth("right"), "id")
        resolves()
        assert q.session.chain(f'{image}\nwithExec(args: ["echo", "pulled"])', "stdout") == "pulled\n"
        q.session.chain(f'withoutRegistryAuth(address: "{guarded}")', "id")
        assert (
            "authentication"
            in q.fails("session_chain", f'from(address: "{guarded}/library/busybox:1")', "imageRef").message
        )
        q.session.chain(auth("right"), "id")
        assert q.session.chain(f'from(address: "{guarded}/library/busybox:1")', "imageRef")
    with engine.session(workdir=tmp_path) as session:
        assert asker(session).fails("session_chain", image, "imageRef").message, (
            "another session has no password"
        )
