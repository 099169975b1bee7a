//! Short names for events, for tests.

use crate::event::{Event, Level, SpanId, SpanKind, SpanOutcome, Stream};
use crate::view::View;

/// A time in nanoseconds.
pub(crate) fn at(seconds: f64) -> u64 {
    (seconds * 1e9).round() as u64
}

pub(crate) fn span(id: SpanId, parent: Option<SpanId>, label: &str, kind: SpanKind, time: f64) -> Event {
    Event::SpanStarted {
        id,
        parent,
        label: label.into(),
        kind,
        inputs: Vec::new(),
        time_ns: at(time),
        trace: None,
    }
}

/// A step that uses the results of others.
pub(crate) fn after(id: SpanId, inputs: &[SpanId], label: &str, time: f64) -> Event {
    let (label, inputs) = (label.into(), inputs.to_vec());
    Event::SpanStarted {
        id,
        parent: None,
        label,
        kind: SpanKind::Exec,
        inputs,
        time_ns: at(time),
        trace: None,
    }
}

/// A result that was there.
pub(crate) fn cached(id: SpanId, reason: &str, saved: f64) -> Event {
    Event::SpanCached { id, reason: reason.into(), saved_ns: at(saved), spared_ns: None }
}

pub(crate) fn call(id: SpanId, parent: Option<SpanId>, label: &str, time: f64) -> Event {
    span(id, parent, label, SpanKind::Call, time)
}

pub(crate) fn log(id: SpanId, stream: Stream, text: &str, time: f64) -> Event {
    Event::SpanLog { id, stream, text: text.into(), time_ns: at(time) }
}

pub(crate) fn progress(id: SpanId, current: u64, total: u64, unit: &str) -> Event {
    so_far(id, current, Some(total), unit, 0.0)
}

/// How far a step has got, by a time.
pub(crate) fn so_far(id: SpanId, current: u64, total: Option<u64>, unit: &str, time: f64) -> Event {
    Event::SpanProgress {
        id,
        current,
        total,
        unit: unit.into(),
        extracted: None,
        present: 0,
        files: None,
        phase: String::new(),
        time_ns: at(time),
    }
}

/// The same, with more to say.
pub(crate) fn with(event: Event, present_bytes: u64, file_count: Option<u64>, done: &str) -> Event {
    let mut event = event;
    if let Event::SpanProgress { present, files, phase, .. } = &mut event {
        (*present, *files, *phase) = (present_bytes, file_count, done.to_owned());
    }
    event
}

/// Bytes of a pull that came and were unpacked, by a time.
pub(crate) fn pulled(id: SpanId, current: u64, extracted: u64, total: u64, time: f64) -> Event {
    let mut event = so_far(id, current, Some(total), "bytes", time);
    if let Event::SpanProgress { extracted: unpacked, .. } = &mut event {
        *unpacked = Some(extracted);
    }
    event
}

pub(crate) fn finished(id: SpanId, outcome: SpanOutcome, time: f64) -> Event {
    Event::SpanFinished { id, outcome, time_ns: at(time) }
}

pub(crate) fn failure(message: &str, exit_code: Option<i32>) -> SpanOutcome {
    SpanOutcome::Failed { message: message.into(), exit_code }
}

pub(crate) fn message(level: Level, text: &str) -> Event {
    Event::Message { level, text: text.into() }
}

/// The view after these events.
pub(crate) fn view(events: &[Event]) -> View {
    let mut view = View::default();
    events.iter().for_each(|event| view.apply(event));
    view
}
