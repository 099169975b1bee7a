"""Telemetry, as a real OpenTelemetry collector gets it."""

import json
import os
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from collector import Collector, free_port
from engine import Engine

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"

#: Writes its environment, and something to the other stream; needs memory that a control group counts at once.
SHOW = 'withExec(args: ["sh", "-c", "env; dd if=/dev/zero of=/dev/null bs=8M count=1 2>/dev/null; echo oops >&2"])'


def query(engine: Engine, step: str, leaf: str = "stdout", check: bool = True, **env: Any) -> Any:
    """One query with its own session; the answer, or the failed process."""
    document = f'{{ container {{ from(address: "busybox") {{ {step} {{ {leaf} }} }} }} }}'
    done = engine.kukri("query", check=check, input=document, env={**engine.env, **env})
    if not check:
        return done
    answer = json.loads(done.stdout)["container"]["from"]
    while isinstance(answer, dict):
        (answer,) = answer.values()
    return answer, done


def variables(output: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in output.splitlines() if "=" in line)


def only(spans: list[dict[str, Any]], name: str) -> dict[str, Any]:
    (found,) = [span for span in spans if span["name"] == name]
    return found


@pytest.mark.parametrize(
    ("protocol", "more"),
    [
        ("http/protobuf", {}),
        ("http/protobuf", {"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}),
        ("http/json", {}),
        ("grpc", {}),
        ("grpc", {"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}),
    ],
)
def test_a_collector_gets_spans_logs_and_metrics(
    engine: Engine, collector: Collector, protocol: str, more: dict[str, Any]
) -> None:
    port = collector.grpc if protocol == "grpc" else collector.http
    step = f'withEnvVariable(name: "V", value: "{collector.http}") {{ {SHOW}'
    output, done = query(
        engine,
        step,
        "stdout } ",
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}",
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        OTEL_SERVICE_NAME="pipeline",
        OTEL_RESOURCE_ATTRIBUTES="team=ci",
        TRACEPARENT=PARENT,
        BAGGAGE="k=v",
        **more,
    )
    assert "telemetry" not in done.stderr
    collector.stop()
    spans = collector.spans()
    assert {span["traceId"] for span in spans} == {TRACE}
    assert all(
        span["resource"]["service.name"] == "pipeline" and span["resource"]["team"] == "ci" for span in spans
    )
    by_id = {span["spanId"]: span for span in spans}
    assert len(by_id) == len(spans)

    root = only(spans, "kukri query")
    assert (root["parentSpanId"], root["scope"]) == ("b7ad6b7169203331", "dagger.io/cli")
    call = only(spans, "Container.stdout")
    assert (call["parentSpanId"], call["scope"]) == (root["spanId"], "dagger.io/engine.server")
    step_call = only(spans, "Container.withExec")
    assert call["attributes"]["dagger.io/dag.inputs"] == [step_call["attributes"]["dagger.io/dag.digest"]]
    assert step_call["attributes"]["dagger.io/dag.output"] == step_call["attributes"]["dagger.io/dag.digest"]
    assert step_call["attributes"]["dagger.io/dag.call"]
    (step_span,) = [span for span in spans if span["name"].startswith("exec ")]
    assert step_span["parentSpanId"] == call["spanId"]
    assert step_span["attributes"]["dagger.io/effect.id"] in call["attributes"]["dagger.io/effects.completed"]
    assert [event["name"] for event in step_span["events"]] == [
        "Container created",
        "Container started",
        "Container exited",
    ]
    assert int(root["startTimeUnixNano"]) <= int(step_span["startTimeUnixNano"])
    assert int(step_span["endTimeUnixNano"]) <= int(root["endTimeUnixNano"])

    # The container goes on with the trace.
    seen = variables(output)
    assert seen["TRACEPARENT"] == f"00-{TRACE}-{step_span['spanId']}-01"
    assert seen["BAGGAGE"] == "k=v"

    logs = [log for log in collector.logs() if log["spanId"] == step_span["spanId"]]
    assert {log["attributes"]["dagger.io/content.type"] for log in logs} == {"text/plain"}
    (why,) = [log for log in logs if "dagger.io/logs.verbose" in log["attributes"]]
    assert why["body"]["stringValue"].startswith(("not cached: first run", "not cached: changed: "))
    logs.remove(why)
    text = {1: "", 2: ""}
    for log in logs:
        text[log["attributes"]["stdio.stream"]] += log["body"].get("stringValue", "")
    assert text == {1: output, 2: "oops\n"}
    assert sum("stdio.eof" in log["attributes"] for log in logs) == 2

    metrics = {metric["name"]: metric["gauge"]["dataPoints"][0] for metric in collector.metrics()}
    assert int(metrics["dagger.io/metrics.cpustat.usage"]["asInt"]) > 0


def test_what_was_known_is_told_as_cached_and_failures_name_their_origin(
    engine: Engine, collector: Collector
) -> None:
    env: dict[str, Any] = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.http}"}
    step = f'withExec(args: ["echo", "{collector.http}"])'
    query(engine, step, **env)
    query(engine, step, **env)
    failed = query(engine, 'withExec(args: ["sh", "-c", "exit 3"])', check=False, **env)
    assert failed.returncode == 3
    collector.stop()
    steps = [span for span in collector.spans() if span["name"].startswith("exec echo")]
    cached = sorted(bool(span["attributes"].get("dagger.io/dag.cached")) for span in steps)
    assert cached == [False, True]
    (wrong,) = [span for span in collector.spans() if span["name"].startswith("exec sh")]
    assert wrong["status"]["code"] == 2
    assert wrong["attributes"]["process.exit.code"] == 3
    (asked,) = [span for span in collector.spans() if span["spanId"] == wrong["parentSpanId"]]
    (link,) = asked["links"]
    assert link["spanId"] == wrong["spanId"]
    assert link["attributes"] == [{"key": "dagger.io/link.purpose", "value": {"stringValue": "error_origin"}}]


def test_telemetry_changes_no_cache_key_and_is_off_unless_asked(engine: Engine, collector: Collector) -> None:
    step = f'withEnvVariable(name: "V", value: "off {collector.http}") {{ {SHOW}'
    plain, _ = query(engine, step, "stdout } ", TRACEPARENT=PARENT)
    assert not {name for name in variables(plain) if name.startswith(("OTEL_", "TRACE", "BAGGAGE"))}
    again, done = query(
        engine, step, "stdout } ", OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.http}"
    )
    assert again == plain, done.stderr


def test_telemetry_of_a_client_goes_to_the_collector(engine: Engine, collector: Collector) -> None:
    env = {**engine.env, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.grpc}"}
    engine_env, engine.env = engine.env, {**env, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    try:
        with engine.session() as session:
            own = {"traceId": TRACE, "spanId": "b7ad6b7169203331", "name": "of the client"}
            body = json.dumps(
                {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": [own]}]}]}
            )
            status, answer = post(session.port, session.token, "/v1/traces", body)
            assert (status, answer) == (201, "")
            status, answer = post(session.port, session.token, "/v1/traces", "nonsense")
            assert status == 400
            assert "no OTLP message" in answer
            assert session.close() == 0
            assert "telemetry" not in session.stderr()
    finally:
        engine.env = engine_env
    collector.stop()
    assert only(collector.spans(), "of the client")["traceId"] == TRACE
    assert only(collector.spans(), "kukri session")


def post(port: int, token: str, path: str, body: str) -> tuple[int, str]:
    import base64
    import http.client

    login = base64.b64encode(f"{token}:".encode()).decode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_a_collector_that_is_not_there_costs_nothing_and_is_told_once(engine: Engine, protocol: str) -> None:
    env: dict[str, Any] = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://user:hunter2@127.0.0.1:{free_port()}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
    }
    query(engine, 'withExec(args: ["true"])', **env)
    began = time.monotonic()
    _, done = query(engine, 'withExec(args: ["true"])', **env)
    assert time.monotonic() - began < 3
    assert done.stderr.count("telemetry could not be sent") == 1
    assert "OTEL_SDK_DISABLED" in done.stderr
    assert "hunter2" not in done.stderr


def test_a_collector_that_hangs_is_waited_for_no_longer_than_its_timeout(engine: Engine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=swallow, args=[server], daemon=True).start()
        began = time.monotonic()
        _, done = query(
            engine,
            'withExec(args: ["true"])',
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{server.getsockname()[1]}",
            OTEL_EXPORTER_OTLP_TIMEOUT="500",
        )
        assert time.monotonic() - began < 4
        assert "no answer within 0.5 s" in done.stderr


def swallow(server: socket.socket) -> None:
    taken = []
    try:
        while True:
            taken.append(server.accept())
    except OSError:
        pass


def test_bad_settings_are_told_and_nothing_fails(engine: Engine) -> None:
    _, done = query(
        engine,
        'withExec(args: ["true"])',
        OTEL_EXPORTER_OTLP_ENDPOINT="localhost:4318",
        OTEL_METRICS_EXPORTER="prometheus",
    )
    assert "OTEL_EXPORTER_OTLP_ENDPOINT: expected a URL such as" in done.stderr
    assert "OTEL_METRICS_EXPORTER" in done.stderr


PROGRAM = """
import anyio, dagger
from opentelemetry import trace

async def main():
    async with dagger.connection():
        with trace.get_tracer("pipeline").start_as_current_span("build"):
            print(await dagger.dag.container().from_("busybox").with_exec(["env"]).stdout())

anyio.run(main)
"""


def test_the_official_sdk_and_the_engine_make_one_trace(
    engine: Engine, collector: Collector, tmp_path: Path
) -> None:
    python = os.environ.get("KUKRI_OFFICIAL_PYTHON")
    if not python:
        pytest.skip("the official client is not here")
    program = tmp_path / "ci.py"
    program.write_text(PROGRAM)
    env = {
        **engine.env,
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.http}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        # It exports only what this asks for.
        "OTEL_TRACES_EXPORTER": "otlp",
    }
    env.pop("PYTHONPATH", None)
    done = subprocess.run(
        [python, program], env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    collector.stop()
    spans = collector.spans()
    build = only(spans, "build")
    call = only(spans, "Container.stdout")
    assert call["traceId"] == build["traceId"]
    assert variables(done.stdout)["TRACEPARENT"].split("-")[1] == build["traceId"]
    by_id = {span["spanId"]: span for span in spans}
    above = call
    while above["spanId"] != build["spanId"]:
        above = by_id[above["parentSpanId"]]
