//! Tells a client what happens.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use kukri_model::Digest;
use kukri_session::engine::{LastWord, SessionHandle};
use kukri_telemetry::{Event, Moment, SpanKind, SpanOutcome, Traced};
use kukri_tree::TreeId;

use crate::call::Call;
use crate::engine::{Engine, Lineage};
use crate::error::OpError;
use crate::trace::{self, Place, Trace};
use crate::transfer::Meter;
use crate::vertex::TreeHandle;

mod quiet;

/// Where one session's events go.
pub struct Progress {
    handle: Option<SessionHandle>,
    lineage: Lineage,
    /// Values of secrets, longest first.
    hidden: Mutex<Vec<String>>,
    trace: Option<Trace>,
    /// Where events are written before they are sent.
    written: Mutex<Vec<u8>>,
    /// What failed quietly, by name and reason.
    failures: Mutex<HashSet<Digest>>,
}

/// Shorter values are left in names of steps: nearly every one has them, and nobody could read it.
const LEAST_HIDDEN: usize = 3;

impl Progress {
    /// To a client, or to nobody.
    #[must_use]
    pub fn new(handle: Option<SessionHandle>) -> Self {
        let handle = handle.filter(|handle| handle.hello().want_events);
        let trace = handle.as_ref().and_then(|handle| {
            let hello = handle.hello();
            Trace::new(&hello.session_id, hello.telemetry.as_ref()?)
        });
        Self {
            handle,
            trace,
            lineage: Lineage::default(),
            hidden: Mutex::default(),
            written: Mutex::default(),
            failures: Mutex::default(),
        }
    }

    /// Whether anybody listens.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.handle.is_some()
    }

    /// While it is kept, an end of the session in order waits: what is told until then still reaches the client.
    #[must_use]
    pub fn last_word(&self) -> Option<LastWord> {
        self.handle.as_ref()?.last_word()
    }

    /// The trace of the session; none if its client exports no telemetry.
    #[must_use]
    pub const fn trace(&self) -> Option<&Trace> {
        self.trace.as_ref()
    }

    /// Where a span is in its trace, and what it is to it.
    fn traced(&self, id: u64, under: Option<&Arc<Place>>) -> Option<(Arc<Place>, Traced)> {
        let (place, parent) = self.trace.as_ref()?.child(id, under);
        let traced = Traced {
            context: place.context,
            parent: parent.context,
            state: place.state.to_string(),
            call: None,
            effect: String::new(),
            origin: None,
        };
        Some((place, traced))
    }

    /// Where the span of a step is.
    #[must_use]
    pub fn place(&self, id: u64, under: Option<&Arc<Place>>) -> Option<Arc<Place>> {
        self.trace.as_ref().map(|trace| trace.child(id, under).0)
    }

    /// A step begins, under a span.
    pub fn step(
        &self,
        id: u64,
        label: String,
        kind: SpanKind,
        inputs: Vec<u64>,
        under: Option<&Arc<Place>>,
        effect: &Digest,
    ) {
        let origin = self.trace.as_ref().and_then(|trace| trace.origin(effect));
        let trace = self
            .traced(id, under)
            .map(|(_, traced)| Box::new(Traced { effect: effect.to_string(), origin, ..traced }));
        self.tell(&Event::SpanStarted { id, parent: None, label, kind, inputs, time_ns: now(), trace });
    }

    /// Begins the span of a call of the API, and gives its place; none if the client exports no telemetry.
    pub fn call(&self, engine: &Arc<Engine>, call: &Call) -> Option<(Span<'_>, Arc<Place>)> {
        self.trace.as_ref()?;
        let id = engine.next_span();
        let (place, traced) = self.traced(id, trace::current().as_ref())?;
        let described = trace::describe(call, engine.is_object(call.type_name), &|text| self.mask(text));
        let trace = Some(Box::new(Traced { call: Some(described), ..traced }));
        self.tell(&Event::SpanStarted {
            id,
            parent: None,
            label: call.label(),
            kind: SpanKind::Call,
            inputs: Vec::new(),
            time_ns: now(),
            trace,
        });
        Some((Span { progress: self, id, ended: false }, place))
    }

    /// How often the client wants to know what a step uses; none if it exports no metrics.
    #[must_use]
    pub fn samples(&self) -> Option<Duration> {
        let telemetry = self.handle.as_ref()?.hello().telemetry.as_ref()?;
        let wanted = telemetry.signals.iter().any(|signal| signal == "metrics");
        let every = Duration::from_millis(telemetry.sample_ms);
        // Clients of before want it at the end alone.
        wanted.then_some(if every.is_zero() { Duration::MAX } else { every })
    }

    /// Something happens to a span, for clients that export telemetry.
    pub fn moment(&self, id: u64, name: &str, exit_code: Option<i32>) {
        if self.trace.is_some() {
            let name = name.to_owned();
            self.tell(&Event::SpanMoment(Moment { id, name, exit_code, time_ns: now() }));
        }
    }

    /// Tells an event, without secrets.
    pub fn tell(&self, event: &Event) {
        let Some(handle) = &self.handle else { return };
        let masked = self.masked(event);
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.clear();
        if serde_json::to_writer(&mut *written, masked.as_ref().unwrap_or(event)).is_ok() {
            // Events wait for slow clients, so they take the memory that they need and not what a buffer that grows has.
            handle.emit(Bytes::copy_from_slice(&written));
        }
    }

    /// A value that no text shows from now on. What steps write is looked through where it is read.
    pub fn hide(&self, value: &[u8]) {
        let Ok(value) = std::str::from_utf8(value) else { return };
        let mut hidden = self.hidden.lock().unwrap_or_else(PoisonError::into_inner);
        // Words about a name have it in quotes, as it could be written in a program.
        let quoted = [value, value.trim()].map(|value| value.escape_debug().to_string());
        for value in [value, value.trim(), &quoted[0], &quoted[1]] {
            if value.len() >= LEAST_HIDDEN && !hidden.iter().any(|known| known == value) {
                let at = hidden.partition_point(|known| known.len() >= value.len());
                hidden.insert(at, value.to_owned());
            }
        }
    }

    /// A text with `***` for the values of secrets.
    #[must_use]
    pub fn mask(&self, text: &str) -> String {
        let hidden = self.hidden.lock().unwrap_or_else(PoisonError::into_inner);
        hidden.iter().fold(text.to_owned(), |text, value| text.replace(value, "***"))
    }

    /// The event with `***` for the values of secrets; none if it has none.
    fn masked(&self, event: &Event) -> Option<Event> {
        let text = match event {
            Event::SpanStarted { label: text, .. }
            | Event::SpanCached { reason: text, .. }
            | Event::SpanNotCached { reason: text, .. }
            | Event::SpanFinished { outcome: SpanOutcome::Failed { message: text, .. }, .. }
            | Event::Message { text, .. } => text,
            _ => return None,
        };
        let hidden = self.hidden.lock().unwrap_or_else(PoisonError::into_inner);
        let mut masked = None;
        for value in hidden.iter() {
            let shown = masked.as_ref().unwrap_or(text);
            if shown.contains(value) {
                masked = Some(shown.replace(value, "***"));
            }
        }
        drop(hidden);
        let masked = masked?;
        let mut event = event.clone();
        match &mut event {
            Event::SpanStarted { label: text, .. }
            | Event::SpanCached { reason: text, .. }
            | Event::SpanNotCached { reason: text, .. }
            | Event::SpanFinished { outcome: SpanOutcome::Failed { message: text, .. }, .. }
            | Event::Message { text, .. } => *text = masked,
            _ => {}
        }
        Some(event)
    }

    /// Which spans made what.
    #[must_use]
    pub const fn lineage(&self) -> &Lineage {
        &self.lineage
    }

    /// Begins a span that is not a vertex, and uses these trees.
    pub fn begin(
        &self,
        engine: &Arc<Engine>,
        label: String,
        kind: SpanKind,
        trees: Vec<TreeHandle>,
    ) -> Span<'_> {
        self.begin_at(engine, label, kind, trees, now())
    }

    /// The same for one that began at a time before.
    fn begin_at(
        &self,
        engine: &Arc<Engine>,
        label: String,
        kind: SpanKind,
        trees: Vec<TreeHandle>,
        time_ns: u64,
    ) -> Span<'_> {
        let id = engine.next_span();
        if self.is_on() {
            let inputs = self.lineage.of(trees);
            let traced = self.traced(id, trace::current().as_ref()).map(|(_, traced)| Box::new(traced));
            self.tell(&Event::SpanStarted { id, parent: None, label, kind, inputs, time_ns, trace: traced });
        }
        Span { progress: self, id, ended: false }
    }
}

/// A span that is going on. Dropped without [`Span::end`], it was cancelled.
pub struct Span<'a> {
    progress: &'a Progress,
    id: u64,
    ended: bool,
}

impl Span<'_> {
    /// Waits for work, and tells how far it has got by what is counted on its way.
    pub async fn watch<T>(&self, meter: &Meter, work: impl Future<Output = T>) -> T {
        if !self.progress.is_on() {
            return work.await;
        }
        meter.watch(self.id, |event| self.progress.tell(event), work).await
    }

    /// A tree comes from it.
    pub fn made(&self, tree: &TreeId) {
        self.progress.lineage.note(tree.stored, self.id);
    }

    /// Ends it as the result says.
    pub fn end<T>(mut self, result: &Result<T, OpError>) {
        self.ended = true;
        let outcome = match result {
            Ok(_) => SpanOutcome::Ok,
            Err(error) => failed(error),
        };
        self.progress.tell(&Event::SpanFinished { id: self.id, outcome, time_ns: now() });
    }
}

impl Drop for Span<'_> {
    fn drop(&mut self) {
        if !self.ended {
            let outcome = SpanOutcome::Cancelled;
            self.progress.tell(&Event::SpanFinished { id: self.id, outcome, time_ns: now() });
        }
    }
}

/// How an error ends a span.
#[must_use]
pub fn failed(error: &OpError) -> SpanOutcome {
    match error {
        OpError::Cancelled => SpanOutcome::Cancelled,
        OpError::Exec(exec) => {
            SpanOutcome::Failed { message: error.to_string(), exit_code: Some(exec.exit_code) }
        }
        OpError::Message(message) => SpanOutcome::Failed { message: message.to_string(), exit_code: None },
    }
}

/// Nanoseconds since 1970.
#[must_use]
pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// Numbers of spans that are not vertices. The solver's own numbers never get that far.
pub struct SpanNumbers(AtomicU64);

impl Default for SpanNumbers {
    fn default() -> Self {
        Self(AtomicU64::new(1 << 40))
    }
}

impl SpanNumbers {
    /// A number that was not used before.
    pub fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_no_secrets() {
        let progress = Progress::new(None);
        let label = |text: &str| Event::Message { level: kukri_telemetry::Level::Info, text: text.into() };
        assert_eq!(progress.masked(&label("deploy s3cr3t")), None);
        for value in ["s3cr3t", "s3cr3t-longer\n", "x", ""] {
            progress.hide(value.as_bytes());
        }
        assert_eq!(progress.masked(&label("x fine")), None);
        assert_eq!(progress.masked(&label("s3cr3t s3cr3t-longer x")), Some(label("*** *** x")));
        progress.hide(b"in \"quotes\"\n");
        assert_eq!(progress.mask(&format!("no file {:?}", "in \"quotes\"\n")), "no file \"***\"");
        let outcome = SpanOutcome::Failed { message: "bad s3cr3t".into(), exit_code: None };
        let masked = progress.masked(&Event::SpanFinished { id: 1, outcome, time_ns: 2 });
        assert!(
            matches!(masked, Some(Event::SpanFinished { outcome: SpanOutcome::Failed { message, .. }, .. })
            if message == "bad ***")
        );
    }
}
