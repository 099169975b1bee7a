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


class Collector:
    """A running collector that takes OTLP by gRPC and HTTP; use it in a `with` block."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self.grpc, self.http = free_port(), free_port()

    def __enter__(self) -> Collector:
        receivers = {
            "otlp": {
                "protocols": {
                    "grpc": {"endpoint": f"127.0.0.1:{self.grpc}"},
                    "http": {"endpoint": f"127.0.0.1:{self.http}"},
                }
            }
        }
        exporters = {
            f"file/{name}": {"path": str(self._place / f"{name}.json"), "flush_interval": "50ms"}
            for name in SIGNALS
        }
        pipelines = {name: {"receivers": ["otlp"], "exporters": [f"file/{name}"]} for name in SIGNALS}
        service = {"pipelines": pipelines, "telemetry": {"metrics": {"level": "none"}}}
        config = self._place / "config.yaml"
        # JSON is YAML.
        config.write_text(json.dumps({"receivers": receivers, "exporters": exporters, "service": service}))
        self._log = (self._place / "collector.log").open("wb")
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
                    log = (self._place / "collector.log").read_text()
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
        path = self._place / f"{signal}.json"
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
