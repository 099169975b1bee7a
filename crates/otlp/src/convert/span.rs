//! One span from its start to its end.

use kukri_telemetry::{Moment, SpanKind, SpanOutcome, TraceContext, Traced};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{Span, Status, span, status};

use super::{Root, attr, call};

/// Most effects, failures and moments that one span names.
const MOST: usize = 128;

/// A span that has not ended.
pub struct Open {
    pub context: TraceContext,
    pub parent: TraceContext,
    pub is_call: bool,
    pub cached: bool,
    pub progress: Option<(u64, Option<u64>, String)>,
    /// Whether it wrote to standard output and standard error.
    pub wrote: [bool; 2],
    state: String,
    name: String,
    pub start_ns: u64,
    /// The span of the session, where it is in another trace.
    pub session: Option<TraceContext>,
    attributes: Vec<KeyValue>,
    cause: Option<TraceContext>,
    inputs: Vec<TraceContext>,
    failures: Vec<TraceContext>,
    effect: String,
    effects: Vec<String>,
    completed: Vec<String>,
    moments: Vec<Event>,
}

impl Open {
    pub fn new(
        trace: &Traced,
        label: &str,
        kind: &SpanKind,
        inputs: Vec<TraceContext>,
        engine: &str,
        start_ns: u64,
    ) -> Self {
        let mut attributes = Vec::new();
        if let Some(call) = &trace.call {
            attributes.push(attr::text(attr::DIGEST, &call.digest));
            attributes.push(attr::text(attr::CALL, call::encode(call)));
            attributes.push(attr::text(attr::SCOPE, "graphql"));
            attributes.push(attr::texts(attr::INPUTS, call.inputs()));
            if call.is_object {
                attributes.push(attr::text(attr::OUTPUT, &call.digest));
            }
            // Asked by SDKs on their own, for their own ends.
            if call.field == "id" || call.field.starts_with("__") {
                attributes.push(attr::flag(attr::INTERNAL));
            }
            // It only makes others work, and what is under it is what people want to see.
            if call.field == "sync" {
                attributes.push(attr::flag(attr::PASSTHROUGH));
            }
        }
        if let Some(origin) = &trace.origin {
            attributes.push(attr::text(attr::RESUMES, &origin.output));
        }
        if !engine.is_empty() {
            attributes.push(attr::text(attr::ENGINE_ID, engine));
        }
        if !trace.effect.is_empty() {
            attributes.push(attr::text(attr::EFFECT, &trace.effect));
        }
        Self {
            context: trace.context,
            parent: trace.parent,
            is_call: *kind == SpanKind::Call,
            cached: false,
            progress: None,
            wrote: [false; 2],
            state: trace.state.clone(),
            name: if *kind == SpanKind::Exec { format!("exec {label}") } else { label.to_owned() },
            start_ns,
            session: None,
            attributes,
            cause: trace.origin.as_ref().map(|origin| origin.context).filter(|cause| *cause != trace.parent),
            inputs,
            failures: Vec::new(),
            effect: trace.effect.clone(),
            effects: Vec::new(),
            completed: Vec::new(),
            moments: Vec::new(),
        }
    }

    pub fn moment(&mut self, moment: &Moment) {
        if self.moments.len() == MOST {
            return;
        }
        let attributes = moment.exit_code.map(|code| attr::int(attr::EXIT_CODE, code));
        self.moments.push(Event {
            time_unix_nano: moment.time_ns,
            name: moment.name.clone(),
            attributes: attributes.into_iter().collect(),
            dropped_attributes_count: 0,
        });
    }

    /// A span under this one has ended.
    pub fn part(&mut self, part: &Self, outcome: &SpanOutcome) {
        if !part.effect.is_empty() && self.effects.len() < MOST {
            self.effects.push(part.effect.clone());
            if matches!(outcome, SpanOutcome::Ok | SpanOutcome::Cached) {
                self.completed.push(part.effect.clone());
            }
        }
        if matches!(outcome, SpanOutcome::Failed { .. }) && self.failures.len() < MOST {
            // The first cause counts, not what failed because of it.
            let origins = if part.failures.is_empty() { vec![part.context] } else { part.failures.clone() };
            self.failures.extend(origins);
        }
    }

    pub fn end(self, outcome: &SpanOutcome, end_ns: u64) -> Span {
        let mut attributes = self.attributes;
        let mut status = None;
        match outcome {
            SpanOutcome::Cached => attributes.push(attr::flag(attr::CACHED)),
            SpanOutcome::Cancelled => attributes.push(attr::flag(attr::CANCELED)),
            SpanOutcome::Failed { message, exit_code } => {
                attributes.extend(exit_code.map(|code| attr::int(attr::EXIT_CODE, code)));
                status = Some(error(message));
            }
            _ if self.cached => attributes.push(attr::flag(attr::CACHED)),
            SpanOutcome::Ok | SpanOutcome::Other(_) => {}
        }
        if let Some((current, total, unit)) = self.progress {
            attributes.push(attr::int(attr::PROGRESS_CURRENT, current));
            attributes.extend(total.map(|total| attr::int(attr::PROGRESS_TOTAL, total)));
            attributes.push(attr::text(attr::PROGRESS_UNITS, unit));
        }
        if !self.effects.is_empty() {
            attributes.push(attr::texts(attr::EFFECTS, self.effects));
        }
        if !self.completed.is_empty() {
            attributes.push(attr::texts(attr::EFFECTS_COMPLETED, self.completed));
        }
        let failures: &[TraceContext] = if status.is_some() && self.is_call { &self.failures } else { &[] };
        let links = self
            .cause
            .iter()
            .map(|cause| link(cause, "cause"))
            .chain(self.session.iter().map(|session| link(session, "session")))
            .chain(self.inputs.iter().map(|input| link(input, "input")))
            .chain(failures.iter().map(|failure| link(failure, "error_origin")))
            .collect();
        Span {
            trace_id: self.context.trace_id.to_vec(),
            span_id: self.context.span_id.to_vec(),
            trace_state: self.state,
            parent_span_id: self.parent.span_id.to_vec(),
            flags: FLAGS,
            name: self.name,
            kind: span::SpanKind::Internal.into(),
            start_time_unix_nano: self.start_ns,
            end_time_unix_nano: end_ns.max(self.start_ns),
            attributes,
            events: self.moments,
            links,
            status,
            ..Span::default()
        }
    }
}

/// Recorded.
const FLAGS: u32 = 1;

fn error(message: &str) -> Status {
    Status { message: message.to_owned(), code: status::StatusCode::Error.into() }
}

fn link(to: &TraceContext, purpose: &str) -> Link {
    Link {
        trace_id: to.trace_id.to_vec(),
        span_id: to.span_id.to_vec(),
        attributes: vec![attr::text(attr::PURPOSE, purpose)],
        flags: u32::from(to.sampled),
        ..Link::default()
    }
}

/// The span of a whole session.
pub fn root(root: &Root, state: &str, engine: &str, name: &str, began_ns: u64, ended_ns: u64) -> Span {
    Span {
        trace_id: root.context.trace_id.to_vec(),
        span_id: root.context.span_id.to_vec(),
        trace_state: state.to_owned(),
        parent_span_id: root.parent.map(|parent| parent.span_id.to_vec()).unwrap_or_default(),
        flags: FLAGS,
        name: name.to_owned(),
        kind: span::SpanKind::Internal.into(),
        start_time_unix_nano: began_ns,
        end_time_unix_nano: ended_ns.max(began_ns),
        attributes: (!engine.is_empty()).then(|| attr::text(attr::ENGINE_ID, engine)).into_iter().collect(),
        ..Span::default()
    }
}
