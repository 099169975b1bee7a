//! What was written or asked for lately.
//!
//! Whoever is told that something is in the store relies on it, long before a result refers to it. So the collector
//! spares everything that was touched within the time of grace, and whatever is touched while it runs. The order
//! matters: touch first, then look whether it is there. And both sides hold the gate: the collector from looking what
//! was touched until it has deleted the rest, others while they touch ([`Inner::touch`]). Otherwise one might touch in
//! between, find what it asked for, and lose it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use kukri_model::Digest;

use super::lock;
use crate::Store;
use crate::store::Inner;

/// Longest time for which somebody keeps what is recent from getting old.
const LONGEST_STAY: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug)]
pub(crate) struct Recent {
    grace: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    young: HashSet<Digest>,
    old: HashSet<Digest>,
    since: Instant,
    /// What was touched since the collector started.
    log: Option<Vec<Digest>>,
    /// Those who keep it from getting old, and since when.
    stays: HashMap<u64, Instant>,
    next_stay: u64,
}

/// See [`Store::stay`].
#[derive(Debug)]
pub struct Stay {
    inner: Weak<Inner>,
    number: u64,
}

impl Store {
    /// As long as the value lives, the time of grace does not pass, for a day at most: whoever works with the store for
    /// longer than that time finds at the end what was there at the beginning.
    #[must_use]
    pub fn stay(&self) -> Stay {
        let recent = &self.inner.recent;
        let mut state = lock(&recent.state);
        state.rotate(recent.grace);
        let number = state.next_stay;
        state.next_stay += 1;
        state.stays.insert(number, Instant::now());
        Stay { inner: Arc::downgrade(&self.inner), number }
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        let Some(inner) = self.inner.upgrade() else { return };
        let mut state = lock(&inner.recent.state);
        // Now it begins to pass.
        state.rotate(inner.recent.grace);
        state.stays.remove(&self.number);
    }
}

impl Recent {
    pub(crate) fn new(grace: Duration) -> Self {
        let state = State {
            young: HashSet::new(),
            old: HashSet::new(),
            since: Instant::now(),
            log: None,
            stays: HashMap::new(),
            next_stay: 0,
        };
        Self { grace, state: Mutex::new(state) }
    }

    /// The caller holds the gate.
    pub(crate) fn touch_all<'a>(&self, digests: impl Iterator<Item = &'a Digest>) {
        let mut state = lock(&self.state);
        state.rotate(self.grace);
        for digest in digests {
            if !self.grace.is_zero() {
                state.young.insert(*digest);
            }
            if let Some(log) = &mut state.log {
                log.push(*digest);
            }
        }
    }

    /// Everything that is spared now; from here on touches are recorded. The caller holds the gate for writing: what is
    /// being written now was touched already, but cannot be found yet.
    pub(crate) fn start(&self) -> Vec<Digest> {
        let mut state = lock(&self.state);
        state.rotate(self.grace);
        state.log = Some(Vec::new());
        state.all()
    }

    /// Everything that is spared now.
    pub(crate) fn all(&self) -> Vec<Digest> {
        let mut state = lock(&self.state);
        state.rotate(self.grace);
        state.all()
    }

    /// Gives back the memory of what is spared no longer.
    pub(crate) fn trim(&self) {
        let mut state = lock(&self.state);
        state.rotate(self.grace);
        state.young.shrink_to_fit();
        state.old.shrink_to_fit();
    }

    /// Ends the time of grace of everything.
    pub(crate) fn forget(&self) {
        let mut state = lock(&self.state);
        state.young.clear();
        state.old.clear();
    }

    /// What was touched since the last call.
    pub(crate) fn drain(&self) -> Vec<Digest> {
        lock(&self.state).log.as_mut().map(std::mem::take).unwrap_or_default()
    }

    pub(crate) fn stop(&self) {
        lock(&self.state).log = None;
    }
}

impl Inner {
    /// Sees to it that what is there from now on stays. Not for those who hold the gate already: the collector may wait
    /// for it, and nobody gets past who waits.
    pub(crate) fn touch<'a>(&self, digests: impl IntoIterator<Item = &'a Digest>) {
        let _gate = self.enter();
        self.recent.touch_all(digests.into_iter());
    }
}

impl State {
    fn all(&self) -> Vec<Digest> {
        self.young.union(&self.old).copied().collect()
    }

    /// Each generation covers the time of grace, so what is in neither is older than that.
    fn rotate(&mut self, grace: Duration) {
        if self.stays.values().any(|since| since.elapsed() < LONGEST_STAY) {
            self.since = Instant::now();
            return;
        }
        let age = self.since.elapsed();
        if age < grace {
            return;
        }
        self.old = std::mem::take(&mut self.young);
        if age >= grace * 2 {
            self.old.clear();
        }
        self.since = Instant::now();
    }
}
