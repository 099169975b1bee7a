//! How a pull, or an import, goes on, as events.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use kukri_oci::{PullProgress, Sha256Digest};
use kukri_telemetry::Event;

use crate::engine::Watchers;
use crate::progress::now;

/// Least time between two events of a pull: bytes come in thousands of pieces a second.
const EVERY: Duration = Duration::from_millis(50);

/// Adds up the layers of one pull and tells all sessions that wait for it.
pub struct PullReport<'a> {
    watchers: &'a Watchers,
    span: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    layers: HashMap<Sha256Digest, Layer>,
    told: Option<Instant>,
    /// Something has changed since the last event.
    news: bool,
}

/// Bytes of one layer, compressed.
#[derive(Default)]
struct Layer {
    size: u64,
    done: u64,
    extracted: u64,
    present: u64,
}

impl<'a> PullReport<'a> {
    /// Of this span.
    pub fn new(watchers: &'a Watchers, span: u64) -> Self {
        Self { watchers, span, state: Mutex::default() }
    }

    fn change(&self, digest: &Sha256Digest, change: impl FnOnce(&mut Layer)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(layer) = state.layers.get_mut(digest) else { return };
        change(layer);
        state.news = true;
        if state.told.is_none_or(|told| told.elapsed() >= EVERY) {
            state.told = Some(Instant::now());
            state.news = false;
            self.tell(&state);
        }
    }

    fn tell(&self, state: &State) {
        let sum = |of: fn(&Layer) -> u64| state.layers.values().map(of).sum();
        let event = Event::SpanProgress {
            id: self.span,
            current: sum(|layer| layer.done),
            total: Some(sum(|layer| layer.size)),
            unit: "bytes".to_owned(),
            extracted: Some(sum(|layer| layer.extracted)),
            present: sum(|layer| layer.present),
            files: None,
            phase: String::new(),
            time_ns: now(),
        };
        self.watchers.tell(self.span, &event);
    }
}

impl PullProgress for PullReport<'_> {
    fn layer(&self, digest: &Sha256Digest, size: u64, present: bool) {
        let done = if present { size } else { 0 };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.layers.insert(*digest, Layer { size, done, extracted: 0, present: done });
    }

    fn downloaded(&self, digest: &Sha256Digest, bytes: u64) {
        self.change(digest, |layer| layer.done = (layer.done + bytes).min(layer.size));
    }

    fn extracted(&self, digest: &Sha256Digest, bytes: u64) {
        self.change(digest, |layer| layer.extracted = bytes.min(layer.size));
    }

    fn unpacked(&self, digest: &Sha256Digest) {
        self.change(digest, |layer| layer.extracted = layer.size);
    }
}

/// What has not been told is told before the span ends, so that sums are right.
impl Drop for PullReport<'_> {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut state.news) {
            let state = std::mem::take(state);
            self.tell(&state);
        }
    }
}
