"""Telemetry of programs in containers, as a real OpenTelemetry collector gets it."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagger
import pytest
from collector import Authority, Collector
from engine import Engine, binary
from images import image
from registry import Registry
from session import Session

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"

#: Functions of a shell that send OTLP as JSON: `send SIGNAL BODY`, and `span NAME`, which is below that of the step.
SHELL = r"""
send() {
  wget -q -O - --header "${OTEL_EXPORTER_OTLP_HEADERS%%=*}: ${OTEL_EXPORTER_OTLP_HEADERS#*=}" \
    --header 'Content-Type: application/json' --post-data "$2" "$OTEL_EXPORTER_OTLP_ENDPOINT/v1/$1"
}
resource='"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"inside"}}]}'
trace=$(echo $TRACEPARENT | cut -d- -f2) parent=$(echo $TRACEPARENT | cut -d- -f3)
ids="\"traceId\":\"$trace\",\"spanId\":\"00f067aa0ba902b7\""
span() {
  send traces "{\"resourceSpans\":[{$resource,\"scopeSpans\":[{\"scope\":{\"name\":\"shell\"},\"spans\":[{
    $ids,\"parentSpanId\":\"$parent\",\"name\":\"$1\",\"startTimeUnixNano\":\"1\",\"endTimeUnixNano\":\"2\"}]}]}]}"
}
"""
REST = r"""
send logs "{\"resourceLogs\":[{$resource,\"scopeLogs\":[{\"scope\":{\"name\":\"shell\"},\"logRecords\":[{
  $ids,\"body\":{\"stringValue\":\"a record\"}}]}]}]}"
send metrics "{\"resourceMetrics\":[{$resource,\"scopeMetrics\":[{\"scope\":{\"name\":\"shell\"},\"metrics\":[{
  \"name\":\"a.gauge\",\"gauge\":{\"dataPoints\":[{\"timeUnixNano\":\"1\",\"asInt\":\"7\"}]}}]}]}]}"
"""
#: Ports on which something listens, one a line.
LISTENING = "cat /proc/net/tcp | grep -c ' 0A ' || true"


def asked(collector: Collector, **more: str) -> dict[str, str]:
    """Variables that ask for telemetry."""
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.http}", **more}


def document(script: str, before: str = "", after: str = "stdout", **options: str) -> str:
    extra = "".join(f", {key}: {value}" for key, value in options.items())
    step = f'withExec(args: ["sh", "-c", {json.dumps(script)}]{extra})'
    parts = [part for part in ('from(address: "busybox")', before, step, after) if part]
    depth = len(parts) - 1 + before.count("{")
    return f"{{ container {{ {' { '.join(parts)} {'}' * depth} }} }}"


def query(engine: Engine, script: str, before: str = "", after: str = "stdout", **env: str) -> Any:
    """What a script in a container gives, and what the command said."""
    done = engine.kukri("query", input=document(script, before, after), env={**engine.env, **env})
    answer = json.loads(done.stdout)
    while isinstance(answer, dict):
        (answer,) = answer.values()
    return answer, done


def only(spans: list[dict[str, Any]], name: str) -> dict[str, Any]:
    (found,) = [span for span in spans if span["name"] == name]
    return found


def step_of(spans: list[dict[str, Any]]) -> dict[str, Any]:
    (found,) = [span for span in spans if span["name"].startswith("exec ")]
    return found


@pytest.mark.parametrize("network", ["bridge", "none", "host"])
def test_programs_in_containers_send_to_the_collector(
    make_engine: Callable[..., Engine], collector: Collector, network: str
) -> None:
    engine = make_engine(KUKRI_NETWORK=network)
    script = f"{SHELL}span inside{REST}"
    output, done = query(engine, script, **asked(collector, TRACEPARENT=PARENT, OTEL_SERVICE_NAME="pipeline"))
    assert output == "{}{}{}"
    assert "telemetry" not in done.stderr
    collector.stop()
    spans = collector.spans()
    step, inside = step_of(spans), only(spans, "inside")
    assert (inside["traceId"], inside["parentSpanId"]) == (TRACE, step["spanId"])
    assert (inside["scope"], inside["resource"]["service.name"]) == ("shell", "inside")
    assert step["resource"]["service.name"] == "pipeline"
    (record,) = [log for log in collector.logs() if log["scope"] == "shell"]
    assert (record["body"], record["traceId"]) == ({"stringValue": "a record"}, TRACE)
    (gauge,) = [metric for metric in collector.metrics() if metric["scope"] == "shell"]
    assert (gauge["name"], gauge["gauge"]["dataPoints"][0]["asInt"]) == ("a.gauge", "7")


def test_nothing_is_told_and_no_port_is_open_unless_asked(engine: Engine, collector: Collector) -> None:
    script = f"env; {LISTENING} # {collector.http}"
    output, _ = query(engine, script, TRACEPARENT=PARENT)
    assert not [line for line in output.splitlines() if line.startswith(("OTEL_", "TRACE", "BAGGAGE"))]
    assert output.splitlines()[-1] == "0"
    # With telemetry there is one port. The variables are no part of the key, nor of the image.
    env = asked(collector, OTEL_METRICS_EXPORTER="none")
    kept, done = query(engine, script, **env)
    assert kept == output, done.stderr
    output, _ = query(engine, script + " again", **env)
    lines = output.splitlines()
    assert lines[-1] == "1"
    found = dict(line.split("=", 1) for line in lines if line.startswith("OTEL_"))
    assert found["OTEL_EXPORTER_OTLP_ENDPOINT"].startswith("http://127.0.0.1:")
    assert found["OTEL_EXPORTER_OTLP_HEADERS"].startswith("kukri-token=")
    del found["OTEL_EXPORTER_OTLP_ENDPOINT"], found["OTEL_EXPORTER_OTLP_HEADERS"]
    assert found == {
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    }
    names, _ = query(engine, script + " again", after="envVariables { name }", **env)
    assert {entry["name"] for entry in names} == {"PATH"}


@pytest.mark.parametrize(
    "own",
    [
        'withEnvVariable(name: "OTEL_EXPORTER_OTLP_ENDPOINT", value: "http://mine:1")',
        'withEnvVariable(name: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", value: "http://mine:1")',
        'withEnvVariable(name: "OTEL_EXPORTER_OTLP_LOGS_HEADERS", value: "a=b")',
        'withEnvVariable(name: "OTEL_SDK_DISABLED", value: "true")',
    ],
)
def test_a_container_that_says_where_its_telemetry_goes_is_left_alone(
    engine: Engine, collector: Collector, own: str
) -> None:
    output, _ = query(engine, f"env; {LISTENING} # {collector.http}", own, **asked(collector))
    lines = output.splitlines()
    name = own.split('"')[1]
    assert [line.split("=")[0] for line in lines if line.startswith("OTEL_")] == [name]
    assert any(line.startswith("TRACEPARENT=") for line in lines)
    assert lines[-1] == "0"


def test_what_a_container_sets_itself_stays(engine: Engine, collector: Collector) -> None:
    own = (
        'withEnvVariable(name: "OTEL_TRACES_EXPORTER", value: "console") { '
        'withEnvVariable(name: "TRACEPARENT", value: "mine") { '
        'withEnvVariable(name: "HTTP_PROXY", value: "http://proxy")'
    )
    output, _ = query(engine, f"env # {collector.http}", own, **asked(collector))
    lines = output.splitlines()
    for line in ("OTEL_TRACES_EXPORTER=console", "TRACEPARENT=mine", "NO_PROXY=127.0.0.1"):
        assert line in lines
    own += ' { withEnvVariable(name: "NO_PROXY", value: "here")'
    output, _ = query(engine, f"env # {collector.http}", own, **asked(collector))
    assert [line for line in output.splitlines() if "no_proxy" in line.lower()] == ["NO_PROXY=here"]


def test_a_token_is_needed_and_is_good_for_sending_only(engine: Engine, collector: Collector) -> None:
    url = '"$OTEL_EXPORTER_OTLP_ENDPOINT'
    header = '--header "${OTEL_EXPORTER_OTLP_HEADERS%%=*}: ${OTEL_EXPORTER_OTLP_HEADERS#*=}"'
    tries = [
        f'wget -O - --post-data x {url}/v1/traces"',
        f'wget -O - {header} --post-data x {url}/query"',
        f'wget -O - {header} {url}/v1/traces"',
        f'wget -O - {header} --header "Content-Type: application/json" --post-data x {url}/v1/traces"',
    ]
    script = "; ".join(f"{attempt} 2>&1 | grep -o 'HTTP/1.1 [0-9]*'" for attempt in tries)
    output, _ = query(engine, f"{script} # {collector.http}", **asked(collector))
    assert [line.split()[1] for line in output.splitlines()] == ["401", "404", "405", "400"]


def test_secrets_are_masked_in_what_containers_send(engine: Engine, collector: Collector) -> None:
    with Session([binary(), "session"], env={**engine.env, **asked(collector)}) as session:
        secret = session.query('{ setSecret(name: "s", plaintext: "hunter2!") { id } }')["setSecret"]["id"]
        before = f'withSecretVariable(name: "S", secret: "{secret}")'
        session.query(document(f'{SHELL}span "the $S" # {collector.http}', before))
        assert session.close() == 0
    collector.stop()
    only(collector.spans(), "the ********")


def test_more_than_a_session_takes_is_dropped_and_told(engine: Engine, collector: Collector) -> None:
    script = f"""{SHELL}
body="{{$(head -c 3900000 /dev/zero | tr '\\0' ' ')}}"
echo "$body" >/tmp/body
for i in $(seq 100); do
  wget -q -O - --header "${{OTEL_EXPORTER_OTLP_HEADERS%%=*}}: ${{OTEL_EXPORTER_OTLP_HEADERS#*=}}" \\
    --header 'Content-Type: application/json' --post-file /tmp/body "$OTEL_EXPORTER_OTLP_ENDPOINT/v1/traces" |
    grep 'more telemetry than a session takes' && break
done # {collector.http}"""
    _, done = query(engine, script, **asked(collector))
    assert done.stderr.count("it sent too much telemetry; dropped requests: 1") == 1


def test_of_two_sessions_that_share_a_step_the_one_that_began_it_gets_its_telemetry(
    engine: Engine, tmp_path: Path
) -> None:
    places = [tmp_path / "first", tmp_path / "second"]
    for place in places:
        place.mkdir()
    script = f"{SHELL}sleep 2; span shared # {tmp_path}"
    with Collector(places[0]) as first, Collector(places[1]) as second:
        runs = []
        for collector in (first, second):
            env = {**engine.env, **asked(collector)}
            process = subprocess.Popen(
                [binary(), "query"], env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            assert process.stdin is not None
            process.stdin.write(document(script))
            process.stdin.close()
            runs.append(process)
            time.sleep(0.7)
        answers = []
        for process in runs:
            assert process.stdout is not None
            answers.append(process.stdout.read())
            assert process.wait(60) == 0
        assert answers[0] == answers[1]
        first.stop()
        second.stop()
        mine = first.spans()
        assert only(mine, "shared")["parentSpanId"] == step_of(mine)["spanId"]
        others = second.spans()
        assert "shared" not in [span["name"] for span in others]
        assert step_of(others)["traceId"] != step_of(mine)["traceId"]


def test_a_step_goes_on_for_others_when_the_session_that_began_it_is_gone(
    engine: Engine, collector: Collector, tmp_path: Path
) -> None:
    script = f"{SHELL}sleep 2; span late # {tmp_path}"
    env = {**engine.env, **asked(collector)}
    first = subprocess.Popen([binary(), "query"], env=env, text=True, stdin=subprocess.PIPE)
    assert first.stdin is not None
    first.stdin.write(document(script))
    first.stdin.close()
    time.sleep(0.7)
    second = subprocess.Popen(
        [binary(), "query"], env=engine.env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert second.stdin is not None
    second.stdin.write(document(script))
    second.stdin.close()
    time.sleep(0.5)
    first.kill()
    first.wait()
    assert second.stdout is not None
    # The exporter in the container was told that all is well.
    assert '"{}"' in second.stdout.read()
    assert second.wait(60) == 0
    collector.stop()
    assert "late" not in [span["name"] for span in collector.spans()]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    if not shutil.which("openssl"):
        pytest.skip("openssl, which makes certificates, is not installed")
    return Authority(tmp_path / "authority")


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_a_collector_is_reached_by_tls(
    engine: Engine, authority: Authority, tmp_path: Path, protocol: str
) -> None:
    place = tmp_path / "collector"
    place.mkdir()
    with Collector(place, authority) as collector:
        port = collector.grpc if protocol == "grpc" else collector.http
        certificate, key = authority.pair("client")
        env = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"https://127.0.0.1:{port}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
            "OTEL_EXPORTER_OTLP_CERTIFICATE": str(authority.certificate),
            "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": certificate,
            "OTEL_EXPORTER_OTLP_CLIENT_KEY": key,
        }
        _, done = query(engine, f"echo {port}", **env)
        assert "telemetry" not in done.stderr
        # Others are not trusted, and nobody else is taken.
        for name in ("OTEL_EXPORTER_OTLP_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"):
            fewer = {key: value for key, value in env.items() if key != name}
            _, done = query(engine, f"echo {port}", **fewer)
            assert "telemetry could not be sent" in done.stderr
        collector.stop()
        # The first one alone.
        assert step_of(collector.spans())


#: With our SDK: its own span, a step in a container, and what an OpenTelemetry SDK sends from there.
PROGRAM = """
import sys
import anyio, dagger
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

print(dagger.__file__, file=sys.stderr)
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
inside = open(sys.argv[1]).read()

async def main():
    async with dagger.connection():
        site = dagger.dag.host().directory(sys.argv[2], include=sys.argv[3:])
        with trace.get_tracer("pipeline").start_as_current_span("build"):
            step = dagger.dag.container().from_("python:3-slim").with_mounted_directory("/site", site)
            step = step.with_env_variable("PYTHONPATH", "/site").with_exec(["python3", "-c", inside])
            print(await step.stdout())

anyio.run(main)
provider.shutdown()
"""

#: Only standard variables say where it sends to, and where it belongs.
INSIDE = """
import os
from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
context = propagate.extract({"traceparent": os.environ["TRACEPARENT"]})
with provider.get_tracer("tests").start_as_current_span("tests", context=context) as span:
    span.set_attribute("where", "inside")
provider.shutdown()
print("sent")
"""


@pytest.fixture(scope="module")
def engine_with_python(
    make_engine: Callable[..., Engine], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    with Registry(tmp_path_factory.mktemp("python-registry")) as registry:
        registry.push("library/python:3-slim", image("python"))
        yield make_engine(mirror=registry.url)


def test_a_program_the_engine_and_a_container_make_one_trace(
    engine_with_python: Engine, authority: Authority, official_python: str, tmp_path: Path
) -> None:
    engine = engine_with_python
    place = tmp_path / "collector"
    place.mkdir()
    (tmp_path / "ci.py").write_text(PROGRAM)
    (tmp_path / "inside.py").write_text(INSIDE)
    # OpenTelemetry's packages are in that environment; the SDK is ours.
    find = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.run([official_python, "-c", find], text=True, capture_output=True, check=True).stdout
    packages = ["opentelemetry", "google", "requests", "urllib3", "certifi", "idna", "charset_normalizer"]
    more = [f"{name}/**" for name in packages] + ["opentelemetry_*/**", "*.dist-info/**", "*.py"]
    with Collector(place, authority) as collector:
        certificate, key = authority.pair("client")
        env = {
            **engine.env,
            "PYTHONPATH": str(Path(dagger.__file__).parents[1]),
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"https://127.0.0.1:{collector.http}",
            "OTEL_EXPORTER_OTLP_CERTIFICATE": str(authority.certificate),
            "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": certificate,
            "OTEL_EXPORTER_OTLP_CLIENT_KEY": key,
            "OTEL_SERVICE_NAME": "ci",
        }
        # The exporter's library prefers these to the standard variable.
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            env.pop(name, None)
        done = subprocess.run(
            [official_python, "ci.py", "inside.py", site.strip(), *more],
            cwd=tmp_path,
            env=env,
            text=True,
            capture_output=True,
            timeout=300,
            check=False,
        )
        assert (done.returncode, done.stdout.strip()) == (0, "sent"), done.stderr
        assert dagger.__file__ in done.stderr
        assert "telemetry could" not in done.stderr
        collector.stop()
    spans = collector.spans()
    by_id = {span["spanId"]: span for span in spans}
    names = []
    assert "build" in [span["name"] for span in spans], done.stderr
    span = only(spans, "tests")
    assert span["attributes"]["where"] == "inside"
    while span:
        names.append(span["name"].split(" ")[0])
        assert span["traceId"] == only(spans, "build")["traceId"]
        span = by_id.get(span.get("parentSpanId", ""), {})
    assert names == ["tests", "exec", "Container.stdout", "build"]
