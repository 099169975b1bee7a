"""Run an image registry on loopback and fill it: what a company's mirror of Docker Hub is to its hosts.

    python scripts/registry.py --data DIR --port-file FILE library/debian:bookworm-slim=debian ...

starts Debian's `docker-registry` on a free port, pushes images of `images.py` under the given names, writes
the port and serves until standard input ends or a signal comes. Tests use `Registry` directly. It needs the
standard library only.
"""

from __future__ import annotations

import argparse
import http.client
import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from images import MANIFEST_TYPE, Image, image

if TYPE_CHECKING:
    from typing_extensions import Self

_CONFIG = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {data}}}
  delete: {{enabled: true}}
http: {{addr: "127.0.0.1:{port}"}}
"""


class Registry:
    """A registry on loopback that lives as long as the `with` block.

    `data` keeps what was pushed; `port` is taken if it is free, else another one.
    """

    def __init__(self, data: Path, port: int = 0) -> None:
        self.data = data
        self.port = _free_port(port)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Base address."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Starts it and waits until it answers."""
        program = shutil.which("docker-registry")
        if program is None:
            raise SystemExit("docker-registry is not installed: apt-get install docker-registry")
        self.data.mkdir(parents=True, exist_ok=True)
        config = self.data / "config.yml"
        config.write_text(_CONFIG.format(data=json.dumps(str(self.data.absolute())), port=self.port))
        with (self.data / "registry.log").open("ab") as log:
            self._process = subprocess.Popen(
                [program, "serve", str(config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + 30
        while True:
            try:
                status, _ = self._request("GET", "/v2/")
                if status == http.client.OK:
                    return
            except OSError:
                pass
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise SystemExit(f"docker-registry does not answer; its log is {self.data / 'registry.log'}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Ends it; what was pushed stays."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def push(self, name: str, pushed: Image) -> str:
        """Pushes an image as `repository:tag`; gives the digest. Cheap if it is there already."""
        repository, _, tag = name.partition(":")
        base = f"/v2/{repository}"
        status, headers = self._request("HEAD", f"{base}/manifests/{tag}", headers={"Accept": MANIFEST_TYPE})
        if status == http.client.OK and headers.get("docker-content-digest") == pushed.digest:
            return pushed.digest
        for blob in pushed.blobs():
            if self._request("HEAD", f"{base}/blobs/{blob.digest}")[0] == http.client.OK:
                continue
            _, headers = self._request("POST", f"{base}/blobs/uploads/", expect=http.client.ACCEPTED)
            location = headers["location"].removeprefix(self.url)
            location += ("&" if "?" in location else "?") + f"digest={blob.digest}"
            with pushed.path(blob).open("rb") as content:
                kind = {"Content-Type": "application/octet-stream", "Content-Length": str(blob.size)}
                self._request("PUT", location, content, kind, expect=http.client.CREATED)
        kind = {"Content-Type": MANIFEST_TYPE}
        self._request("PUT", f"{base}/manifests/{tag}", pushed.manifest, kind, expect=http.client.CREATED)
        return pushed.digest

    def _request(
        self,
        method: str,
        path: str,
        body: bytes | BinaryIO | None = None,
        headers: dict[str, str] | None = None,
        expect: int | None = None,
    ) -> tuple[int, dict[str, str]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            text = answer.read()
            if expect is not None and answer.status != expect:
                raise SystemExit(f"registry: {method} {path}: {answer.status}: {text[:500]!r}")
            return answer.status, {key.lower(): value for key, value in answer.getheaders()}
        finally:
            connection.close()


def _free_port(wanted: int) -> int:
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise SystemExit("no free port on 127.0.0.1")


def _ready(file: Path, port: int) -> None:
    """Writes the port so that readers never see half of it."""
    with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False) as scratch:
        scratch.write(f"{port}\n")
    Path(scratch.name).replace(file)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Serve images of images.py on loopback.")
    parser.add_argument("images", nargs="+", metavar="REPOSITORY:TAG=IMAGE")
    parser.add_argument("--data", type=Path, required=True, help="directory for what is pushed")
    parser.add_argument("--port", type=int, default=0, help="port to use if it is free")
    parser.add_argument(
        "--port-file", type=Path, required=True, help="where to write the port, once all is pushed"
    )
    parser.add_argument("--cache", type=Path, help="where images are kept")
    arguments = parser.parse_args()
    # Whoever started this ends it by closing its standard input, or by SIGTERM.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with Registry(arguments.data, arguments.port) as registry:
        for entry in arguments.images:
            name, _, source = entry.partition("=")
            registry.push(name, image(source, arguments.cache))
        _ready(arguments.port_file, registry.port)
        sys.stdin.buffer.read()


if __name__ == "__main__":
    main()
