//! Telling a request what it waits for where that runs in the name of others.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kukri_model::Digest;

use super::State;
use crate::job::{Effects, Gate, Job, JobId, Joiner, MemoryHit, Scope};
use crate::op::Op;

impl<O: Op> State<O> {
    /// The request is told of this job, as what it asked for; its listener, unless it is already, of all that the job
    /// waits for: that runs in the name of others, and may be what everything waits for, or what fails.
    pub(super) fn join(
        &mut self,
        fx: &mut Effects<O>,
        scope: &Arc<Scope<O>>,
        id: JobId,
        op: &Arc<O>,
        definition: Digest,
        waited: Duration,
    ) {
        let mut todo = self.join_one(fx, scope, id, (op.clone(), definition), waited);
        while let Some(id) = todo.pop() {
            let Some(job) = self.jobs.get(&id).filter(|job| !job.is_told(scope)) else { continue };
            if scope.memo().seen.insert(job.definition) {
                let asked = (job.op.clone(), job.definition);
                todo.append(&mut self.join_one(fx, scope, id, asked, Duration::ZERO));
            }
        }
    }

    /// The request is told of this job. What it has to be told of besides, if that is not told to its listener already.
    fn join_one(
        &mut self,
        fx: &mut Effects<O>,
        scope: &Arc<Scope<O>>,
        id: JobId,
        (op, definition): (Arc<O>, Digest),
        waited: Duration,
    ) -> Vec<JobId> {
        let Some(job) = self.jobs.get_mut(&id) else { return Vec::new() };
        let inputs = if job.is_told(scope) { Vec::new() } else { job.waits_for.clone() };
        let joiner = Arc::new(Joiner {
            vertex: id,
            op,
            definition,
            scope: scope.clone(),
            since: Instant::now(),
            waited,
            gate: Mutex::new(Gate::Announcing),
        });
        job.joiners.push(joiner.clone());
        fx.joined.push(joiner);
        inputs
    }

    /// The request waits for a job of another one, which needs this vertex.
    pub(super) fn overhear(
        &mut self,
        fx: &mut Effects<O>,
        scope: &Arc<Scope<O>>,
        op: &Arc<O>,
        definition: Digest,
    ) {
        if let Some(&id) = self.in_flight.get(&definition) {
            let told = self.jobs.get(&id).is_none_or(|job| job.is_told(scope));
            if !told && scope.memo().seen.insert(definition) {
                self.join(fx, scope, id, op, definition, Duration::ZERO);
            }
        } else if let Some((_, run)) = self.known(&definition)
            && scope.memo().seen.insert(definition)
        {
            let (vertex, op, scope) = (self.new_id(), op.clone(), scope.clone());
            fx.hits.push(MemoryHit { vertex, op, definition, scope, run });
        }
    }

    /// One request of each listener that has joined this job, and waits for anything still.
    pub(super) fn listeners(&self, job: &Job<O>) -> Vec<Arc<Scope<O>>> {
        let mut listeners: Vec<Arc<Scope<O>>> = Vec::new();
        for joiner in &job.joiners {
            let same = |other: &Arc<Scope<O>>| O::same_listener(&other.context, &joiner.scope.context);
            let waits =
                |scope| self.is_there(scope) || self.requests.values().any(|request| same(&request.scope));
            if !same(&job.scope) && !listeners.iter().any(same) && waits(&joiner.scope) {
                listeners.push(joiner.scope.clone());
            }
        }
        listeners
    }
}
