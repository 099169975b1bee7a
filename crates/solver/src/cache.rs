//! Where results of earlier runs come from.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kukri_model::Digest;

use crate::op::ContentKey;

/// Keeps results beyond one request and, if it lies on a disk, beyond the process.
///
/// Methods may block if [`may_block`](ResultCache::may_block) says so; they are then called on threads for blocking
/// work. What the solver has in memory is not looked up here. Implementations treat damaged records as misses.
pub trait ResultCache<V>: Send + Sync + 'static {
    /// Whether methods may wait for a disk or a lock. `false`: all of them are a matter of microseconds, and the
    /// solver calls them wherever it is.
    fn may_block(&self) -> bool {
        true
    }

    /// By recipe.
    fn by_definition(&self, definition: &Digest) -> Lookup<V>;

    /// By content.
    fn by_key(&self, key: &Digest) -> Lookup<V>;

    /// The solver is about to give these from its memory: they count as looked up, by the recipe and by the key under which
    /// the result is kept, and stay as long as if they had been.
    /// Gives a number that grows whenever something has gone that was there: then the solver forgets what it has in memory
    /// and looks it up. `None`: this would have to wait, for which there is no time unless `wait` is set.
    fn remind(&self, remembered: &[Remembered<V>], wait: bool) -> Option<u64> {
        let _ = (remembered, wait);
        Some(0)
    }

    /// Earlier runs that a run with this key is compared with, to explain why it is needed: those with the same slot,
    /// latest first; a handful is enough. Where there are none, runs of another step may be given which this one most
    /// likely replaces.
    fn nearest(&self, key: &ContentKey, label: &str) -> Vec<Earlier>;

    /// Keeps the result of a run.
    fn store(&self, record: Record<'_, V>);

    /// Keeps of a run that failed what later runs are compared with: never a result, and no look-up finds it.
    fn fail(&self, failure: Failure<'_>) {
        let _ = failure;
    }

    /// Notes that `definition` leads to the result under `key`, which is there already: that of `run`.
    fn link(&self, definition: &Digest, key: &Digest, run: EarlierRun);
}

/// A result in the memory of the solver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered<V> {
    /// What led to it.
    pub recipe: Recipe,
    /// The key of its content, if it is known.
    pub key: Option<Digest>,
    /// What it is.
    pub value: V,
}

/// What leads to a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipe {
    /// How it is made.
    Definition(Digest),
    /// What it is made of.
    Key(Digest),
}

/// The run that a result comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EarlierRun {
    /// How long ago its result was stored.
    pub age: Duration,
    /// How long it took.
    pub took: Duration,
    /// The key of its content, if it is known.
    pub key: Option<Digest>,
}

/// An earlier run, as it is compared with a later one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// Parts of its key.
    pub parts: Vec<(String, Digest)>,
    /// Its label, where it is a run of another step.
    pub other: Option<String>,
    /// Whether it failed.
    pub failed: bool,
}

/// The answer to a look-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup<V> {
    /// There it is.
    Hit {
        /// The value.
        value: V,
        /// Where it comes from.
        run: EarlierRun,
    },
    /// It was there once, but is not any more.
    Evicted,
    /// Never heard of.
    Miss,
}

/// The result of a run.
#[derive(Debug)]
pub struct Record<'a, V> {
    /// The recipe; `None` if the same recipe may give another value next time.
    pub definition: Option<Digest>,
    /// The content key, with what explains later misses.
    pub key: &'a ContentKey,
    /// The vertex's label.
    pub label: &'a str,
    /// The value.
    pub value: &'a V,
    /// How long the run took.
    pub duration: Duration,
}

/// A run that failed.
#[derive(Debug)]
pub struct Failure<'a> {
    /// The content key, with what explains later misses.
    pub key: &'a ContentKey,
    /// The vertex's label.
    pub label: &'a str,
    /// How long the run took.
    pub duration: Duration,
}

/// Keeps everything in memory, without a bound: for tests and for engines without a disk.
#[derive(Debug)]
pub struct MemoryCache<V> {
    state: Mutex<MemoryState<V>>,
}

#[derive(Debug)]
struct MemoryState<V> {
    values: HashMap<Digest, (V, Instant, Duration)>,
    keys: HashMap<Digest, Digest>,
    slots: HashMap<Digest, VecDeque<Earlier>>,
}

impl<V> MemoryState<V> {
    /// How many earlier runs are kept per slot to explain misses.
    const RUNS_PER_SLOT: usize = 4;

    fn ran(&mut self, key: &ContentKey, failed: bool) {
        let runs = self.slots.entry(key.slot).or_default();
        runs.push_front(Earlier { parts: key.parts.clone(), other: None, failed });
        runs.truncate(Self::RUNS_PER_SLOT);
    }
}

impl<V> Default for MemoryCache<V> {
    fn default() -> Self {
        let state = MemoryState { values: HashMap::new(), keys: HashMap::new(), slots: HashMap::new() };
        Self { state: Mutex::new(state) }
    }
}

impl<V> MemoryCache<V> {
    fn state(&self) -> MutexGuard<'_, MemoryState<V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets all values, but not that they were there.
    pub fn evict_all(&self) {
        self.state().values.clear();
    }
}

impl<V: Clone + Send + Sync + 'static> ResultCache<V> for MemoryCache<V> {
    fn may_block(&self) -> bool {
        false
    }

    fn by_definition(&self, definition: &Digest) -> Lookup<V> {
        let key = self.state().keys.get(definition).copied();
        key.map_or(Lookup::Miss, |key| match self.by_key(&key) {
            Lookup::Miss => Lookup::Evicted,
            found => found,
        })
    }

    fn by_key(&self, key: &Digest) -> Lookup<V> {
        match self.state().values.get(key) {
            Some((value, at, took)) => Lookup::Hit {
                value: value.clone(),
                run: EarlierRun { age: at.elapsed(), took: *took, key: Some(*key) },
            },
            None => Lookup::Miss,
        }
    }

    fn nearest(&self, key: &ContentKey, _: &str) -> Vec<Earlier> {
        self.state().slots.get(&key.slot).map(|runs| runs.iter().cloned().collect()).unwrap_or_default()
    }

    fn store(&self, record: Record<'_, V>) {
        let mut state = self.state();
        state.values.insert(record.key.digest, (record.value.clone(), Instant::now(), record.duration));
        if let Some(definition) = record.definition {
            state.keys.insert(definition, record.key.digest);
        }
        state.ran(record.key, false);
    }

    fn fail(&self, failure: Failure<'_>) {
        self.state().ran(failure.key, true);
    }

    fn link(&self, definition: &Digest, key: &Digest, _: EarlierRun) {
        self.state().keys.insert(*definition, *key);
    }
}
