//! From progress events to OTLP.
//!
//! A session is a trace, or a part of the trace of the program that opened it: its root span holds all spans of
//! requests that name no other. Times come with the events.

mod attributes;
mod call;
mod metrics;
mod resource;
mod span;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use kukri_telemetry::context::hex;
use kukri_telemetry::{Event, Level, SpanId, SpanKind, SpanOutcome, Stream, TraceContext};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber};
use opentelemetry_proto::tonic::metrics::v1::{Metric, ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};

use crate::{Batch, Settings, Signal};
use attributes as attr;
use span::Open;

/// Most ended spans that later ones can be linked with.
const REMEMBERED: usize = 100_000;

/// About how many bytes a span, a record and a gauge take, besides what they say.
const SPAN: usize = 300;
const RECORD: usize = 200;
const METRIC: usize = 170;

/// The span of a session, which others are under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// The span.
    pub context: TraceContext,
    /// The span of another program in which it runs.
    pub parent: Option<TraceContext>,
    /// Whether the trace of each request is recorded, whatever the request says.
    pub forced: Option<bool>,
}

impl Root {
    /// For a session with these settings; `random` becomes its ids.
    #[must_use]
    pub fn new(settings: &Settings, random: [u8; 24]) -> Self {
        let (mut trace_id, mut span_id) = ([0; 16], [0; 8]);
        trace_id.copy_from_slice(&random[..16]);
        span_id.copy_from_slice(&random[16..]);
        // All zero is no id.
        span_id[7] = span_id[7].max(1);
        trace_id[15] = trace_id[15].max(1);
        if let Some(parent) = settings.parent {
            trace_id = parent.trace_id;
        }
        let sampled = settings.sampler.samples(trace_id, settings.parent.as_ref());
        Self {
            context: TraceContext { trace_id, span_id, sampled },
            parent: settings.parent,
            forced: settings.sampler.forced(sampled),
        }
    }
}

/// What is known of the spans of one session, and what is to be sent of them.
pub struct Converter {
    wanted: [bool; 3],
    root: Root,
    state: String,
    engine: String,
    resource: Resource,
    open: HashMap<SpanId, Open>,
    contexts: HashMap<SpanId, TraceContext>,
    last_ns: u64,
    spans: Vec<Span>,
    own_spans: Vec<Span>,
    logs: Vec<LogRecord>,
    metrics: Vec<Metric>,
    /// About how many bytes of each signal wait.
    sizes: [usize; 3],
}

impl Converter {
    /// For a session. `labels` say more about who runs it.
    #[must_use]
    pub fn new<'a>(
        settings: &Settings,
        root: Root,
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        Self {
            wanted: Signal::ALL.map(|signal| settings.target(signal).is_some()),
            root,
            state: settings.state.clone(),
            engine: String::new(),
            resource: resource::resource(settings, labels),
            open: HashMap::new(),
            contexts: HashMap::new(),
            last_ns: 0,
            spans: Vec::new(),
            own_spans: Vec::new(),
            logs: Vec::new(),
            metrics: Vec::new(),
            sizes: [0; 3],
        }
    }

    /// Names the engine that does the work, as soon as it is known.
    pub fn set_engine(&mut self, id: &str) {
        id.clone_into(&mut self.engine);
    }

    /// Takes in one event. False if it is only about traces, and nothing to show to people.
    pub fn apply(&mut self, event: &Event) -> bool {
        self.last_ns = self.last_ns.max(event.time_ns().unwrap_or_default());
        match event {
            Event::SpanStarted { id, label, kind, inputs, time_ns, trace: Some(trace), .. } => {
                let links = inputs.iter().filter_map(|input| self.contexts.get(input)).copied().collect();
                if self.contexts.len() < REMEMBERED {
                    self.contexts.insert(*id, trace.context);
                }
                let mut open = Open::new(trace, label, kind, links, &self.engine, *time_ns);
                let session = self.root.context;
                // Nothing else leads from there to the session.
                open.session =
                    (open.is_call && session.sampled && session.trace_id != trace.context.trace_id)
                        .then_some(session);
                self.open.insert(*id, open);
                return *kind != SpanKind::Call;
            }
            Event::SpanMoment(moment) => {
                if let Some(open) = self.open.get_mut(&moment.id) {
                    open.moment(moment);
                }
                return false;
            }
            Event::SpanLog { id, stream, text, time_ns } => self.log(*id, *stream, text, *time_ns),
            Event::SpanProgress { id, current, total, unit, .. } => {
                if let Some(open) = self.open.get_mut(id) {
                    open.progress = Some((*current, *total, unit.clone()));
                }
            }
            Event::SpanCached { id, reason, .. } => {
                if let Some(open) = self.open.get_mut(id) {
                    open.cached = true;
                }
                self.remark(*id, "cached", reason);
            }
            Event::SpanNotCached { id, reason } => self.remark(*id, "not cached", reason),
            Event::SpanUsage { id, usage, time_ns } => {
                if let Some(open) = self.open.get(id)
                    && self.is_wanted(Signal::Metrics)
                {
                    let time_ns = if *time_ns == 0 { self.last_ns } else { *time_ns };
                    let before = self.metrics.len();
                    self.metrics.extend(metrics::gauges(usage, open, time_ns));
                    self.sizes[Signal::Metrics as usize] += METRIC * (self.metrics.len() - before);
                }
            }
            Event::SpanFinished { id, outcome, time_ns } => {
                let was_call = self.open.get(id).is_some_and(|open| open.is_call);
                self.finish_span(*id, outcome, *time_ns);
                return !was_call;
            }
            Event::Message { level, text } => self.message(*level, text),
            Event::SpanStarted { .. }
            | Event::SpanSource { .. }
            | Event::SpanSpared { .. }
            | Event::Other(_) => {}
        }
        true
    }

    /// Ends the session's own span, and what has not ended.
    pub fn finish(&mut self, name: &str, began_ns: u64, ended_ns: u64) {
        let last = self.last_ns.max(began_ns);
        let open: Vec<SpanId> = self.open.keys().copied().collect();
        for id in open {
            self.finish_span(id, &SpanOutcome::Cancelled, last);
        }
        let root = self.root.clone();
        if root.context.sampled && self.is_wanted(Signal::Traces) {
            let span = span::root(&root, &self.state, &self.engine, name, began_ns, ended_ns.max(last));
            self.sizes[Signal::Traces as usize] += SPAN;
            self.own_spans.push(span);
        }
    }

    /// What nobody takes is not kept.
    const fn is_wanted(&self, signal: Signal) -> bool {
        self.wanted[signal as usize]
    }

    /// About how many bytes of a signal wait to be taken.
    #[must_use]
    pub const fn size(&self, signal: Signal) -> usize {
        self.sizes[signal as usize]
    }

    /// How many spans, records or gauges wait to be taken.
    #[must_use]
    pub const fn count(&self, signal: Signal) -> usize {
        match signal {
            Signal::Traces => self.spans.len() + self.own_spans.len(),
            Signal::Logs => self.logs.len(),
            Signal::Metrics => self.metrics.len(),
        }
    }

    /// What has come together of a signal, at most so many spans, records or gauges; none if there is nothing.
    pub fn take(&mut self, signal: Signal, most: usize) -> Option<Batch> {
        self.sizes[signal as usize] = 0;
        if self.count(signal) == 0 {
            return None;
        }
        let resource = Some(self.resource.clone());
        let scope = Some(attr::scope(attr::ENGINE));
        let batch = match signal {
            Signal::Traces => {
                let spans = first(&mut self.spans, most);
                let own_spans = first(&mut self.own_spans, most - spans.len());
                let spans = [(attr::ENGINE, spans), (attr::CLI, own_spans)];
                let scope_spans = spans
                    .into_iter()
                    .filter(|(_, spans)| !spans.is_empty())
                    .map(|(name, spans)| ScopeSpans {
                        scope: Some(attr::scope(name)),
                        spans,
                        ..ScopeSpans::default()
                    })
                    .collect();
                let spans = ResourceSpans { resource, scope_spans, ..ResourceSpans::default() };
                Batch::Traces(ExportTraceServiceRequest { resource_spans: vec![spans] })
            }
            Signal::Logs => {
                let log_records = first(&mut self.logs, most);
                let scope_logs = vec![ScopeLogs { scope, log_records, ..ScopeLogs::default() }];
                let logs = ResourceLogs { resource, scope_logs, ..ResourceLogs::default() };
                Batch::Logs(ExportLogsServiceRequest { resource_logs: vec![logs] })
            }
            Signal::Metrics => {
                let metrics = first(&mut self.metrics, most);
                let scope_metrics = vec![ScopeMetrics { scope, metrics, ..ScopeMetrics::default() }];
                let metrics = ResourceMetrics { resource, scope_metrics, ..ResourceMetrics::default() };
                Batch::Metrics(ExportMetricsServiceRequest { resource_metrics: vec![metrics] })
            }
        };
        Some(batch)
    }

    fn finish_span(&mut self, id: SpanId, outcome: &SpanOutcome, time_ns: u64) {
        let Some(open) = self.open.remove(&id) else { return };
        for stream in [Stream::Stdout, Stream::Stderr] {
            if open.wrote[stream as usize] {
                self.record(
                    Some(&open),
                    time_ns,
                    String::new(),
                    vec![stream_of(stream), attr::flag(attr::EOF)],
                );
            }
        }
        let asked_by = open.parent.span_id;
        let asker = self.open.values_mut().find(|asker| asker.is_call && asker.context.span_id == asked_by);
        if let Some(asker) = asker {
            asker.part(&open, outcome);
        }
        if open.context.sampled && self.is_wanted(Signal::Traces) {
            let span = open.end(outcome, time_ns);
            self.sizes[Signal::Traces as usize] += SPAN + span.name.len() + 150 * span.attributes.len();
            self.spans.push(span);
        }
    }

    fn log(&mut self, id: SpanId, stream: Stream, text: &str, time_ns: u64) {
        let Some(mut open) = self.open.remove(&id) else { return };
        open.wrote[stream as usize] = true;
        self.record(Some(&open), time_ns, text.to_owned(), vec![stream_of(stream)]);
        self.open.insert(id, open);
    }

    /// Why a step runs or does not: for those who look for the reason, not for all.
    fn remark(&mut self, id: SpanId, what: &str, reason: &str) {
        let Some(open) = self.open.remove(&id) else { return };
        if !reason.is_empty() {
            let text = format!("{what}: {reason}");
            self.record(Some(&open), open.start_ns, text, vec![attr::flag(attr::VERBOSE)]);
            if let Some(record) = self.logs.last_mut() {
                record.severity_number = SeverityNumber::Debug.into();
                "DEBUG".clone_into(&mut record.severity_text);
            }
        }
        self.open.insert(id, open);
    }

    fn message(&mut self, level: Level, text: &str) {
        let mut attributes = vec![attr::flag(attr::GLOBAL)];
        attributes.extend((level == Level::Debug).then(|| attr::flag(attr::VERBOSE)));
        self.record(None, self.last_ns, text.to_owned(), attributes);
        if let Some(record) = self.logs.last_mut() {
            let (number, name) = match level {
                Level::Debug => (SeverityNumber::Debug, "DEBUG"),
                Level::Info => (SeverityNumber::Info, "INFO"),
                Level::Warning => (SeverityNumber::Warn, "WARN"),
                Level::Error => (SeverityNumber::Error, "ERROR"),
            };
            record.severity_number = number.into();
            name.clone_into(&mut record.severity_text);
        }
    }

    fn record(&mut self, of: Option<&Open>, time_ns: u64, text: String, mut attributes: Vec<KeyValue>) {
        if !self.is_wanted(Signal::Logs) {
            return;
        }
        attributes.push(attr::text(attr::CONTENT_TYPE, "text/plain"));
        let context = of.map_or(self.root.context, |open| open.context);
        self.sizes[Signal::Logs as usize] += RECORD + text.len();
        self.logs.push(LogRecord {
            time_unix_nano: time_ns,
            observed_time_unix_nano: time_ns,
            severity_number: SeverityNumber::Info.into(),
            severity_text: "INFO".to_owned(),
            body: Some(AnyValue { value: Some(any_value::Value::StringValue(text)) }),
            attributes,
            flags: u32::from(context.sampled),
            trace_id: context.trace_id.to_vec(),
            span_id: context.span_id.to_vec(),
            ..LogRecord::default()
        });
    }
}

/// Takes the first ones away.
fn first<T>(items: &mut Vec<T>, most: usize) -> Vec<T> {
    let rest = items.split_off(items.len().min(most));
    std::mem::replace(items, rest)
}

fn stream_of(stream: Stream) -> KeyValue {
    attr::int(attr::STREAM, if stream == Stream::Stdout { 1 } else { 2 })
}

/// As attributes of metrics have it.
fn ids(context: &TraceContext) -> Vec<KeyValue> {
    vec![
        attr::text(attr::METRICS_SPAN, hex(&context.span_id)),
        attr::text(attr::METRICS_TRACE, hex(&context.trace_id)),
    ]
}
