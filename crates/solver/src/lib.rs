//! Schedules a graph of operations.
//!
//! Knows: vertices with typed inputs, keys, waiting callers, slots.
//! Must not know: containers, disks, networks, GraphQL. It is tested on integers.
//!
//! # How a vertex is solved
//!
//! 1. *Definition.* The vertex is looked up by its recipe: among the results of this process, among the vertices in
//!    flight, in the [`ResultCache`]. A hit ends it here: the inputs are not even walked.
//! 2. *Inputs.* Otherwise its inputs are solved, all at the same time.
//! 3. *Content key.* From the inputs' values comes a key. A result with this key is taken wherever it came from
//!    (early cut-off); a vertex that is running with this key is waited for.
//! 4. *Slots, run, store.* Otherwise the vertex waits for its slots, first come first served, runs, and its result is
//!    stored before anybody sees it.
//!
//! Everything in flight lives in one table behind one lock (`state`), which calls nobody: it hands out what is to be
//! done as data. So neither depth nor width of a graph is ever on the machine stack.
//!
//! # Invariants
//!
//! - A vertex takes slots only when all its inputs are done, so whoever holds slots waits for nobody.
//! - A vertex in flight has at least one waiter; when the last one leaves, it is cancelled and so are its inputs.
//! - A vertex in flight belongs to a request that is there: when its request leaves, another one inherits it.
//! - Only results whose recipe tells all (no uncacheable vertex upstream) are kept by definition.
#![forbid(unsafe_code)]

mod cache;
mod drive;
mod error;
mod explain;
mod job;
mod lru;
mod observe;
mod op;
mod run;
mod shared;
mod slots;
mod solver;
mod state;

#[cfg(test)]
mod tests;

pub use cache::{Earlier, EarlierRun, Failure, Lookup, MemoryCache, Recipe, Record, Remembered, ResultCache};
pub use error::SolveError;
pub use explain::explain;
pub use observe::{Decision, HitBy, MissReason, NoObserver, Observer, Outcome, Vertex};
pub use op::{CacheKey, ContentKey, Op, RunContext};
pub use solver::{Solver, SolverConfig};

pub use futures_util::future::BoxFuture;
pub use tokio_util::sync::CancellationToken;
