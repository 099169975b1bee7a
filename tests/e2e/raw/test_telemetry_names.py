"""Attributes and metrics that viewers of the original's telemetry know, as a real collector gets them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from collector import Collector
from engine import Engine

#: Asks the engine's name server, and holds 30 MB while the processor is busy for some seconds.
WORK = """
nslookup nobody.invalid >/dev/null 2>&1
x=$(head -c 30000000 /dev/zero | tr '\\0' x)
end=$(($(date +%s) + 3))
while [ $(date +%s) -lt $end ]; do i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; done
"""


def asked(collector: Collector, **more: str) -> dict[str, str]:
    """Variables that ask for telemetry."""
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.http}", **more}


def query(engine: Engine, script: str, leaf: str = "sync", **env: str) -> Any:
    """One step, in a session of its own; what the command said."""
    step = f'withExec(args: ["sh", "-c", {json.dumps(script)}])'
    document = f'{{ container {{ from(address: "busybox") {{ {step} {{ {leaf} }} }} }} }}'
    return engine.kukri("query", input=document, env={**engine.env, **env})


def only(spans: list[dict[str, Any]], name: str) -> dict[str, Any]:
    (found,) = [span for span in spans if span["name"].startswith(name)]
    return found


def purposes(span: dict[str, Any]) -> dict[str, str]:
    """Spans that are linked, by what for."""
    return {link["attributes"][0]["value"]["stringValue"]: link["spanId"] for link in span.get("links", [])}


def values(collector: Collector) -> dict[str, list[int]]:
    """Values of all gauges, as they came."""
    found: dict[str, list[int]] = {}
    for metric in collector.metrics():
        for point in metric["gauge"]["dataPoints"]:
            found.setdefault(metric["name"].removeprefix("dagger.io/metrics."), []).append(
                int(point["asInt"])
            )
    return found


def test_a_step_names_the_call_that_described_it_and_the_engine_that_did_it(
    engine: Engine, collector: Collector
) -> None:
    query(engine, f"echo {collector.http}", **asked(collector))
    collector.stop()
    spans = collector.spans()
    described, sync, step = (
        only(spans, "Container.withExec"),
        only(spans, "Container.sync"),
        only(spans, "exec "),
    )
    assert step["parentSpanId"] == sync["spanId"]
    assert step["attributes"]["dagger.io/ui.resume.output"] == described["attributes"]["dagger.io/dag.output"]
    assert purposes(step)["cause"] == described["spanId"]
    assert sync["attributes"]["dagger.io/ui.passthrough"] is True
    assert "dagger.io/ui.internal" not in sync["attributes"]
    calls = [span for span in spans if "dagger.io/dag.call" in span["attributes"]]
    assert {span["attributes"]["dagger.io/dag.call.scope"] for span in calls} == {"graphql"}
    (engine_id,) = {span["attributes"].get("dagger.io/engine.id") for span in spans}
    assert len(engine_id) == 16


def test_an_engine_keeps_its_id(fresh: Engine, tmp_path: Path) -> None:
    ids = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        with Collector(tmp_path / name) as collector:
            query(fresh, "true", **asked(collector))
            collector.stop()
            ids += [span["attributes"]["dagger.io/engine.id"] for span in collector.spans()]
        fresh.stop()
    assert len(set(ids)) == 1, ids


def test_what_a_step_uses_is_measured_while_it_runs(engine: Engine, collector: Collector) -> None:
    query(engine, f"{WORK}# {collector.http}", **asked(collector, OTEL_METRIC_EXPORT_INTERVAL="300"))
    collector.stop()
    step = only(collector.spans(), "exec ")
    for metric in collector.metrics():
        (point,) = metric["gauge"]["dataPoints"]
        ids = {entry["key"]: entry["value"]["stringValue"] for entry in point["attributes"]}
        assert ids == {"dagger.io/metrics.span": step["spanId"], "dagger.io/metrics.trace": step["traceId"]}
        time = int(point["timeUnixNano"])
        assert int(step["startTimeUnixNano"]) <= time <= int(step["endTimeUnixNano"])
    found = values(collector)
    # Some of them while it ran: it was at work for three seconds.
    assert len(found["cpustat.usage"]) >= 4, found
    assert found["cpustat.usage"] == sorted(found["cpustat.usage"])
    assert found["cpustat.usage"][-1] > 200_000
    assert abs(found["cpustat.user"][-1] + found["cpustat.system"][-1] - found["cpustat.usage"][-1]) <= 1
    # Also where nothing is limited.
    assert max(found["memory.current"]) > 30_000_000
    assert found["memory.peak"][-1] >= max(found["memory.current"])
    assert found["memory.current"][-1] < found["memory.peak"][-1]
    for direction in ("rx", "tx"):
        assert found[f"netstat.{direction}.bytes"][-1] > 50
        assert 0 < found[f"netstat.{direction}.packets"][-1] < 100
        assert found[f"netstat.{direction}.dropped"][-1] == 0
    if Path("/proc/pressure/cpu").exists():
        for name in ("cpustat", "memory", "iostat"):
            for kind in ("some", "full"):
                totals = found[f"{name}.pressure.{kind}.total"]
                assert totals == sorted(totals)
    assert found["iostat.disk.readbytes"][-1] >= 0


def test_nothing_more_is_counted_unless_metrics_are_sent(engine: Engine, collector: Collector) -> None:
    for more in ({}, asked(collector, OTEL_METRICS_EXPORTER="none", OTEL_METRIC_EXPORT_INTERVAL="50")):
        script = f"sleep 0.5 # {collector.http} {len(more)}"
        step = f'withExec(args: ["sh", "-c", {json.dumps(script)}])'
        document = f'{{ container {{ from(address: "busybox") {{ {step} {{ sync }} }} }} }}'
        done = engine.kukri("query", "--progress", "json", input=document, env={**engine.env, **more})
        told = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
        (usage,) = [event for event in told if event["event"] == "span_usage"]
        assert not usage.keys() & {"memory_current_bytes", "network", "pressure"}, usage


@pytest.mark.parametrize(("variable", "signal"), [("BSP", "traces"), ("BLRP", "logs")])
def test_batches_are_as_small_as_they_are_wanted(
    engine: Engine, collector: Collector, tmp_path: Path, variable: str, signal: str
) -> None:
    sizes = {f"OTEL_{variable}_MAX_EXPORT_BATCH_SIZE": "2"}
    query(engine, f"echo {collector.http}; echo oops >&2", "stdout", **asked(collector, **sizes))
    collector.stop()
    outer, inner, name = {
        "traces": ("resourceSpans", "scopeSpans", "spans"),
        "logs": ("resourceLogs", "scopeLogs", "logRecords"),
    }[signal]
    counts = []
    for line in (collector.place / f"{signal}.json").read_text().splitlines():
        counts += [sum(len(scope[name]) for scope in entry[inner]) for entry in json.loads(line)[outer]]
    assert len(counts) > 1
    assert max(counts) == 2


def test_what_is_not_done_is_refused_in_words_and_nothing_is_sent(
    engine: Engine, collector: Collector
) -> None:
    done = query(
        engine,
        "true",
        **asked(
            collector,
            OTEL_TRACES_EXPORTER="console",
            OTEL_LOGS_EXPORTER="none",
            OTEL_METRICS_EXPORTER="none",
        ),
    )
    assert 'OTEL_TRACES_EXPORTER "console" is not supported; expected otlp or none' in done.stderr
    collector.stop()
    assert not collector.spans()
    assert not collector.logs()
    assert not collector.metrics()
