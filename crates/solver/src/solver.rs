//! The entry: a caller asks for the value of a vertex.

use std::sync::Arc;
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::cache::{Recipe, ResultCache};
use crate::error::SolveError;
use crate::job::Scope;
use crate::observe::{HitBy, Observer, Outcome};
use crate::op::Op;
use crate::shared::Shared;
use crate::state::State;

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
    shared: Arc<Shared<O>>,
}

impl<O: Op> Clone for Solver<O> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<O: Op> std::fmt::Debug for Solver<O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Solver")
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
        let state = State::new(config.slots, config.memory);
        Self { shared: Arc::new(Shared::new(state, cache, config.cache_threads, observer)) }
    }

    /// The value of `op`. Dropping the future means to leave: what nobody else waits for is cancelled.
    ///
    /// Must be called within a tokio runtime, which the runs started for this call then use.
    pub async fn solve(&self, op: Arc<O>, cx: O::Context) -> Result<O::Value, SolveError<O::Error>> {
        let definition = op.definition();
        let since = Instant::now();
        let trusted = self.shared.remind(&[Recipe::Definition(definition)], false);
        let known = self.shared.update(|state, _| {
            let known = if trusted { state.known(&definition) } else { None };
            (state.new_id(), known)
        });
        let id = match known {
            (id, Some((value, run))) => {
                let outcome = Outcome::Hit { by: HitBy::Definition, run };
                self.shared.tell_decision(id, &op, definition, &cx, outcome, since.elapsed());
                return Ok(value);
            }
            (id, None) => id,
        };
        let scope = Arc::new(Scope::new(id, cx, Handle::current()));
        let (answer, receiver) = oneshot::channel();
        let enter =
            |state: &mut State<O>, fx: &mut _| state.enter(fx, &scope, (&op, definition), trusted, answer);
        if let Some(value) = self.shared.update(enter) {
            return Ok(value);
        }
        let _leave = Leave { shared: &self.shared, request: id };
        self.shared.kick();
        drop(scope);
        receiver
            .await
            .unwrap_or_else(|_| Err(SolveError::ShutDown { label: self.shared.label(&op), definition }))
    }

    /// Forgets the results kept in memory, as after a prune of the cache behind it. Nothing in flight is touched.
    pub fn forget_all(&self) {
        drop(self.shared.update(|state, _| state.forget_all()));
    }

    /// Vertices in flight, requests, free slots.
    #[cfg(test)]
    pub(crate) fn census(&self) -> (usize, usize, u32) {
        self.shared.update(|state, _| state.census())
    }
}

/// Withdraws the request when the caller goes away. After the answer there is nothing left to withdraw.
struct Leave<'a, O: Op> {
    shared: &'a Arc<Shared<O>>,
    request: u64,
}

impl<O: Op> Drop for Leave<'_, O> {
    fn drop(&mut self) {
        self.shared.update(|state, fx| state.withdraw(fx, self.request));
        // What is inherited by others may have to be decided anew.
        self.shared.kick();
    }
}
