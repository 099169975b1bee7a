//! What a vertex is to the solver.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use kukri_model::Digest;
use tokio_util::sync::CancellationToken;

use crate::observe::MissReason;

/// One vertex of the graph: an operation together with its inputs.
///
/// The graph must be acyclic, which it is by construction when a definition contains the definitions of the inputs.
/// A type whose inputs are `Arc<Self>` should drop them without recursion: graphs may be tens of thousands deep.
pub trait Op: Send + Sync + Sized + 'static {
    /// The result. Cloned for every waiter, so make it cheap to clone.
    type Value: Clone + Send + Sync + 'static;
    /// The failure. Cloned for every waiter; wrap it in an `Arc`.
    type Error: Clone + Send + Sync + std::fmt::Debug + 'static;
    /// What belongs to the request (session, parent span, …) and not to the identity of the vertex.
    type Context: Clone + Send + Sync + 'static;

    /// The identity by recipe: the operation, its arguments and the definitions of its inputs.
    ///
    /// Called often; compute it once and keep it.
    fn definition(&self) -> Digest;

    /// One line for people.
    fn label(&self) -> String;

    /// The line that is kept with the result for those who ask later: the label, without what the request knows to be secret.
    fn kept_label(&self, _context: &Self::Context) -> String {
        self.label()
    }

    /// The vertices whose values [`run`](Op::run) needs, in the order in which it wants them.
    fn inputs(&self) -> Vec<Arc<Self>>;

    /// The identity by content, computed from the values of the inputs. Must be quick and must not block.
    fn key(&self, inputs: &[Self::Value]) -> CacheKey;

    /// Whether two requests belong to the same listener: what one of them waits for, and others run, is told to it once.
    fn same_listener(one: &Self::Context, other: &Self::Context) -> bool;

    /// How many slots a run takes; 0 for what takes microseconds, or waits without taking anything. More than there are is treated as all of them.
    fn weight(&self) -> u32;

    /// Computes the value. The future is dropped when nobody waits for it any more.
    ///
    /// A run may call [`Solver::solve`](crate::Solver::solve) itself, but never for a vertex which depends on this
    /// one; and if it holds slots it should [release](RunContext::release_slots) them first.
    fn run(
        self: Arc<Self>,
        inputs: Vec<Self::Value>,
        run: RunContext<Self>,
    ) -> BoxFuture<'static, Result<Self::Value, Self::Error>>;
}

/// Whether and under which key a result may be used again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheKey {
    /// Two vertices with the same key have the same value.
    Content(ContentKey),
    /// The value is never used again: not from an earlier run, and not by a later request. Vertices downstream are
    /// still found by content, but not by definition.
    Uncacheable,
}

/// The identity of a vertex by content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentKey {
    /// The key: the operation, its arguments and the contents of the inputs.
    pub digest: Digest,
    /// The same step without what usually changes: earlier runs with this slot are compared to explain a miss.
    pub slot: Digest,
    /// Named parts of the key, each with the digest of its content, as in `("argument args", …)`.
    pub parts: Vec<(String, Digest)>,
}

/// What a run is given beside its inputs.
pub struct RunContext<O: Op> {
    /// The context of a request that was there when the run began. It may leave while others wait for the result; if
    /// the run fails after that, it is run again with the context of one of the others.
    pub context: O::Context,
    /// Fires when nobody waits for the result any more; the run's future is dropped at the same time. For work that
    /// the future has handed to threads and processes.
    pub cancel: CancellationToken,
    /// The number of this run within the process, the same as [`Vertex::id`](crate::Vertex::id).
    pub vertex: u64,
    /// Why it runs.
    pub reason: MissReason,
    pub(crate) slots: Arc<dyn RunSlots>,
}

/// The part of a run's slots that a [`RunContext`] can see.
pub(crate) trait RunSlots: Send + Sync {
    /// Gives them back, or asks for them no longer.
    fn release(&self);
    /// Asks for those that were given back.
    fn ask(&self);
    /// Ready once they are held.
    fn poll_held(&self, cx: &mut Context<'_>) -> Poll<()>;
}

impl<O: Op> RunContext<O> {
    /// Gives the slots back before the end: for a run that from now on mostly waits, above all for other vertices
    /// that need slots themselves.
    pub fn release_slots(&self) {
        self.slots.release();
    }

    /// Waits for the slots that were [given back](Self::release_slots), behind all who wait already. Whoever has slots must
    /// never wait for what this run holds meanwhile.
    pub async fn take_slots(&self) {
        self.slots.ask();
        poll_fn(|cx| self.slots.poll_held(cx)).await;
    }
}

impl<O: Op> std::fmt::Debug for RunContext<O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunContext").field("vertex", &self.vertex).field("reason", &self.reason).finish()
    }
}
