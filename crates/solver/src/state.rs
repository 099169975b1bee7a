//! The table of vertices in flight.
//!
//! Everything here happens under one lock, so nothing here calls operations, caches or observers: what is to be done
//! is added to [`Effects`], and is done when the lock is free again. Nothing here recurses over the graph.

mod joining;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kukri_model::Digest;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::cache::{EarlierRun, Recipe, Remembered};
use crate::job::{
    ByKey, Effects, Job, JobId, Known, MemoryHit, Request, Scope, Solved, Stage, Start, Storage, Waiter, Work,
};
use crate::lru::Lru;
use crate::observe::MissReason;
use crate::op::{ContentKey, Op};
use crate::run::{Cancel, Grant};
use crate::slots::Slots;

pub(crate) struct State<O: Op> {
    jobs: HashMap<JobId, Job<O>>,
    in_flight: HashMap<Digest, JobId>,
    keys_in_flight: HashMap<Digest, JobId>,
    requests: HashMap<u64, Request<O>>,
    by_definition: Lru<Digest, Known<O::Value>>,
    by_key: Lru<Digest, Known<O::Value>>,
    /// What the cache says of how much it has lost; memory is from after that.
    losses: u64,
    slots: Slots,
    /// Runs that have given their slots back and want them again.
    returning: HashMap<JobId, Arc<Grant>>,
    next_id: u64,
    pub(crate) work: VecDeque<Work<O>>,
    pub(crate) drivers: usize,
    /// Runs that may begin.
    pub(crate) starts: VecDeque<Start<O>>,
    /// Whether somebody is busy starting them.
    pub(crate) starting: bool,
}

impl<O: Op> State<O> {
    pub(crate) fn new(slots: u32, memory: usize) -> Self {
        Self {
            jobs: HashMap::new(),
            in_flight: HashMap::new(),
            keys_in_flight: HashMap::new(),
            requests: HashMap::new(),
            by_definition: Lru::new(memory),
            by_key: Lru::new(memory),
            losses: 0,
            slots: Slots::new(slots),
            returning: HashMap::new(),
            next_id: 1,
            work: VecDeque::new(),
            drivers: 0,
            starts: VecDeque::new(),
            starting: false,
        }
    }

    pub(crate) fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }

    /// Forgets what is in memory; to be dropped outside of the lock.
    pub(crate) fn forget_all(&mut self) -> impl Sized + use<O> {
        (self.by_definition.clear(), self.by_key.clear())
    }

    /// Forgets what is in memory if the cache has lost something since; to be dropped outside of the lock.
    pub(crate) fn note_losses(&mut self, losses: u64) -> Option<impl Sized + use<O>> {
        (losses > self.losses).then(|| {
            self.losses = losses;
            self.forget_all()
        })
    }

    /// The result, if it is in memory.
    pub(crate) fn remembered(&mut self, recipe: Recipe) -> Option<Remembered<O::Value>> {
        let known = match &recipe {
            Recipe::Definition(definition) => self.by_definition.get(definition),
            Recipe::Key(key) => self.by_key.get(key),
        };
        known.map(|known| Remembered { recipe, key: known.key, value: known.value.clone() })
    }

    /// Number of vertices in flight, of requests, and of free slots.
    #[cfg(test)]
    pub(crate) fn census(&self) -> (usize, usize, u32) {
        assert_eq!(self.in_flight.len(), self.jobs.len());
        assert!(self.keys_in_flight.len() <= self.jobs.len());
        (self.jobs.len(), self.requests.len(), self.slots.free())
    }

    /// The value, if it is in memory by definition.
    pub(crate) fn known(&mut self, definition: &Digest) -> Option<(O::Value, EarlierRun)> {
        self.by_definition.get(definition).map(|known| (known.value.clone(), known.run()))
    }

    /// A request for a vertex. Gives the value back if it is in memory, and memory can be trusted: see
    /// [`Shared::remind`](crate::shared::Shared::remind).
    pub(crate) fn enter(
        &mut self,
        fx: &mut Effects<O>,
        scope: &Arc<Scope<O>>,
        wanted: (&Arc<O>, Digest),
        trusted: bool,
        answer: oneshot::Sender<Solved<O>>,
    ) -> Option<O::Value> {
        match self.attach(fx, scope, wanted, trusted, Waiter::Request(scope.id)) {
            Ok((value, _)) => Some(value),
            Err(job) => {
                self.requests.insert(scope.id, Request { answer, job, scope: scope.clone() });
                None
            }
        }
    }

    /// The request does not want its answer any more.
    pub(crate) fn withdraw(&mut self, fx: &mut Effects<O>, request: u64) {
        if let Some(request) = self.requests.remove(&request) {
            self.leave(fx, vec![request.job]);
        }
    }

    /// The value with whether it is stable, if it is known; otherwise the waiter now waits for the job.
    fn attach(
        &mut self,
        fx: &mut Effects<O>,
        scope: &Arc<Scope<O>>,
        (op, definition): (&Arc<O>, Digest),
        trusted: bool,
        waiter: Waiter,
    ) -> Result<(O::Value, bool), JobId> {
        let (first_time, private) = {
            let mut memo = scope.memo();
            (memo.seen.insert(definition), memo.private.get(&definition).cloned())
        };
        if let Some(value) = private {
            return Ok((value, false));
        }
        if trusted && let Some((value, run)) = self.known(&definition) {
            if first_time {
                let (vertex, op, scope) = (self.new_id(), op.clone(), scope.clone());
                fx.hits.push(MemoryHit { vertex, op, definition, scope, run });
            }
            return Ok((value, true));
        }
        if let Some(&id) = self.in_flight.get(&definition)
            && let Some(job) = self.jobs.get_mut(&id)
        {
            let joins = first_time && job.scope.id != scope.id;
            job.waiting += 1;
            job.waiters.push(waiter);
            if job.waiters.len() >= 64 && job.waiters.len() > 2 * job.waiting {
                self.forget_stale_waiters(id);
            }
            if joins {
                self.join(fx, scope, id, op, definition, Duration::ZERO);
            }
            return Err(id);
        }
        let id = self.new_id();
        let job = Job {
            op: op.clone(),
            definition,
            scope: scope.clone(),
            met: Instant::now(),
            evicted: false,
            stable: true,
            waiters: vec![waiter],
            waiting: 1,
            joiners: Vec::new(),
            inputs: Vec::new(),
            missing: 0,
            waits_for: Vec::new(),
            key: None,
            stage: Stage::Pending,
        };
        self.jobs.insert(id, job);
        self.in_flight.insert(definition, id);
        self.work.push_back(Work::Meet(id));
        Err(id)
    }

    /// A long run that is often joined and left must not pile up those who left.
    fn forget_stale_waiters(&mut self, id: JobId) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let mut waiters = std::mem::take(&mut job.waiters);
        // The waiter added last is not in its table yet.
        let last = waiters.pop();
        waiters.retain(|waiter| match waiter {
            Waiter::Request(request) => self.requests.contains_key(request),
            Waiter::Input { job, .. } | Waiter::Follower(job) => self.jobs.contains_key(job),
        });
        waiters.extend(last);
        if let Some(job) = self.jobs.get_mut(&id) {
            job.waiters = waiters;
        }
    }

    /// The job, if it is still wanted.
    pub(crate) fn job(&mut self, id: JobId) -> Option<&mut Job<O>> {
        self.jobs.get_mut(&id)
    }

    /// The job must wait for these inputs.
    pub(crate) fn expand(&mut self, fx: &mut Effects<O>, id: JobId, inputs: &[(Arc<O>, Digest)]) {
        let Some(job) = self.jobs.get(&id) else { return };
        let (scope, listeners) = (job.scope.clone(), self.listeners(job));
        let (mut values, mut waits_for, mut stable) = (Vec::with_capacity(inputs.len()), Vec::new(), true);
        for (index, (op, definition)) in inputs.iter().enumerate() {
            match self.attach(fx, &scope, (op, *definition), true, Waiter::Input { job: id, index }) {
                Ok((value, is_stable)) => {
                    values.push(Some(value));
                    stable &= is_stable;
                }
                Err(child) => {
                    values.push(None);
                    waits_for.push(child);
                }
            }
            for listener in &listeners {
                self.overhear(fx, listener, op, *definition);
            }
        }
        let Some(job) = self.jobs.get_mut(&id) else { return };
        job.missing = waits_for.len();
        job.inputs = values;
        job.waits_for = waits_for;
        job.stable &= stable;
        if job.missing == 0 {
            self.work.push_back(Work::Ready(id));
        }
    }

    /// The values of the inputs, which are all there.
    pub(crate) fn take_inputs(&mut self, id: JobId) -> Option<Vec<O::Value>> {
        let job = self.jobs.get_mut(&id)?;
        std::mem::take(&mut job.inputs).into_iter().collect()
    }

    /// Looks for somebody with the same key.
    pub(crate) fn by_key(
        &mut self,
        fx: &mut Effects<O>,
        id: JobId,
        key: &Arc<ContentKey>,
    ) -> ByKey<O::Value> {
        let Some(job) = self.jobs.get_mut(&id) else { return ByKey::Gone };
        job.key = Some(key.clone());
        if let Some(known) = self.by_key.get(&key.digest) {
            return ByKey::Known(known.value.clone(), known.run());
        }
        match self.keys_in_flight.get(&key.digest).copied() {
            Some(other) if other != id => {
                job.waits_for = vec![other];
                job.stage = Stage::Following;
                let (op, definition, waited) = (job.op.clone(), job.definition, job.met.elapsed());
                let mut told = vec![job.scope.clone()];
                told.extend(self.jobs.get(&id).into_iter().flat_map(|job| self.listeners(job)));
                if let Some(other) = self.jobs.get_mut(&other) {
                    other.waiting += 1;
                    other.waiters.push(Waiter::Follower(id));
                }
                for scope in &told {
                    self.join(fx, scope, other, &op, definition, waited);
                }
                ByKey::Follows
            }
            _ => {
                self.keys_in_flight.insert(key.digest, id);
                ByKey::Unknown
            }
        }
    }

    /// The job must run in the name of `scope`: it waits for its slots. Gives `false` back if it is not wanted any
    /// more, or not by that request.
    pub(crate) fn queue(
        &mut self,
        fx: &mut Effects<O>,
        id: JobId,
        scope: u64,
        inputs: Vec<O::Value>,
        reason: MissReason,
        weight: u32,
    ) -> bool {
        let slots = self.slots.clamp(weight);
        if self.again(id, scope, &inputs) {
            return false;
        }
        let Some(job) = self.jobs.get_mut(&id) else { return false };
        job.stage = Stage::Queued(inputs, reason);
        if slots == 0 {
            self.start(fx, id, 0);
        } else {
            self.slots.ask(id, slots);
            self.hand_out_slots(fx);
        }
        true
    }

    /// If the job has gone from `scope` to another request meanwhile, it is decided anew in the name of that one.
    pub(crate) fn again(&mut self, id: JobId, scope: u64, inputs: &[O::Value]) -> bool {
        let Some(job) = self.jobs.get_mut(&id).filter(|job| job.scope.id != scope) else { return false };
        job.inputs = inputs.iter().cloned().map(Some).collect();
        job.stage = Stage::Pending;
        self.work.push_back(Work::Ready(id));
        true
    }

    /// The runtime of the request for which there is something to do. Takes out what is done for nobody.
    pub(crate) fn next_runtime(&mut self, fx: &mut Effects<O>) -> Option<Handle> {
        loop {
            if let Some(job) = self.jobs.get(&self.work.front()?.job()) {
                return Some(job.scope.runtime.clone());
            }
            fx.garbage_work.extend(self.work.pop_front());
        }
    }

    /// Slots have come back.
    pub(crate) fn release(&mut self, fx: &mut Effects<O>, slots: u32) {
        self.slots.release(slots);
        self.hand_out_slots(fx);
    }

    fn hand_out_slots(&mut self, fx: &mut Effects<O>) {
        while let Some((id, slots)) = self
            .slots
            .next(|id| self.returning.contains_key(&id) || self.jobs.get(&id).is_some_and(Job::is_queued))
        {
            if let Some(grant) = self.returning.remove(&id) {
                grant.give();
                fx.granted.push(grant);
            } else {
                self.start(fx, id, slots);
            }
        }
    }

    /// A run asks for slots that it has given back.
    pub(crate) fn ask_again(&mut self, fx: &mut Effects<O>, id: JobId, slots: u32, grant: &Arc<Grant>) {
        self.returning.insert(id, grant.clone());
        self.slots.ask(id, slots);
        self.hand_out_slots(fx);
    }

    /// It asks no longer.
    pub(crate) fn take_back(&mut self, id: JobId) {
        self.returning.remove(&id);
    }

    fn start(&mut self, fx: &mut Effects<O>, id: JobId, slots: u32) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let cancel = Arc::new(Cancel::default());
        if let Stage::Queued(inputs, reason) =
            std::mem::replace(&mut job.stage, Stage::Running(cancel.clone()))
        {
            let (op, scope) = (job.op.clone(), job.scope.clone());
            let definition = job.definition;
            self.starts.push_back(Start { job: id, op, definition, scope, inputs, reason, slots, cancel });
            fx.starts = true;
        }
    }

    /// Takes a run that was just added to those that may begin.
    pub(crate) fn take_start(&mut self, id: JobId) -> Option<Start<O>> {
        self.starts.back().is_some_and(|start| start.job == id).then(|| self.starts.pop_back())?
    }

    /// How the job's result is to be stored, if at all.
    pub(crate) fn storage(&self, id: JobId) -> Option<Storage<O>> {
        let job = self.jobs.get(&id)?;
        let definition = job.stable.then_some(job.definition);
        Some(Storage { op: job.op.clone(), scope: job.scope.clone(), key: job.key.clone()?, definition })
    }

    /// The job has its value, or will never have one. All who wait are served; those who cannot go on fail as well.
    pub(crate) fn complete(&mut self, fx: &mut Effects<O>, id: JobId, solved: Solved<O>, run: EarlierRun) {
        let mut todo = vec![(id, solved)];
        let mut left = Vec::new();
        while let Some((id, solved)) = todo.pop() {
            let Some(mut job) = self.remove(id) else { continue };
            if let Ok(value) = &solved {
                self.remember(fx, &job, value, run);
            }
            for joiner in job.joiners.drain(..) {
                fx.finished.push((joiner, solved.clone()));
            }
            for waiter in std::mem::take(&mut job.waiters) {
                match (waiter, &solved) {
                    (Waiter::Request(request), _) => {
                        if let Some(request) = self.requests.remove(&request) {
                            fx.deliveries.push((request.answer, solved.clone()));
                        }
                    }
                    (Waiter::Input { job: parent, .. } | Waiter::Follower(parent), Err(error)) => {
                        if self.jobs.contains_key(&parent) {
                            todo.push((parent, Err(error.clone())));
                        }
                    }
                    (Waiter::Input { job: parent, index }, Ok(value)) => {
                        let Some(waiting) = self.jobs.get_mut(&parent) else { continue };
                        waiting.inputs[index] = Some(value.clone());
                        waiting.missing -= 1;
                        waiting.stable &= job.stable;
                        if waiting.missing == 0 {
                            self.work.push_back(Work::Ready(parent));
                        }
                    }
                    (Waiter::Follower(follower), Ok(value)) => {
                        if self.jobs.contains_key(&follower) {
                            self.work.push_back(Work::Followed { job: follower, value: value.clone(), run });
                        }
                    }
                }
            }
            left.append(&mut job.waits_for);
            fx.garbage.push(job);
        }
        // Only now: among those who were left may be some that have just been served.
        self.leave(fx, left);
    }

    fn remember(&mut self, fx: &mut Effects<O>, job: &Job<O>, value: &O::Value, run: EarlierRun) {
        let now = Instant::now();
        let born = now.checked_sub(run.age).unwrap_or(now);
        let key = job.key.as_ref().map(|key| key.digest).or(run.key);
        let known = || Known { value: value.clone(), born, took: run.took, key };
        if job.stable {
            let gone = self.by_definition.insert(job.definition, known());
            fx.garbage_values.extend(gone);
        } else {
            for scope in std::iter::once(&job.scope).chain(job.joiners.iter().map(|joiner| &joiner.scope)) {
                scope.memo().private.insert(job.definition, value.clone());
            }
        }
        if let Some(key) = &job.key {
            fx.garbage_values.extend(self.by_key.insert(key.digest, known()));
        }
    }

    /// One waiter less for each of these jobs, as far as they are still in flight. Those for whom it was the last one
    /// are cancelled, and leave what they wait for.
    fn leave(&mut self, fx: &mut Effects<O>, mut todo: Vec<JobId>) {
        let (mut freed, mut survivors) = (false, Vec::new());
        while let Some(id) = todo.pop() {
            let Some(job) = self.jobs.get_mut(&id) else { continue };
            job.waiting -= 1;
            if job.waiting > 0 {
                survivors.push(id);
            } else if let Some(mut job) = self.remove(id) {
                todo.append(&mut job.waits_for);
                freed |= matches!(job.stage, Stage::Queued(..));
                fx.cancelled.push((id, job));
            }
        }
        self.find_heirs(fx, survivors);
        if freed {
            self.hand_out_slots(fx);
        }
    }

    /// Jobs that have outlived their request go on in the name of one that waits for them, and so do their inputs:
    /// a run must not be given the context of a session that is gone.
    fn find_heirs(&mut self, fx: &mut Effects<O>, survivors: Vec<JobId>) {
        let mut todo: Vec<(JobId, Option<Arc<Scope<O>>>)> =
            survivors.into_iter().map(|id| (id, None)).collect();
        while let Some((id, heir)) = todo.pop() {
            let Some(job) = self.jobs.get(&id).filter(|job| !self.is_there(&job.scope)) else { continue };
            // Without an heir among its waiters, it is found again below one of them that gets one.
            let Some(heir) = heir.or_else(|| self.heir(job)) else { continue };
            todo.extend(job.waits_for.iter().map(|input| (*input, Some(heir.clone()))));
            self.inherit(fx, id, heir);
        }
    }

    fn is_there(&self, scope: &Scope<O>) -> bool {
        self.requests.contains_key(&scope.id)
    }

    fn heir(&self, job: &Job<O>) -> Option<Arc<Scope<O>>> {
        job.waiters.iter().find_map(|waiter| {
            let scope = match waiter {
                Waiter::Request(request) => &self.requests.get(request)?.scope,
                Waiter::Input { job, .. } | Waiter::Follower(job) => &self.jobs.get(job)?.scope,
            };
            self.is_there(scope).then(|| scope.clone())
        })
    }

    fn inherit(&mut self, fx: &mut Effects<O>, id: JobId, heir: Arc<Scope<O>>) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let gone = std::mem::replace(&mut job.scope, heir);
        if let Stage::Queued(inputs, _) = &mut job.stage {
            // Its place in the queue stays its own, if it is back before its turn comes.
            let inputs = std::mem::take(inputs);
            fx.orphaned.push((job.facts(id), gone.clone()));
            self.again(id, gone.id, &inputs);
        }
        // A run goes on with the context that it has. Should it fail, it is tried again: see `again`.
    }

    fn remove(&mut self, id: JobId) -> Option<Job<O>> {
        let job = self.jobs.remove(&id)?;
        self.in_flight.remove(&job.definition);
        if let Some(key) = &job.key
            && self.keys_in_flight.get(&key.digest) == Some(&id)
        {
            self.keys_in_flight.remove(&key.digest);
        }
        Some(job)
    }
}
