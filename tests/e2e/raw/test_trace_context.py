"""The trace of a program, of its session, and of what this does, as a real OpenTelemetry collector gets it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagger
import pytest
from collector import Collector
from engine import Engine, binary

TRACE = "0af7651916cd43dd8448eb211c80319c"
GIVEN = "b7ad6b7169203331"

#: It knows nothing of traces.
PLAIN = """
import uuid
import anyio, dagger

async def main():
    async with dagger.connection():
        step = dagger.dag.container().from_("busybox").with_env_variable("NEW", uuid.uuid4().hex)
        print(await step.with_exec(["sh", "-c", "echo $TRACEPARENT"]).stdout())

anyio.run(main)
"""

#: It traces itself: a call beside the span `inner`, and one inside of it, with a step.
TRACING = """
import os, sys, uuid
import anyio, dagger
from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("pipeline")
context = propagate.extract({"traceparent": os.environ["TRACEPARENT"]}) if "go-on" in sys.argv else None

async def main():
    with tracer.start_as_current_span("mine", context=context):
        async with dagger.connection():
            await dagger.dag.directory().with_new_file("a", "b").entries()
            with tracer.start_as_current_span("inner"):
                step = dagger.dag.container().from_("busybox").with_env_variable("NEW", uuid.uuid4().hex)
                print(await step.with_exec(["sh", "-c", "echo $TRACEPARENT"]).stdout())

anyio.run(main)
"""


@pytest.fixture
def env(engine: Engine, collector: Collector) -> dict[str, str]:
    return {
        **engine.env,
        "PYTHONPATH": str(Path(dagger.__file__).parents[1]),
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.http}",
    }


class Spans:
    """What a run has sent."""

    def __init__(self, command: list[Any], env: dict[str, str], collector: Collector) -> None:
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        collector.stop()
        self.inside = done.stdout.split()[-1].split("-")
        """`TRACEPARENT` in the container."""
        self.all = collector.spans()

    def named(self, name: str) -> dict[str, Any]:
        (found,) = [span for span in self.all if span["name"].startswith(name)]
        return found

    def traces(self) -> set[str]:
        return {span["traceId"] for span in self.all}

    def above(self, name: str) -> list[str]:
        """Names of the spans above one, the nearest first; of one that was not sent, its ID."""
        by_id = {span["spanId"]: span for span in self.all}
        names, parent = [], self.named(name).get("parentSpanId")
        while parent:
            names.append(by_id[parent]["name"] if parent in by_id else parent)
            parent = by_id.get(parent, {}).get("parentSpanId")
        return names

    def linked_with_the_session(self, name: str) -> bool:
        session = self.named("kukri ")
        purpose = {"key": "dagger.io/link.purpose", "value": {"stringValue": "session"}}
        links = [link for link in self.named(name).get("links", []) if purpose in link["attributes"]]
        assert all(
            (link["traceId"], link["spanId"]) == (session["traceId"], session["spanId"]) for link in links
        )
        return bool(links)


@pytest.fixture(params=["session", "run"])
def opened_by(request: pytest.FixtureRequest) -> tuple[str, list[str]]:
    """The command whose session the program has, and what stands before the program."""
    command: str = request.param
    return f"kukri {command}", [binary(), "run"] if command == "run" else []


def test_calls_of_a_program_that_does_not_trace_are_under_its_session(
    env: dict[str, str], collector: Collector, opened_by: tuple[str, list[str]], tmp_path: Path
) -> None:
    session, before = opened_by
    (tmp_path / "ci.py").write_text(PLAIN)
    env = {**env, "TRACEPARENT": f"00-{TRACE}-{GIVEN}-01"}
    spans = Spans([*before, sys.executable, tmp_path / "ci.py"], env, collector)
    assert spans.traces() == {TRACE}
    assert spans.above("exec sh") == ["Container.stdout", session, GIVEN]
    assert spans.above("Container.withExec") == [session, GIVEN]
    assert spans.inside == ["00", TRACE, spans.named("exec sh")["spanId"], "01"]
    assert not spans.linked_with_the_session("Container.stdout")


def test_a_session_is_in_the_trace_of_the_program_that_opens_it(
    env: dict[str, str], collector: Collector, official_python: str, tmp_path: Path
) -> None:
    (tmp_path / "ci.py").write_text(TRACING)
    # The span of the program wins over this one, as it does for all that an SDK of OpenTelemetry sends.
    env = {**env, "TRACEPARENT": f"00-{TRACE}-{GIVEN}-01", "TRACESTATE": "a=b"}
    spans = Spans([official_python, tmp_path / "ci.py"], env, collector)
    assert spans.above("kukri session") == ["mine"]
    assert spans.named("kukri session").get("traceState", "") == ""
    assert spans.above("Directory.entries") == ["kukri session", "mine"]
    assert spans.above("exec sh") == ["Container.stdout", "inner", "mine"]
    assert spans.traces() == {spans.named("mine")["traceId"]}
    assert TRACE not in spans.traces()
    assert spans.inside[1:3] == [spans.named("mine")["traceId"], spans.named("exec sh")["spanId"]]
    assert not spans.linked_with_the_session("Container.stdout")


def test_a_program_that_goes_on_with_the_trace_of_kukri_run_is_under_its_session(
    env: dict[str, str], collector: Collector, official_python: str, tmp_path: Path
) -> None:
    (tmp_path / "ci.py").write_text(TRACING)
    command = [binary(), "run", official_python, tmp_path / "ci.py", "go-on"]
    spans = Spans(command, env, collector)
    assert spans.above("Directory.entries") == ["mine", "kukri run"]
    assert spans.above("exec sh") == ["Container.stdout", "inner", "mine", "kukri run"]
    assert spans.traces() == {spans.inside[1]}


def test_a_program_that_begins_a_trace_in_kukri_run_keeps_its_calls_and_they_are_linked(
    env: dict[str, str], collector: Collector, official_python: str, tmp_path: Path
) -> None:
    (tmp_path / "ci.py").write_text(TRACING)
    command = [binary(), "run", official_python, tmp_path / "ci.py"]
    spans = Spans(command, env, collector)
    assert spans.above("kukri run") == []
    assert spans.named("kukri run")["traceId"] != spans.named("mine")["traceId"]
    assert spans.above("Directory.entries") == ["mine"]
    assert spans.above("exec sh") == ["Container.stdout", "inner", "mine"]
    assert spans.inside[1] == spans.named("mine")["traceId"]
    for call in ("Directory.entries", "Directory.withNewFile", "Container.stdout", "Container.withExec"):
        assert spans.linked_with_the_session(call)
    assert not spans.linked_with_the_session("exec sh")


def test_the_environment_of_a_session_is_that_of_the_program(engine: Engine, tmp_path: Path) -> None:
    """Where no span is there, nothing is set."""
    show = tmp_path / "kukri"
    show.write_text(f'#!/bin/sh\nenv >{tmp_path}/seen\nexec {binary()} "$@"\n')
    show.chmod(0o755)
    code = "import dagger\nwith dagger.connect() as client: client.version()"
    for more in ({}, {"TRACESTATE": "a=b"}, {"TRACEPARENT": f"00-{TRACE}-{GIVEN}-01", "TRACESTATE": "a=b"}):
        env = {**os.environ, **engine.env, "_EXPERIMENTAL_DAGGER_CLI_BIN": str(show), **more}
        env["PYTHONPATH"] = str(Path(dagger.__file__).parents[1])
        subprocess.run([sys.executable, "-c", code], env=env, check=True, timeout=120)
        seen = dict(
            line.split("=", 1) for line in (tmp_path / "seen").read_text().splitlines() if "=" in line
        )
        assert {name: value for name, value in seen.items() if name.startswith("TRACE")} == more
