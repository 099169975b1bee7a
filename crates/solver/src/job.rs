//! What the table of vertices in flight is made of.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kukri_model::Digest;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::cache::EarlierRun;
use crate::error::SolveError;
use crate::observe::MissReason;
use crate::op::{ContentKey, Op};
use crate::run::{Cancel, Grant};

/// Number of a vertex in flight. Never used twice, so a stale number is harmless.
pub(crate) type JobId = u64;

/// What comes of a vertex.
pub(crate) type Solved<O> = Result<<O as Op>::Value, SolveError<<O as Op>::Error>>;

/// One call of `solve` and all that was started for it.
pub(crate) struct Scope<O: Op> {
    pub(crate) id: u64,
    pub(crate) context: O::Context,
    pub(crate) runtime: Handle,
    memo: Mutex<Memo<O::Value>>,
}

pub(crate) struct Memo<V> {
    /// What the request has met already, to tell it about each vertex once.
    pub(crate) seen: HashSet<Digest>,
    /// Results that another request must not see: within one request even these are computed once.
    pub(crate) private: HashMap<Digest, V>,
}

impl<O: Op> Scope<O> {
    pub(crate) fn new(id: u64, context: O::Context, runtime: Handle) -> Self {
        Self {
            id,
            context,
            runtime,
            memo: Mutex::new(Memo { seen: HashSet::new(), private: HashMap::new() }),
        }
    }

    pub(crate) fn memo(&self) -> MutexGuard<'_, Memo<O::Value>> {
        self.memo.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A vertex in flight.
pub(crate) struct Job<O: Op> {
    pub(crate) op: Arc<O>,
    pub(crate) definition: Digest,
    /// The request in whose name it runs: the one that met it first, or its heir.
    pub(crate) scope: Arc<Scope<O>>,
    pub(crate) met: Instant,
    /// Whether the cache had a result by definition once.
    pub(crate) evicted: bool,
    /// Whether the definition determines the value.
    pub(crate) stable: bool,
    pub(crate) waiters: Vec<Waiter>,
    /// How many of `waiters` are still there.
    pub(crate) waiting: usize,
    pub(crate) joiners: Vec<Arc<Joiner<O>>>,
    pub(crate) inputs: Vec<Option<O::Value>>,
    pub(crate) missing: usize,
    /// What it waits for, or has waited for.
    pub(crate) waits_for: Vec<JobId>,
    pub(crate) key: Option<Arc<ContentKey>>,
    pub(crate) stage: Stage<O>,
}

pub(crate) enum Stage<O: Op> {
    /// Looking for results, or waiting for inputs.
    Pending,
    /// Waiting for a run with the same key.
    Following,
    /// Waiting for slots.
    Queued(Vec<O::Value>, MissReason),
    /// Running, or run and not yet stored.
    Running(Arc<Cancel>),
}

/// Who waits for a job.
#[derive(Clone, Copy)]
pub(crate) enum Waiter {
    Request(u64),
    Input { job: JobId, index: usize },
    Follower(JobId),
}

/// A request that has joined a run, and must be told of its end after it was told of the joining.
pub(crate) struct Joiner<O: Op> {
    /// What runs.
    pub(crate) vertex: JobId,
    /// What was asked for: another recipe may lead to the same run.
    pub(crate) op: Arc<O>,
    pub(crate) definition: Digest,
    pub(crate) scope: Arc<Scope<O>>,
    pub(crate) since: Instant,
    pub(crate) waited: Duration,
    pub(crate) gate: Mutex<Gate<O>>,
}

/// How far a joiner has been told.
pub(crate) enum Gate<O: Op> {
    Announcing,
    Announced,
    Finished(Solved<O>),
}

/// A caller who waits.
pub(crate) struct Request<O: Op> {
    pub(crate) answer: oneshot::Sender<Solved<O>>,
    pub(crate) job: JobId,
    pub(crate) scope: Arc<Scope<O>>,
}

/// Something to do outside of the lock which may take a moment: look-ups, keys, storing.
pub(crate) enum Work<O: Op> {
    /// Look for a result by definition.
    Meet(JobId),
    /// All inputs are there.
    Ready(JobId),
    /// The run has ended well.
    Ran { job: JobId, value: O::Value, duration: Duration },
    /// The run has failed, in the name of the request `scope`.
    Failed { job: JobId, error: SolveError<O::Error>, duration: Duration, scope: u64, inputs: Vec<O::Value> },
    /// The run with the same key has ended well.
    Followed { job: JobId, value: O::Value, run: EarlierRun },
}

impl<O: Op> Work<O> {
    pub(crate) const fn job(&self) -> JobId {
        match self {
            Self::Meet(job)
            | Self::Ready(job)
            | Self::Ran { job, .. }
            | Self::Failed { job, .. }
            | Self::Followed { job, .. } => *job,
        }
    }
}

/// What is to be done when the lock is free.
pub(crate) struct Effects<O: Op> {
    pub(crate) hits: Vec<MemoryHit<O>>,
    pub(crate) joined: Vec<Arc<Joiner<O>>>,
    pub(crate) finished: Vec<(Arc<Joiner<O>>, Solved<O>)>,
    pub(crate) cancelled: Vec<(JobId, Job<O>)>,
    /// Vertices that wait for slots no more in the name of these requests, which have left.
    pub(crate) orphaned: Vec<(Facts<O>, Arc<Scope<O>>)>,
    pub(crate) deliveries: Vec<(oneshot::Sender<Solved<O>>, Solved<O>)>,
    /// Runs that have their slots again.
    pub(crate) granted: Vec<Arc<Grant>>,
    /// There are new entries in [`State::starts`].
    pub(crate) starts: bool,
    pub(crate) garbage: Vec<Job<O>>,
    pub(crate) garbage_work: Vec<Work<O>>,
    pub(crate) garbage_values: Vec<Known<O::Value>>,
}

/// A result found in the memory of this process.
pub(crate) struct MemoryHit<O: Op> {
    pub(crate) vertex: JobId,
    pub(crate) op: Arc<O>,
    pub(crate) definition: Digest,
    pub(crate) scope: Arc<Scope<O>>,
    pub(crate) run: EarlierRun,
}

/// A run that may begin: it has its slots.
pub(crate) struct Start<O: Op> {
    pub(crate) job: JobId,
    pub(crate) op: Arc<O>,
    pub(crate) definition: Digest,
    pub(crate) scope: Arc<Scope<O>>,
    pub(crate) inputs: Vec<O::Value>,
    pub(crate) reason: MissReason,
    pub(crate) slots: u32,
    pub(crate) cancel: Arc<Cancel>,
}

/// A result in memory.
pub(crate) struct Known<V> {
    pub(crate) value: V,
    pub(crate) born: Instant,
    /// How long the run took.
    pub(crate) took: Duration,
    /// The key of its content, if it is known.
    pub(crate) key: Option<Digest>,
}

impl<V> Known<V> {
    pub(crate) fn run(&self) -> EarlierRun {
        EarlierRun { age: self.born.elapsed(), took: self.took, key: self.key }
    }
}

/// What a vertex's key leads to.
pub(crate) enum ByKey<V> {
    Known(V, EarlierRun),
    Follows,
    /// Nobody has it: this job now owns the key.
    Unknown,
    Gone,
}

/// How a result is to be stored.
pub(crate) struct Storage<O: Op> {
    pub(crate) op: Arc<O>,
    pub(crate) scope: Arc<Scope<O>>,
    pub(crate) key: Arc<ContentKey>,
    /// `None` if the definition does not determine the value.
    pub(crate) definition: Option<Digest>,
}

impl<O: Op> Default for Effects<O> {
    fn default() -> Self {
        Self {
            hits: Vec::new(),
            joined: Vec::new(),
            finished: Vec::new(),
            cancelled: Vec::new(),
            orphaned: Vec::new(),
            deliveries: Vec::new(),
            granted: Vec::new(),
            starts: false,
            garbage: Vec::new(),
            garbage_work: Vec::new(),
            garbage_values: Vec::new(),
        }
    }
}

/// What does not change about a job while work is done for it.
pub(crate) struct Facts<O: Op> {
    pub(crate) id: JobId,
    pub(crate) op: Arc<O>,
    pub(crate) definition: Digest,
    pub(crate) scope: Arc<Scope<O>>,
    pub(crate) met: Instant,
    pub(crate) evicted: bool,
}

impl<O: Op> Job<O> {
    /// Whether the listener of this request is told of the job already, and of all that the job waits for.
    pub(crate) fn is_told(&self, scope: &Scope<O>) -> bool {
        let told = |known: &Scope<O>| O::same_listener(&known.context, &scope.context);
        told(&self.scope) || self.joiners.iter().any(|joiner| told(&joiner.scope))
    }

    pub(crate) fn facts(&self, id: JobId) -> Facts<O> {
        Facts {
            id,
            op: self.op.clone(),
            definition: self.definition,
            scope: self.scope.clone(),
            met: self.met,
            evicted: self.evicted,
        }
    }

    /// Whether the owner was told that it runs, but no run was started that could tell of its end.
    pub(crate) const fn is_queued(&self) -> bool {
        matches!(self.stage, Stage::Queued(..))
    }

    /// The handle that ends the run, if there is one.
    pub(crate) fn cancel(&self) -> Option<&Arc<Cancel>> {
        match &self.stage {
            Stage::Running(cancel) => Some(cancel),
            Stage::Pending | Stage::Following | Stage::Queued(..) => None,
        }
    }

    /// Those who have joined.
    pub(crate) fn take_joiners(&mut self) -> Vec<Arc<Joiner<O>>> {
        std::mem::take(&mut self.joiners)
    }
}
