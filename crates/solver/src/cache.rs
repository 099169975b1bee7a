//! Where results of earlier runs come from.

use std::time::Duration;

use kukri_model::Digest;

use crate::op::ContentKey;

/// Keeps results beyond one request and, if it lies on a disk, beyond the process.
///
/// Methods may block if [`may_block`](ResultCache::may_block) says so; they are then called on threads for blocking
/// work. What the solver has in memory is never asked for here. Implementations treat damaged records as misses.
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

    /// Parts of the keys of earlier runs with this slot, latest first; a handful is enough.
    fn nearest(&self, slot: &Digest) -> Vec<Vec<(String, Digest)>>;

    /// Keeps the result of a run.
    fn store(&self, record: Record<'_, V>);

    /// Notes that `definition` leads to the result under `key`, which is there already.
    fn link(&self, definition: &Digest, key: &Digest);
}

/// The answer to a look-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup<V> {
    /// There it is.
    Hit {
        /// The value.
        value: V,
        /// How long ago it was stored.
        age: Duration,
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

/// Keeps everything in memory, without a bound: for tests and for engines without a disk.
#[derive(Debug)]
pub struct MemoryCache<V> {
    state: std::sync::Mutex<MemoryState<V>>,
}

#[derive(Debug)]
struct MemoryState<V> {
    keys: std::collections::HashMap<Digest, (V, std::time::Instant)>,
    definitions: std::collections::HashMap<Digest, Digest>,
    slots: std::collections::HashMap<Digest, Vec<Vec<(String, Digest)>>>,
}
