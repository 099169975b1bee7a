//! Tells a client what happens.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use kukri_session::engine::SessionHandle;
use kukri_telemetry::{Event, SpanKind, SpanOutcome};
use kukri_tree::TreeId;

use crate::engine::{Engine, Lineage};
use crate::error::OpError;
use crate::vertex::TreeHandle;

/// Where one session's events go.
pub struct Progress {
    handle: Option<SessionHandle>,
    layers: Mutex<HashMap<u64, HashMap<String, Layer>>>,
    lineage: Lineage,
}

#[derive(Default)]
struct Layer {
    size: u64,
    done: u64,
}

impl Progress {
    /// To a client, or to nobody.
    #[must_use]
    pub fn new(handle: Option<SessionHandle>) -> Self {
        Self {
            handle: handle.filter(|handle| handle.hello().want_events),
            layers: Mutex::default(),
            lineage: Lineage::default(),
        }
    }

    /// Whether anybody listens.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.handle.is_some()
    }

    /// Tells an event.
    pub fn tell(&self, event: &Event) {
        if let Some(handle) = &self.handle
            && let Ok(bytes) = serde_json::to_vec(event)
        {
            handle.emit(bytes.into());
        }
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
        let id = engine.next_span();
        if self.is_on() {
            let inputs = self.lineage.of(trees);
            self.tell(&Event::SpanStarted { id, parent: None, label, kind, inputs, time_ns: now() });
        }
        Span { progress: self, id, ended: false }
    }

    /// An image has a layer.
    pub fn layer(&self, span: u64, digest: &str, size: u64, present: bool) {
        let mut layers = self.layers.lock().unwrap_or_else(PoisonError::into_inner);
        let done = if present { size } else { 0 };
        layers.entry(span).or_default().insert(digest.to_owned(), Layer { size, done });
    }

    /// So much of a layer has come.
    pub fn layer_bytes(&self, span: u64, digest: &str, bytes: u64) {
        let mut layers = self.layers.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(span_layers) = layers.get_mut(&span) else { return };
        if let Some(layer) = span_layers.get_mut(digest) {
            layer.done = bytes;
        }
        let current = span_layers.values().map(|layer| layer.done).sum();
        let total = Some(span_layers.values().map(|layer| layer.size).sum());
        drop(layers);
        self.tell(&Event::SpanProgress { id: span, current, total, unit: "bytes".to_owned() });
    }
}

/// A span that is going on. Dropped without [`Span::end`], it was cancelled.
pub struct Span<'a> {
    progress: &'a Progress,
    id: u64,
    ended: bool,
}

impl Span<'_> {
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
