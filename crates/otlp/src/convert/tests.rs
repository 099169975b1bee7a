//! Events in, batches out.

use kukri_telemetry::{Moment, SpanUsage, Traced, TracedCall};
use opentelemetry_proto::tonic::common::v1::any_value::Value;

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
    let trace = Traced { context, parent, state: String::new(), call, effect };
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
    let batches = converter.take();
    let [pull, exec, asked, session] = spans(&batches)[..] else { panic!("{batches:?}") };
    assert_eq!((exec.name.as_str(), exec.start_time_unix_nano, exec.end_time_unix_nano), ("exec l3", 30, 40));
    assert_eq!(exec.parent_span_id, asked.span_id);
    assert_eq!((asked.parent_span_id.as_slice(), session.name.as_str()), (&session.span_id[..], "kukri run"));
    assert_eq!(exec.links[0].span_id, pull.span_id);
    assert_eq!(value(&exec.links[0].attributes, attr::PURPOSE), Some(&Value::StringValue("cause".into())));
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
    assert_eq!(converter.take(), []);
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
    let batches = converter.take();
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
    let batches = converter.take();
    assert_eq!(spans(&batches), Vec::<&Span>::new());
    let [Batch::Logs(logs)] = &batches[..] else { panic!("{batches:?}") };
    let records = &logs.resource_logs[0].scope_logs[0].log_records;
    assert_eq!(value(&records[0].attributes, attr::STREAM), Some(&Value::IntValue(2)));
    assert_eq!((records.len(), records[0].flags), (2, 0));
    assert!(value(&records[1].attributes, attr::EOF).is_some());
}

#[test]
fn usage_becomes_gauges_and_signals_that_go_nowhere_are_left_out() {
    for (more, expected) in [(&[][..], 4), (&[("OTEL_METRICS_EXPORTER", "none")][..], 0)] {
        let mut converter = converter(more);
        let root = converter.root.context;
        converter.apply(&started(1, root, SpanKind::Exec, vec![], true));
        let usage =
            SpanUsage { user_ns: 5000, system_ns: 2000, memory_bytes: Some(9), ..SpanUsage::default() };
        converter.apply(&Event::SpanUsage { id: 1, usage });
        converter.apply(&finished(1, SpanOutcome::Ok, 13));
        assert!(converter.size() > 0);
        let metrics: Vec<Metric> = converter
            .take()
            .into_iter()
            .filter_map(|batch| match batch {
                Batch::Metrics(request) => Some(request),
                _ => None,
            })
            .flat_map(|request| request.resource_metrics[0].scope_metrics[0].metrics.clone())
            .collect();
        assert_eq!(metrics.len(), expected);
        assert!(metrics.first().is_none_or(|metric| metric.name == "dagger.io/metrics.cpustat.usage"));
    }
}
