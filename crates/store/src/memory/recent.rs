//! What was written or asked for lately.
//!
//! Whoever is told that something is in the store relies on it, long before a result refers to it. So the collector
//! spares what was touched lately ([`Spare`]), and whatever is touched while it runs. The order matters: touch first,
//! then look whether it is there. And both sides hold the gate: the collector from looking what was touched until it has
//! deleted the rest, others while they touch ([`Inner::touch`]). Otherwise one might touch in between, find what it asked
//! for, and lose it.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use kukri_model::Digest;

use super::lock;
use crate::Store;
use crate::records::{Root, now};
use crate::store::Inner;

/// Longest time for which somebody keeps what is recent from getting old.
const LONGEST_STAY: Duration = Duration::from_secs(24 * 3600);

/// What a collection spares for having been written or asked for lately, beside what running work uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Spare {
    /// What was touched within the time of grace, and since the first of those came who stay ([`Store::stay`]).
    #[default]
    Grace,
    /// Only what was touched since then: nobody who came later relies on what was touched before. At most a day.
    Since(Instant),
    /// Nothing: there is nobody who may rely on it.
    Nothing,
}

#[derive(Debug)]
pub(crate) struct Recent {
    grace: Duration,
    /// Times are milliseconds since then.
    start: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What was touched, and when last. Never too early.
    touched: HashMap<Digest, u64>,
    /// When it was last looked for what is spared no longer.
    trimmed: u64,
    /// What was touched since the collector started.
    log: Option<Vec<Digest>>,
    /// Those who keep it from getting old.
    stays: HashSet<u64>,
    next_stay: u64,
    /// When somebody stayed, from and to, latest last; the one that goes on has no end.
    pauses: Vec<(u64, u64)>,
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
        if state.stays.is_empty() {
            let now = recent.now();
            let horizon = recent.horizon(&state, now);
            state.pauses.retain(|(_, to)| *to > horizon);
            state.pauses.push((now, u64::MAX));
        }
        let number = state.next_stay;
        state.next_stay += 1;
        state.stays.insert(number);
        Stay { inner: Arc::downgrade(&self.inner), number }
    }

    /// For who remembers a result instead of looking it up: what it refers to stays, if it is there, and this counts as a
    /// use of the results with these keys. Gives a number that is another one whenever something was deleted: if it is the
    /// one of when the result was looked up last, or stored, all is there. `None`: something is being deleted at this
    /// moment; with `wait` the end of that is waited for.
    #[must_use]
    pub fn remind(&self, keys: &[Digest], roots: &[Root], wait: bool) -> Option<u64> {
        let inner = &*self.inner;
        let _gate = if wait { inner.enter() } else { inner.try_enter()? };
        inner.recent.touch_all(keys.iter().chain(roots.iter().map(Root::digest)));
        let now = now();
        lock(&inner.used).extend(keys.iter().map(|key| (*key, now)));
        Some(inner.deletions.load(Ordering::Relaxed))
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        let Some(inner) = self.inner.upgrade() else { return };
        let mut state = lock(&inner.recent.state);
        state.stays.remove(&self.number);
        if state.stays.is_empty()
            && let Some((_, to)) = state.pauses.last_mut()
        {
            *to = inner.recent.now();
        }
    }
}

impl Recent {
    pub(crate) fn new(grace: Duration) -> Self {
        Self { grace, start: Instant::now(), state: Mutex::default() }
    }

    fn now(&self) -> u64 {
        self.at(Instant::now())
    }

    fn at(&self, time: Instant) -> u64 {
        millis(time.saturating_duration_since(self.start))
    }

    /// The caller holds the gate.
    pub(crate) fn touch_all<'a>(&self, digests: impl Iterator<Item = &'a Digest>) {
        let mut state = lock(&self.state);
        let now = self.now();
        if now.saturating_sub(state.trimmed) > millis(self.grace) {
            let horizon = self.horizon(&state, now);
            state.trim(horizon, now);
        }
        let keep = !self.grace.is_zero() || !state.stays.is_empty();
        for digest in digests {
            if keep {
                state.touched.insert(*digest, now);
            }
            if let Some(log) = &mut state.log {
                log.push(*digest);
            }
        }
    }

    /// Everything that is spared now; from here on touches are recorded. The caller holds the gate for writing: what is
    /// being written now was touched already, but cannot be found yet.
    pub(crate) fn start(&self, spare: Spare) -> Vec<Digest> {
        let mut state = lock(&self.state);
        state.log = Some(Vec::new());
        self.spared(&state, spare)
    }

    /// Everything that is spared now.
    pub(crate) fn all(&self, spare: Spare) -> Vec<Digest> {
        self.spared(&lock(&self.state), spare)
    }

    fn spared(&self, state: &State, spare: Spare) -> Vec<Digest> {
        let horizon = self.horizon(state, self.now());
        let since = match spare {
            Spare::Grace => horizon,
            Spare::Since(time) => horizon.max(self.at(time)),
            Spare::Nothing => return Vec::new(),
        };
        state.touched.iter().filter(|(_, at)| **at >= since).map(|(digest, _)| *digest).collect()
    }

    /// What was touched before then is spared no longer, whatever a collection is told: the time of grace ago, which did
    /// not pass while somebody stayed.
    fn horizon(&self, state: &State, now: u64) -> u64 {
        let (mut left, mut at) = (millis(self.grace), now);
        for (from, to) in state.pauses.iter().rev() {
            let passed = at.saturating_sub(*to);
            if *to != u64::MAX && passed >= left {
                break;
            }
            (left, at) = (left - passed, *from);
        }
        at.saturating_sub(left).max(now.saturating_sub(millis(self.grace.max(LONGEST_STAY))))
    }

    /// Gives back the memory of what is spared no longer.
    pub(crate) fn trim(&self) {
        let mut state = lock(&self.state);
        let now = self.now();
        let horizon = self.horizon(&state, now);
        state.trim(horizon, now);
        state.touched.shrink_to_fit();
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
    fn trim(&mut self, horizon: u64, now: u64) {
        self.touched.retain(|_, at| *at >= horizon);
        self.trimmed = now;
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
