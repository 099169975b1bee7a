//! What all clones of a solver share: the lock around the table, and everything that is done outside of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kukri_model::Digest;

use crate::cache::{EarlierRun, Recipe, Remembered, ResultCache};
use crate::error::SolveError;
use crate::job::{Effects, Gate, JobId, Joiner, Scope, Start};
use crate::observe::{Decision, HitBy, Observer, Outcome, Vertex};
use crate::op::Op;
use crate::run::RunTask;
use crate::state::State;

pub(crate) struct Shared<O: Op> {
    state: Mutex<State<O>>,
    pub(crate) cache: Arc<dyn ResultCache<O::Value>>,
    pub(crate) cache_may_block: bool,
    pub(crate) max_drivers: usize,
    observer: Arc<dyn Observer<O>>,
}

impl<O: Op> Shared<O> {
    pub(crate) fn new(
        state: State<O>,
        cache: Arc<dyn ResultCache<O::Value>>,
        max_drivers: usize,
        observer: Arc<dyn Observer<O>>,
    ) -> Self {
        let cache_may_block = cache.may_block();
        Self { state: Mutex::new(state), cache, cache_may_block, max_drivers: max_drivers.max(1), observer }
    }

    /// Changes the table, and then does what follows from it. Work for drivers is left in the queue: whoever is not a
    /// driver calls [`Shared::kick`] afterwards.
    pub(crate) fn update<R>(self: &Arc<Self>, change: impl FnOnce(&mut State<O>, &mut Effects<O>) -> R) -> R {
        let mut fx = Effects::default();
        let result = { change(&mut self.lock(), &mut fx) };
        self.apply(fx);
        result
    }

    /// To be done before looking into memory: what is there afterwards is also in the cache, and stays there for who asks
    /// now. Not so if it gives `false`, because it would have to wait and must not.
    pub(crate) fn remind(self: &Arc<Self>, wanted: &[Recipe], wait: bool) -> bool {
        let remembered: Vec<Remembered<O::Value>> =
            self.update(|state, _| wanted.iter().filter_map(|recipe| state.remembered(*recipe)).collect());
        if remembered.is_empty() {
            return true;
        }
        let Some(losses) = self.cache.remind(&remembered, wait) else { return false };
        drop(self.update(|state, _| state.note_losses(losses)));
        true
    }

    fn apply(self: &Arc<Self>, fx: Effects<O>) {
        for hit in fx.hits {
            let outcome = Outcome::Hit { by: HitBy::Definition, run: hit.run };
            self.tell_decision(
                hit.vertex,
                &hit.op,
                hit.definition,
                &hit.scope.context,
                outcome,
                Duration::ZERO,
            );
        }
        for joiner in fx.joined {
            self.announce(&joiner);
        }
        for (joiner, solved) in fx.finished {
            let mut gate = joiner.gate.lock().unwrap_or_else(PoisonError::into_inner);
            if matches!(*gate, Gate::Announcing) {
                *gate = Gate::Finished(solved);
                continue;
            }
            drop(gate);
            self.tell_joiner_finish(&joiner, solved.as_ref());
        }
        for (id, mut job) in fx.cancelled {
            if let Some(cancel) = job.cancel() {
                // Its task tells the observer.
                cancel.cancel();
            }
            let joiners = job.take_joiners();
            if job.is_queued() || !joiners.is_empty() {
                if job.is_queued() {
                    self.tell_cancelled(id, &job.op, job.definition, &job.scope);
                }
                let error = SolveError::Cancelled { label: self.label(&job.op), definition: job.definition };
                let finished = joiners.into_iter().map(|joiner| (joiner, Err(error.clone()))).collect();
                self.apply(Effects { finished, ..Effects::default() });
            }
        }
        for (job, gone) in fx.orphaned {
            self.tell_cancelled(job.id, &job.op, job.definition, &gone);
        }
        for (answer, solved) in fx.deliveries {
            // Whoever asked may just have left.
            let _ = answer.send(solved);
        }
        for grant in fx.granted {
            grant.tell();
        }
        if fx.starts {
            self.start_runs();
        }
    }

    /// Starts what may start. A runtime that is shutting down drops new tasks at once, which gives their slots to the
    /// next one: a loop here, and not recursion, however many are waiting.
    fn start_runs(self: &Arc<Self>) {
        let mut mine = false;
        loop {
            let start = {
                let mut state = self.lock();
                if state.starting && !mine {
                    return;
                }
                let start = state.starts.pop_front();
                mine = start.is_some();
                state.starting = mine;
                start
            };
            let Some(start) = start else { return };
            let runtime = start.scope.runtime.clone();
            runtime.spawn(RunTask::new(self.clone(), start));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<O>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells a joiner that it has joined, and, if it came to that meanwhile, that it is over.
    fn announce(&self, joiner: &Joiner<O>) {
        let Joiner { vertex, op, definition, scope, waited, .. } = joiner;
        self.tell_decision(*vertex, op, *definition, &scope.context, Outcome::Joined, *waited);
        let gate = {
            let mut gate = joiner.gate.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *gate, Gate::Announced)
        };
        if let Gate::Finished(solved) = gate {
            self.tell_joiner_finish(joiner, solved.as_ref());
        }
    }

    fn tell_joiner_finish(&self, joiner: &Joiner<O>, solved: Result<&O::Value, &SolveError<O::Error>>) {
        self.tell_finish(joiner.vertex, &joiner.op, &joiner.scope, solved, joiner.since.elapsed());
    }

    pub(crate) fn tell_decision(
        &self,
        id: JobId,
        op: &Arc<O>,
        definition: Digest,
        context: &O::Context,
        outcome: Outcome,
        duration: Duration,
    ) {
        guarded(|| {
            let decision = Decision { label: op.label(), definition, outcome, duration };
            self.observer.on_decision(&Vertex { id, op, context }, &decision);
        });
    }

    pub(crate) fn tell_start(&self, start: &Start<O>) {
        let vertex = Vertex { id: start.job, op: &start.op, context: &start.scope.context };
        guarded(|| self.observer.on_start(&vertex));
    }

    pub(crate) fn tell_finish(
        &self,
        id: JobId,
        op: &Arc<O>,
        scope: &Scope<O>,
        solved: Result<&O::Value, &SolveError<O::Error>>,
        duration: Duration,
    ) {
        guarded(|| self.observer.on_finish(&Vertex { id, op, context: &scope.context }, solved, duration));
    }

    pub(crate) fn tell_cancelled(&self, id: JobId, op: &Arc<O>, definition: Digest, scope: &Scope<O>) {
        let error = SolveError::Cancelled { label: self.label(op), definition };
        self.tell_finish(id, op, scope, Err(&error), Duration::ZERO);
    }

    /// The label, even of an operation that has lost its mind.
    pub(crate) fn label(&self, op: &Arc<O>) -> Arc<str> {
        catch_unwind(AssertUnwindSafe(|| op.label())).map_or_else(|_| "unnamed vertex".into(), Into::into)
    }

    /// The label for the cache, likewise.
    pub(crate) fn kept_label(&self, op: &Arc<O>, scope: &Scope<O>) -> Arc<str> {
        catch_unwind(AssertUnwindSafe(|| op.kept_label(&scope.context)))
            .map_or_else(|_| "unnamed vertex".into(), Into::into)
    }

    /// The job fails for a reason that lies outside of a run.
    pub(crate) fn fail(self: &Arc<Self>, id: JobId, message: &str) {
        let Some((op, definition)) =
            self.update(|state, _| state.job(id).map(|job| (job.op.clone(), job.definition)))
        else {
            return;
        };
        let error = SolveError::Panicked { label: self.label(&op), definition, message: message.to_owned() };
        self.update(|state, fx| state.complete(fx, id, Err(error), EarlierRun::default()));
    }
}

/// A listener that panics harms nobody but itself.
fn guarded(tell: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(tell));
}
