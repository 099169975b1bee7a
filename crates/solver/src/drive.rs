//! Drivers: they do the work that may take a moment (look-ups, keys, storing), one step of one vertex at a time.
//!
//! If the cache may block, drivers are threads of the runtime's blocking pool, which go on as long as there is work: a
//! chain of vertices costs one change of threads per run, not one per look-up. If it may not, the work is done where
//! it comes up, and after [`INLINE_STEPS`] in a task of its own, which lets others run in between.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use kukri_model::Digest;
use tokio::runtime::Handle;

use crate::cache::{EarlierRun, Failure, Lookup, Recipe, Record};
use crate::error::SolveError;
use crate::explain::explain;
use crate::job::{ByKey, Facts, JobId, Storage, Work};
use crate::observe::{HitBy, MissReason, Outcome};
use crate::op::{CacheKey, Op};
use crate::run::{RunTask, panic_message};
use crate::shared::Shared;
use crate::state::State;

/// Steps done in one go on a thread that is meant for other things: well under a millisecond.
const INLINE_STEPS: usize = 32;

/// The right to drive. Counted, so that there is always somebody who does the work, and never too many.
struct Driver<O: Op> {
    shared: Arc<Shared<O>>,
    retired: bool,
}

impl<O: Op> Driver<O> {
    /// Does up to `limit` steps. `true`: there is no more work, and this driver has retired.
    fn drive(&mut self, limit: usize) -> bool {
        for _ in 0..limit {
            let work = self.shared.update(|state, _| {
                let work = state.work.pop_front();
                if work.is_none() {
                    // Under the lock: whoever adds work after this sees that there is no driver.
                    state.drivers -= 1;
                }
                work
            });
            let Some(work) = work else {
                self.retired = true;
                return true;
            };
            let job = work.job();
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.shared.step(work))) {
                self.shared.fail(job, &panic_message(&*panic));
            }
            if self.shared.cache_may_block {
                // This driver takes one of what there is.
                self.shared.hire(1);
            }
        }
        false
    }
}

impl<O: Op> Drop for Driver<O> {
    fn drop(&mut self) {
        if !self.retired {
            self.shared.update(|state, _| state.drivers -= 1);
        }
    }
}

impl<O: Op> Shared<O> {
    /// Sees to it that the work in the queue is done.
    pub(crate) fn kick(self: &Arc<Self>) {
        if self.cache_may_block {
            self.hire(0);
            return;
        }
        let wanted = |state: &State<O>| state.drivers == 0;
        let Some((mut driver, runtime)) = self.new_driver(wanted) else { return };
        if !driver.drive(INLINE_STEPS) {
            runtime.spawn(async move {
                while !driver.drive(INLINE_STEPS) {
                    tokio::task::yield_now().await;
                }
            });
        }
    }

    /// Adds drivers while there is more work than `spare` items that the caller will do itself.
    fn hire(self: &Arc<Self>, spare: usize) {
        let max = self.max_drivers;
        let mut hired = 0;
        while let Some((mut driver, runtime)) =
            self.new_driver(|state| state.drivers < max && state.work.len() > spare + hired)
        {
            hired += 1;
            runtime.spawn_blocking(move || while !driver.drive(usize::MAX) {});
        }
    }

    /// A driver, if one is wanted, and where it should work.
    fn new_driver(self: &Arc<Self>, wanted: impl FnOnce(&State<O>) -> bool) -> Option<(Driver<O>, Handle)> {
        let runtime = self.update(|state, fx| {
            let runtime = state.next_runtime(fx)?;
            if !wanted(state) {
                return None;
            }
            state.drivers += 1;
            Some(runtime)
        })?;
        Some((Driver { shared: self.clone(), retired: false }, runtime))
    }

    fn step(self: &Arc<Self>, work: Work<O>) {
        match work {
            Work::Meet(job) => self.meet(job),
            Work::Ready(job) => self.ready(job),
            Work::Ran { job, value, duration } => self.ran(job, value, duration),
            Work::Failed { job, error, duration, scope, inputs } => {
                self.failed(job, error, duration, scope, &inputs);
            }
            Work::Followed { job, value, run } => {
                self.link(job, run);
                self.done(job, value, run);
            }
        }
    }

    /// Looks for a result by definition; if there is none, the inputs are wanted.
    fn meet(self: &Arc<Self>, id: JobId) {
        let Some(job) = self.update(|state, _| state.job(id).map(|job| job.facts(id))) else { return };
        match self.cache.by_definition(&job.definition) {
            Lookup::Hit { value, run } => {
                let outcome = Outcome::Hit { by: HitBy::Definition, run };
                self.tell_decision(
                    id,
                    &job.op,
                    job.definition,
                    &job.scope.context,
                    outcome,
                    job.met.elapsed(),
                );
                self.done(id, value, run);
                return;
            }
            Lookup::Evicted => self.update(|state, _| {
                if let Some(job) = state.job(id) {
                    job.evicted = true;
                }
            }),
            Lookup::Miss => {}
        }
        let inputs: Vec<(Arc<O>, Digest)> =
            job.op.inputs().into_iter().map(|input| (input.clone(), input.definition())).collect();
        let wanted: Vec<Recipe> =
            inputs.iter().map(|(_, definition)| Recipe::Definition(*definition)).collect();
        self.remind(&wanted, true);
        self.update(|state, fx| state.expand(fx, id, &inputs));
    }

    /// The inputs are there: looks for a result by content; if there is none, it must run.
    fn ready(self: &Arc<Self>, id: JobId) {
        let Some((job, inputs)) = self.update(|state, _| {
            let inputs = state.take_inputs(id)?;
            let job = state.job(id)?;
            Some((job.facts(id), inputs))
        }) else {
            return;
        };
        let key = match job.op.key(&inputs) {
            CacheKey::Uncacheable => {
                self.update(|state, _| {
                    if let Some(job) = state.job(id) {
                        job.stable = false;
                    }
                });
                return self.run(&job, inputs, MissReason::NotCacheable);
            }
            CacheKey::Content(key) => Arc::new(key),
        };
        self.remind(&[Recipe::Key(key.digest)], true);
        let mut evicted = job.evicted;
        match self.update(|state, fx| state.by_key(fx, id, &key)) {
            ByKey::Gone | ByKey::Follows => return,
            ByKey::Known(value, run) => return self.hit_by_content(&job, value, run),
            ByKey::Unknown => match self.cache.by_key(&key.digest) {
                Lookup::Hit { value, run } => return self.hit_by_content(&job, value, run),
                Lookup::Evicted => evicted = true,
                Lookup::Miss => {}
            },
        }
        let reason = if evicted {
            MissReason::Evicted
        } else {
            explain(&key.parts, &self.cache.nearest(&key, &self.kept_label(&job.op, &job.scope)))
        };
        self.run(&job, inputs, reason);
    }

    fn hit_by_content(self: &Arc<Self>, job: &Facts<O>, value: O::Value, run: EarlierRun) {
        let outcome = Outcome::Hit { by: HitBy::Content, run };
        self.tell_decision(job.id, &job.op, job.definition, &job.scope.context, outcome, job.met.elapsed());
        self.link(job.id, run);
        self.done(job.id, value, run);
    }

    fn run(self: &Arc<Self>, job: &Facts<O>, inputs: Vec<O::Value>, reason: MissReason) {
        let outcome = Outcome::Miss { reason: reason.clone() };
        self.tell_decision(job.id, &job.op, job.definition, &job.scope.context, outcome, job.met.elapsed());
        let weight = job.op.weight();
        let (queued, start) = self.update(|state, fx| {
            let queued = state.queue(fx, job.id, job.scope.id, inputs, reason, weight);
            // On a thread of its own a driver can do cheap runs itself.
            (queued, if weight == 0 && self.cache_may_block { state.take_start(job.id) } else { None })
        });
        if !queued {
            self.tell_cancelled(job.id, &job.op, job.definition, &job.scope);
        }
        if let Some(start) = start {
            RunTask::new(self.clone(), start).drive();
        }
    }

    /// A run has ended well: its result is stored before it is given to anybody.
    fn ran(self: &Arc<Self>, id: JobId, value: O::Value, duration: Duration) {
        if let Some(Storage { op, scope, key, definition }) = self.update(|state, _| state.storage(id)) {
            let label = self.kept_label(&op, &scope);
            let record = Record { definition, key: &key, label: &label, value: &value, duration };
            // A store in trouble costs the next run some time, but not this one its result.
            let _ = catch_unwind(AssertUnwindSafe(|| self.cache.store(record)));
        }
        self.done(id, value, EarlierRun { age: Duration::ZERO, took: duration, key: None });
    }

    /// A run has failed: what later runs are compared with is kept before anybody hears of it.
    fn failed(
        self: &Arc<Self>,
        id: JobId,
        error: SolveError<O::Error>,
        duration: Duration,
        scope: u64,
        inputs: &[O::Value],
    ) {
        if let Some(Storage { op, scope, key, .. }) = self.update(|state, _| state.storage(id)) {
            let label = self.kept_label(&op, &scope);
            let failure = Failure { key: &key, label: &label, duration };
            let _ = catch_unwind(AssertUnwindSafe(|| self.cache.fail(failure)));
        }
        self.update(|state, fx| {
            // The request in whose name it ran may have left meanwhile.
            if !state.again(id, scope, inputs) {
                state.complete(fx, id, Err(error), EarlierRun::default());
            }
        });
    }

    /// Notes that the job's definition leads to its key.
    fn link(self: &Arc<Self>, id: JobId, run: EarlierRun) {
        let storage = self.update(|state, _| state.storage(id));
        if let Some(Storage { key, definition: Some(definition), .. }) = storage {
            let _ = catch_unwind(AssertUnwindSafe(|| self.cache.link(&definition, &key.digest, run)));
        }
    }

    fn done(self: &Arc<Self>, id: JobId, value: O::Value, run: EarlierRun) {
        self.update(|state, fx| state.complete(fx, id, Ok(value), run));
    }
}
