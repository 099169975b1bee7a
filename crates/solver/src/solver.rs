//! The entry: a caller asks for the value of a vertex.

use std::sync::Arc;

use crate::cache::ResultCache;
use crate::error::SolveError;
use crate::observe::Observer;
use crate::op::Op;

/// Settings of a [`Solver`].
#[derive(Clone, Debug)]
pub struct SolverConfig {
    /// How many slots runs may hold together; at least 1.
    pub slots: u32,
    /// How many results are kept in memory, by definition and again by content key.
    pub memory: usize,
    /// How many threads at most ask a cache that may block.
    pub cache_threads: usize,
}

impl Default for SolverConfig {
    /// 4 slots, 100,000 results, 4 threads.
    fn default() -> Self {
        Self { slots: 4, memory: 100_000, cache_threads: 4 }
    }
}

/// Solves vertices for any number of callers at a time. Cheap to clone; clones share everything.
pub struct Solver<O: Op> {
    shared: Arc<(SolverConfig, Arc<dyn ResultCache<O::Value>>, Arc<dyn Observer<O>>)>,
}

impl<O: Op> Clone for Solver<O> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<O: Op> Solver<O> {
    /// A solver with nothing in flight.
    #[must_use]
    pub fn new(
        config: SolverConfig,
        cache: Arc<dyn ResultCache<O::Value>>,
        observer: Arc<dyn Observer<O>>,
    ) -> Self {
        Self { shared: Arc::new((config, cache, observer)) }
    }

    /// The value of `op`. Dropping the future means to leave: what nobody else waits for is cancelled.
    ///
    /// Must be called within a tokio runtime, which the runs started for this call then use.
    pub async fn solve(&self, op: Arc<O>, cx: O::Context) -> Result<O::Value, SolveError<O::Error>> {
        let _ = (op, cx, &self.shared);
        unimplemented!("scheduling follows")
    }

    /// Forgets the results kept in memory, as after a prune of the cache behind it. Nothing in flight is touched.
    pub fn forget_all(&self) {}
}
