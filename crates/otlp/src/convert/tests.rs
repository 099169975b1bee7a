//! Events in, batches out.

use kukri_telemetry::{Moment, Origin, SpanNetwork, SpanPressure, SpanUsage, Traced, TracedCall};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::{metric, number_data_point};

use super::*;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn settings(more: &[(&str, &str)]) -> Settings {
    let get = |name: &str| {
        let known = more.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        known.or_else(|| (name == "OTEL_EXPORTER_OTLP_ENDPOINT").then(|| "http://c:4318".to_owned()))
    };
    Settings::read(&get).settings.unwrap()
}

fn converter(more: &[(&str, &str)]) -> Converter {
    let settings = settings(more);
    let root = Root::new(&settings, [7; 24]);
    Converter::new(&settings, root, [("dagger.io/client.x", "y")])
}

fn started(id: SpanId, parent: TraceContext, kind: SpanKind, inputs: Vec<SpanId>, sampled: bool) -> Event {
    let mut span_id = [0; 8];
    span_id[7] = u8::try_from(id).unwrap();
    let context = TraceContext { trace_id: parent.trace_id, span_id, sampled };
    let call = (kind == SpanKind::Call).then(|| TracedCall {
        digest: format!("d{id}"),
        field: "f".into(),
        ..TracedCall::default()
    });
    let effect = if call.is_none() { format!("e{id}") } else { String::new() };
    let trace = Traced { context, parent, state: String::new(), call, effect, origin: None };
    let label = format!("l{id}");
    Event::SpanStarted {
        id,
        parent: None,
        label,
        kind,
        inputs,
        time_ns: 10 * id,
        trace: Some(Box::new(trace)),
    }
}

fn context(id: u8, parent: &TraceContext) -> TraceContext {
    TraceContext { span_id: [0, 0, 0, 0, 0, 0, 0, id], ..*parent }
}

fn finished(id: SpanId, outcome: SpanOutcome, time_ns: u64) -> Event {
    Event::SpanFinished { id, outcome, time_ns }
}

fn failed() -> SpanOutcome {
    SpanOutcome::Failed { message: "no".into(), exit_code: Some(3) }
}

fn take(converter: &mut Converter) -> Vec<Batch> {
    Signal::ALL.into_iter().filter_map(|signal| converter.take(signal, 1000)).collect()
}

fn spans(batches: &[Batch]) -> Vec<&Span> {
    let mut found = Vec::new();
    for batch in batches {
        if let Batch::Traces(request) = batch {
            let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
            found.extend(scopes.flat_map(|scope| &scope.spans));
        }
    }
    found
}

fn value<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    attributes.iter().find(|pair| pair.key == key)?.value.as_ref()?.value.as_ref()
}

#[test]
fn a_session_is_under_the_span_of_its_environment_else_a_trace_of_its_own() {
    let parent = TraceContext::parse(PARENT).unwrap();
    let root = Root::new(&settings(&[("TRACEPARENT", PARENT)]), [7; 24]);
    assert_eq!((root.context.trace_id, root.parent), (parent.trace_id, Some(parent)));
    let root = Root::new(&settings(&[]), [0; 24]);
    assert!(root.context.trace_id != [0; 16] && root.context.span_id != [0; 8] && root.context.sampled);
    assert_eq!(root.forced, None);
    let off = Root::new(&settings(&[("OTEL_TRACES_SAMPLER", "always_off")]), [7; 24]);
    assert_eq!((off.context.sampled, off.forced), (false, Some(false)));
}

#[test]
fn calls_and_steps_become_spans_with_links_effects_and_moments() {
    let mut converter = converter(&[]);
    let root = converter.root.context;
    assert!(!converter.apply(&started(1, root, SpanKind::Call, vec![], true)));
    let call = context(1, &root);
    assert!(converter.apply(&started(2, call, SpanKind::Pull, vec![], true)));
    converter.apply(&finished(2, SpanOutcome::Ok, 25));
    converter.apply(&started(3, call, SpanKind::Exec, vec![2], true));
    let moment = Moment { id: 3, name: "Container exited".into(), exit_code: Some(3), time_ns: 35 };
    assert!(!converter.apply(&Event::SpanMoment(moment)));
    converter.apply(&finished(3, failed(), 40));
    assert!(!converter.apply(&finished(1, failed(), 50)));
    converter.finish("kukri run", 5, 60);
    let batches = take(&mut converter);
    let [pull, exec, asked, session] = spans(&batches)[..] else { panic!("{batches:?}") };
    assert_eq!((exec.name.as_str(), exec.start_time_unix_nano, exec.end_time_unix_nano), ("exec l3", 30, 40));
    assert_eq!(exec.parent_span_id, asked.span_id);
    assert_eq!((asked.parent_span_id.as_slice(), session.name.as_str()), (&session.span_id[..], "kukri run"));
    assert_eq!(exec.links[0].span_id, pull.span_id);
    assert_eq!(value(&exec.links[0].attributes, attr::PURPOSE), Some(&Value::StringValue("input".into())));
    assert_eq!(exec.status.as_ref().unwrap().message, "no");
    assert_eq!(value(&exec.attributes, attr::EXIT_CODE), Some(&Value::IntValue(3)));
    assert_eq!(exec.events[0].name, "Container exited");
    assert_eq!(asked.links[0].span_id, exec.span_id);
    assert_eq!(
        value(&asked.links[0].attributes, attr::PURPOSE),
        Some(&Value::StringValue("error_origin".into()))
    );
    let Some(Value::ArrayValue(effects)) = value(&asked.attributes, attr::EFFECTS) else { panic!() };
    assert_eq!(effects.values.len(), 2);
    let Some(Value::ArrayValue(completed)) = value(&asked.attributes, attr::EFFECTS_COMPLETED) else {
        panic!()
    };
    assert_eq!(completed.values[0].value, Some(Value::StringValue("e2".into())));
    assert_eq!(take(&mut converter), []);
}

#[test]
fn what_has_not_ended_is_told_as_cancelled_and_what_was_known_as_cached() {
    let mut converter = converter(&[]);
    let root = converter.root.context;
    converter.apply(&started(1, root, SpanKind::Exec, vec![], true));
    converter.apply(&Event::SpanCached { id: 1, reason: String::new(), saved_ns: 0, spared_ns: None });
    converter.apply(&finished(1, SpanOutcome::Cached, 11));
    converter.apply(&started(2, root, SpanKind::Exec, vec![], true));
    converter.finish("s", 5, 60);
    let batches = take(&mut converter);
    let [cached, open, _] = spans(&batches)[..] else { panic!("{batches:?}") };
    assert!(value(&cached.attributes, attr::CACHED).is_some());
    assert!(value(&open.attributes, attr::CANCELED).is_some());
}

#[test]
fn traces_that_are_not_recorded_have_no_spans_but_logs() {
    let mut converter = converter(&[("OTEL_TRACES_SAMPLER", "always_off")]);
    let root = converter.root.context;
    converter.apply(&started(1, root, SpanKind::Exec, vec![], false));
    converter.apply(&Event::SpanLog { id: 1, stream: Stream::Stderr, text: "t".into(), time_ns: 12 });
    converter.apply(&finished(1, SpanOutcome::Ok, 13));
    converter.finish("s", 5, 60);
    let batches = take(&mut converter);
    assert_eq!(spans(&batches), Vec::<&Span>::new());
    let [Batch::Logs(logs)] = &batches[..] else { panic!("{batches:?}") };
    let records = &logs.resource_logs[0].scope_logs[0].log_records;
    assert_eq!(value(&records[0].attributes, attr::STREAM), Some(&Value::IntValue(2)));
    assert_eq!((records.len(), records[0].flags), (2, 0));
    assert!(value(&records[1].attributes, attr::EOF).is_some());
}

fn gauges(batches: &[Batch]) -> Vec<(String, String, i64, u64)> {
    let mut found = Vec::new();
    for batch in batches {
        let Batch::Metrics(request) = batch else { continue };
        for metric in &request.resource_metrics[0].scope_metrics[0].metrics {
            let Some(metric::Data::Gauge(gauge)) = &metric.data else { panic!("{metric:?}") };
            let [point] = &gauge.data_points[..] else { panic!("{metric:?}") };
            let Some(number_data_point::Value::AsInt(value)) = point.value else { panic!("{metric:?}") };
            assert!(value_of(&point.attributes, attr::METRICS_SPAN).is_some_and(|span| span.len() == 16));
            let name = metric.name.strip_prefix("dagger.io/metrics.").unwrap().to_owned();
            found.push((name, metric.unit.clone(), value, point.time_unix_nano));
        }
    }
    found
}

fn value_of(attributes: &[KeyValue], key: &str) -> Option<String> {
    match value(attributes, key)? {
        Value::StringValue(text) => Some(text.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn usage_becomes_gauges_as_it_comes_and_what_is_not_counted_is_left_out() {
    let mut converter = converter(&[]);
    let root = converter.root.context;
    converter.apply(&started(1, root, SpanKind::Exec, vec![], true));
    let few = SpanUsage { user_ns: 5000, system_ns: 2000, memory_bytes: Some(9), ..SpanUsage::default() };
    assert!(converter.apply(&Event::SpanUsage { id: 1, usage: few, time_ns: 12 }));
    assert!(converter.size(Signal::Metrics) > 0 && converter.size(Signal::Traces) == 0);
    let told = gauges(&take(&mut converter));
    let gauge = |name: &str, unit: &str, value| (name.to_owned(), unit.to_owned(), value, 12);
    assert_eq!(
        told,
        [
            gauge("cpustat.usage", "us", 7),
            gauge("cpustat.user", "us", 5),
            gauge("cpustat.system", "us", 2),
            gauge("memory.peak", "byte", 9),
        ]
    );
    let network = SpanNetwork {
        rx_bytes: 21,
        rx_packets: 22,
        rx_dropped: 23,
        tx_bytes: 24,
        tx_packets: 25,
        tx_dropped: 26,
    };
    let pressure = SpanPressure {
        cpu_some_us: Some(31),
        cpu_full_us: Some(32),
        memory_some_us: Some(33),
        memory_full_us: Some(34),
        io_some_us: Some(35),
        io_full_us: Some(36),
    };
    let all = SpanUsage {
        user_ns: 11_000,
        system_ns: 0,
        memory_bytes: Some(12),
        memory_current_bytes: Some(13),
        read_bytes: Some(14),
        write_bytes: Some(15),
        network: Some(network),
        pressure,
    };
    // An engine of before says not when.
    converter.apply(&Event::SpanUsage { id: 1, usage: all, time_ns: 0 });
    converter.apply(&finished(1, SpanOutcome::Ok, 13));
    let told = gauges(&take(&mut converter));
    let expected = [
        ("cpustat.usage", 11),
        ("cpustat.user", 11),
        ("cpustat.system", 0),
        ("cpustat.pressure.some.total", 31),
        ("cpustat.pressure.full.total", 32),
        ("memory.current", 13),
        ("memory.peak", 12),
        ("memory.pressure.some.total", 33),
        ("memory.pressure.full.total", 34),
        ("iostat.disk.readbytes", 14),
        ("iostat.disk.writebytes", 15),
        ("iostat.pressure.some.total", 35),
        ("iostat.pressure.full.total", 36),
        ("netstat.rx.bytes", 21),
        ("netstat.rx.packets", 22),
        ("netstat.rx.dropped", 23),
        ("netstat.tx.bytes", 24),
        ("netstat.tx.packets", 25),
        ("netstat.tx.dropped", 26),
    ];
    let shown: Vec<_> = told.iter().map(|(name, _, value, time)| (name.as_str(), *value, *time)).collect();
    assert_eq!(shown, expected.map(|(name, value)| (name, value, 12)));
}

#[test]
fn what_goes_nowhere_is_not_kept() {
    for (variable, signal) in [
        ("OTEL_TRACES_EXPORTER", Signal::Traces),
        ("OTEL_LOGS_EXPORTER", Signal::Logs),
        ("OTEL_METRICS_EXPORTER", Signal::Metrics),
    ] {
        let mut converter = converter(&[(variable, "none")]);
        let root = converter.root.context;
        converter.apply(&started(1, root, SpanKind::Exec, vec![], true));
        converter.apply(&Event::SpanNotCached { id: 1, reason: "r".into() });
        converter.apply(&Event::SpanLog { id: 1, stream: Stream::Stderr, text: "t".into(), time_ns: 12 });
        converter.apply(&Event::SpanUsage { id: 1, usage: SpanUsage::default(), time_ns: 12 });
        converter.apply(&finished(1, SpanOutcome::Ok, 13));
        converter.finish("s", 5, 60);
        for other in Signal::ALL {
            assert_eq!(converter.count(other) == 0, other == signal, "{variable} {other:?}");
            assert_eq!(converter.take(other, 1000).is_none(), other == signal);
        }
    }
}

#[test]
fn batches_have_no_more_than_they_may() {
    let mut converter = converter(&[]);
    let root = converter.root.context;
    for id in 1..=5 {
        converter.apply(&started(id, root, SpanKind::Exec, vec![], true));
    }
    converter.finish("s", 5, 60);
    let mut counts = Vec::new();
    while let Some(batch) = converter.take(Signal::Traces, 2) {
        counts.push(batch.count());
    }
    assert_eq!(counts, [2, 2, 2]);
}

#[test]
fn a_span_says_which_engine_which_caller_and_which_call_it_is_for() {
    let mut converter = converter(&[]);
    converter.set_engine("e1");
    let root = converter.root.context;
    converter.apply(&started(1, root, SpanKind::Call, vec![], true));
    let described = context(1, &root);
    converter.apply(&finished(1, SpanOutcome::Ok, 11));
    converter.apply(&started(2, root, SpanKind::Call, vec![], true));
    let Event::SpanStarted { id, label, kind, time_ns, trace: Some(mut trace), .. } =
        started(3, context(2, &root), SpanKind::Exec, vec![], true)
    else {
        panic!()
    };
    trace.origin = Some(Origin { context: described, output: "d1".into() });
    let (parent, inputs, trace) = (None, Vec::new(), Some(trace));
    converter.apply(&Event::SpanStarted { id, parent, label, kind, inputs, time_ns, trace });
    converter.finish("s", 5, 60);
    let batches = take(&mut converter);
    let found = spans(&batches);
    let named = |name: &str| *found.iter().find(|span| span.name.ends_with(name)).unwrap();
    for name in ["l1", "l3", "s"] {
        assert_eq!(value_of(&named(name).attributes, "dagger.io/engine.id").as_deref(), Some("e1"), "{name}");
    }
    assert_eq!(value_of(&named("l1").attributes, "dagger.io/dag.call.scope").as_deref(), Some("graphql"));
    let step = named("l3");
    assert_eq!(value_of(&step.attributes, "dagger.io/dag.call.scope"), None);
    assert_eq!(value_of(&step.attributes, "dagger.io/ui.resume.output").as_deref(), Some("d1"));
    let [link] = &step.links[..] else { panic!("{step:?}") };
    assert_eq!(link.span_id, described.span_id);
    assert_eq!(value_of(&link.attributes, attr::PURPOSE).as_deref(), Some("cause"));
}

#[test]
fn calls_in_another_trace_than_the_session_are_linked_with_it() {
    for (sampler, linked) in [("always_on", true), ("always_off", false)] {
        let mut converter = converter(&[("OTEL_TRACES_SAMPLER", sampler)]);
        let session = converter.root.context;
        let other = TraceContext::parse(PARENT).unwrap();
        converter.apply(&started(1, session, SpanKind::Call, vec![], true));
        converter.apply(&started(2, other, SpanKind::Call, vec![], true));
        converter.apply(&started(3, context(2, &other), SpanKind::Exec, vec![], true));
        converter.finish("s", 5, 60);
        let batches = take(&mut converter);
        let found = spans(&batches);
        let links = |name: &str| {
            &found.iter().find(|span| span.name.ends_with(name)).unwrap_or_else(|| panic!("{name}")).links
        };
        assert!(links("l1").is_empty() && links("l3").is_empty());
        assert_eq!(links("l2").len(), usize::from(linked));
        for link in links("l2") {
            assert_eq!(
                (&link.trace_id[..], &link.span_id[..]),
                (&session.trace_id[..], &session.span_id[..])
            );
            assert_eq!(value_of(&link.attributes, attr::PURPOSE).as_deref(), Some("session"));
        }
    }
}

#[test]
fn calls_that_only_make_others_work_are_passed_through_and_those_of_sdks_are_internal() {
    for (field, internal, passthrough) in
        [("sync", false, true), ("id", true, false), ("__schema", true, false), ("stdout", false, false)]
    {
        let mut converter = converter(&[]);
        let root = converter.root.context;
        let mut event = started(1, root, SpanKind::Call, vec![], true);
        if let Event::SpanStarted { trace: Some(trace), .. } = &mut event {
            trace.call.as_mut().unwrap().field = field.into();
        }
        converter.apply(&event);
        converter.finish("s", 5, 60);
        let batches = take(&mut converter);
        let call = spans(&batches)[0];
        assert_eq!(value(&call.attributes, "dagger.io/ui.internal").is_some(), internal, "{field}");
        assert_eq!(value(&call.attributes, "dagger.io/ui.passthrough").is_some(), passthrough, "{field}");
    }
}

#[test]
fn records_say_what_they_are() {
    let mut converter = converter(&[]);
    let root = converter.root.context;
    converter.apply(&started(1, root, SpanKind::Exec, vec![], true));
    converter.apply(&Event::SpanNotCached { id: 1, reason: "first run".into() });
    converter.apply(&Event::SpanLog { id: 1, stream: Stream::Stdout, text: "t".into(), time_ns: 12 });
    for level in [Level::Debug, Level::Warning] {
        converter.apply(&Event::Message { level, text: "m".into() });
    }
    let Some(Batch::Logs(logs)) = converter.take(Signal::Logs, 1000) else { panic!() };
    let records = &logs.resource_logs[0].scope_logs[0].log_records;
    let flags = |record: &LogRecord| {
        let has = |key| value(&record.attributes, key).is_some();
        assert_eq!(value_of(&record.attributes, "dagger.io/content.type").as_deref(), Some("text/plain"));
        (has("dagger.io/logs.verbose"), has("dagger.io/logs.global"), has("stdio.stream"))
    };
    let told: Vec<_> = records.iter().map(flags).collect();
    assert_eq!(told, [(true, false, false), (false, false, true), (true, true, false), (false, true, false)]);
    assert_eq!(
        records[0].body.as_ref().unwrap().value,
        Some(Value::StringValue("not cached: first run".into()))
    );
    assert_eq!((records[0].severity_text.as_str(), records[0].span_id.len()), ("DEBUG", 8));
}
