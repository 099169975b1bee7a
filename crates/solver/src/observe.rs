//! What the solver tells while it works: every decision, with its reason.

use std::sync::Arc;
use std::time::Duration;

use kukri_model::Digest;

use crate::cache::EarlierRun;
use crate::error::SolveError;
use crate::op::Op;

/// Which vertex, for whom.
#[derive(Debug)]
pub struct Vertex<'a, O: Op> {
    /// Number of the vertex in flight, unique within the process. Someone who joins sees the number of what he joins.
    pub id: u64,
    /// The vertex.
    pub op: &'a Arc<O>,
    /// The context of the request that is told about it.
    pub context: &'a O::Context,
}

/// What was decided for a vertex, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The vertex's label.
    pub label: String,
    /// The vertex's definition.
    pub definition: Digest,
    /// What was decided.
    pub outcome: Outcome,
    /// Time from the moment the request met the vertex to the decision, with waiting for its inputs.
    pub duration: Duration,
}

/// How a vertex gets its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// From an earlier run.
    Hit {
        /// How it was found.
        by: HitBy,
        /// The earlier run.
        run: EarlierRun,
    },
    /// It runs.
    Miss {
        /// Why no earlier result could be used.
        reason: MissReason,
    },
    /// Another request, or a vertex with equal content, is running it: its result is awaited.
    Joined,
}

/// How an earlier result was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HitBy {
    /// By recipe, without looking at the inputs.
    Definition,
    /// By the content of the inputs.
    Content,
}

/// Why no earlier result could be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MissReason {
    /// Nothing like it has run before.
    FirstRun,
    /// These parts of the key differ from the nearest earlier run.
    Changed(Vec<String>),
    /// The step itself has not run before, but seems to be a later form of one that has.
    Replaces {
        /// Label of the earlier step.
        other: String,
        /// The parts of the key that differ from its run.
        parts: Vec<String>,
    },
    /// The operation forbids it.
    NotCacheable,
    /// It ran before, but the result is gone.
    Evicted,
    /// It ran before with the very same key, and failed: failures are not results.
    Failed,
}

/// Is told what happens. Called outside of all locks, from any thread; must return quickly.
///
/// For one vertex and one request the order is: [`on_decision`](Observer::on_decision), and for a miss
/// [`on_start`](Observer::on_start) when it has its slots; for a miss and for a joined run
/// [`on_finish`](Observer::on_finish). A hit is a decision and nothing more. A vertex whose input fails is not
/// decided at all.
///
/// A request that joins a vertex is told as well of what that waits for, once for each listener (see
/// [`Op::same_listener`]): the rest runs in the name of others, and may take all of the time, or fail.
///
/// If the request in whose name a vertex was to run leaves while others wait, one of these inherits it: the decision,
/// the start and the end of the run are then told to the heir, even if he was told before that he has joined (in
/// which case he is told of the end twice).
pub trait Observer<O: Op>: Send + Sync + 'static {
    /// It is known how the vertex gets its value.
    fn on_decision(&self, _vertex: &Vertex<'_, O>, _decision: &Decision) {}

    /// The run begins: inputs are there, slots are taken.
    fn on_start(&self, _vertex: &Vertex<'_, O>) {}

    /// The run has ended, well or not. `duration` counts from the start of the run, for a joined one from the moment
    /// of joining. Comes before the value reaches those who wait.
    fn on_finish(
        &self,
        _vertex: &Vertex<'_, O>,
        _result: Result<&O::Value, &SolveError<O::Error>>,
        _duration: Duration,
    ) {
    }
}

/// Listens to nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl<O: Op> Observer<O> for NoObserver {}
