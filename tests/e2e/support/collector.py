"""A real OpenTelemetry collector, and what it was told."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import toolchains

SIGNALS = ("traces", "logs", "metrics")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class Authority:
    """Certificates of an authority that nobody else knows: for the collector, and for who sends to it."""

    def __init__(self, place: Path) -> None:
        place.mkdir()
        self._place = place
        self.certificate = place / "ca.pem"
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"]
        self._openssl("req", "-x509", *key, "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem")
        (place / "names").write_text("subjectAltName=IP:127.0.0.1")
        for name in ("server", "client"):
            request = ["-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr"]
            self._openssl("req", *key, *request)
            signing = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names"]
            self._openssl("x509", "-req", "-in", f"{name}.csr", *signing, "-out", f"{name}.pem")

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self._place, check=True, capture_output=True)

    def pair(self, name: str) -> tuple[str, str]:
        """Files with the certificate and the key of `server` or `client`."""
        return str(self._place / f"{name}.pem"), str(self._place / f"{name}.key")


class Collector:
    """A running collector that takes OTLP by gRPC and HTTP; use it in a `with` block.

    Attributes:
        grpc: Port of 127.0.0.1 for gRPC.
        http: The same for HTTP.
        place: Directory with what was taken: a file of JSON lines for each signal, one line for each request.
    """

    def __init__(self, place: Path, tls: Authority | None = None) -> None:
        self.place = place
        self._tls = tls
        self.grpc, self.http = free_port(), free_port()

    def __enter__(self) -> Collector:
        security: dict[str, Any] = {}
        if self._tls:
            certificate, key = self._tls.pair("server")
            authority = str(self._tls.certificate)
            security["tls"] = {"cert_file": certificate, "key_file": key, "client_ca_file": authority}
        receivers = {
            "otlp": {
                "protocols": {
                    "grpc": {"endpoint": f"127.0.0.1:{self.grpc}", **security},
                    "http": {"endpoint": f"127.0.0.1:{self.http}", **security},
                }
            }
        }
        exporters = {
            f"file/{name}": {"path": str(self.place / f"{name}.json"), "flush_interval": "50ms"}
            for name in SIGNALS
        }
        pipelines = {name: {"receivers": ["otlp"], "exporters": [f"file/{name}"]} for name in SIGNALS}
        service = {"pipelines": pipelines, "telemetry": {"metrics": {"level": "none"}}}
        config = self.place / "config.yaml"
        # JSON is YAML.
        config.write_text(json.dumps({"receivers": receivers, "exporters": exporters, "service": service}))
        self._log = (self.place / "collector.log").open("wb")
        self._process = subprocess.Popen(
            [toolchains.collector(), "--config", f"file:{config}"], stdout=self._log, stderr=self._log
        )
        self._wait()
        return self

    def _wait(self) -> None:
        deadline = time.monotonic() + 30
        for port in (self.grpc, self.http):
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    log = (self.place / "collector.log").read_text()
                    assert self._process.poll() is None, f"the collector has ended:\n{log}"
                    assert time.monotonic() < deadline, f"the collector does not listen:\n{log}"
                    time.sleep(0.05)

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends it, which writes all that it has taken."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(20)
        self._log.close()

    def _told(self, signal: str, outer: str, inner: str, items: str) -> Iterator[dict[str, Any]]:
        path = self.place / f"{signal}.json"
        for line in path.read_text().splitlines() if path.exists() else []:
            for resource in json.loads(line)[outer]:
                for scope in resource[inner]:
                    for item in scope[items]:
                        item["scope"] = scope["scope"].get("name", "")
                        item["resource"] = values(resource["resource"].get("attributes", []))
                        item["attributes"] = values(item.get("attributes", []))
                        yield item

    def spans(self) -> list[dict[str, Any]]:
        """All spans; attributes as a dict, `scope` and `resource` beside them."""
        return list(self._told("traces", "resourceSpans", "scopeSpans", "spans"))

    def logs(self) -> list[dict[str, Any]]:
        """All log records."""
        return list(self._told("logs", "resourceLogs", "scopeLogs", "logRecords"))

    def metrics(self) -> list[dict[str, Any]]:
        """All metrics."""
        return list(self._told("metrics", "resourceMetrics", "scopeMetrics", "metrics"))


def values(attributes: list[dict[str, Any]]) -> dict[str, Any]:
    """Attributes as a dict."""
    return {entry["key"]: plain(entry["value"]) for entry in attributes}


def plain(value: dict[str, Any]) -> Any:
    """A value of OTLP's JSON."""
    if "intValue" in value:
        return int(value["intValue"])
    if "arrayValue" in value:
        return [plain(item) for item in value["arrayValue"].get("values", [])]
    return next(iter(value.values()), None)
