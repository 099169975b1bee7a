//! What was written or asked for lately.
//!
//! Whoever is told that something is in the store relies on it, long before a result refers to it. So the collector
//! spares everything that was touched within the time of grace, and whatever is touched while it runs. The order
//! matters: touch first, then look whether it is there.

use std::collections::HashSet;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use kukri_model::Digest;

use super::lock;

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
}

impl Recent {
    pub(crate) fn new(grace: Duration) -> Self {
        let state = State { young: HashSet::new(), old: HashSet::new(), since: Instant::now(), log: None };
        Self { grace, state: Mutex::new(state) }
    }

    pub(crate) fn touch(&self, digest: &Digest) {
        self.touch_all(std::iter::once(digest));
    }

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

    /// Everything that is spared now; from here on touches are recorded.
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

impl State {
    fn all(&self) -> Vec<Digest> {
        self.young.union(&self.old).copied().collect()
    }

    /// Each generation covers the time of grace, so what is in neither is older than that.
    fn rotate(&mut self, grace: Duration) {
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
