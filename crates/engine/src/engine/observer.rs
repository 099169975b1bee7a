//! What the solver decides, as events for the sessions concerned.

use std::sync::Arc;
use std::time::Duration;

use kukri_model::Digest;
use kukri_solver::{Decision, HitBy, MissReason, Observer, Outcome, SolveError, Vertex as Solved};
use kukri_telemetry::{Event, SpanId, SpanKind, SpanOutcome};

use super::cache;
use super::watchers::{Begin, Over, Watchers};
use crate::error::OpError;
use crate::progress::{failed, now};
use crate::vertex::{SolveContext, Vertex, VertexOp, VertexValue};

/// Tells sessions what the solver does for them.
pub struct Reporter(Arc<Watchers>);

impl Reporter {
    /// For the sessions that `watchers` collects.
    pub const fn new(watchers: Arc<Watchers>) -> Self {
        Self(watchers)
    }

    /// Tells a session that a step begins.
    fn begin(&self, id: SpanId, begin: &Begin) {
        let Some(op) = begin.asked.first() else { return };
        let Some(kind) = kind(op) else { return };
        let session = &begin.context.session;
        if !session.progress().is_on() {
            return;
        }
        started(op, &begin.context, id, kind);
        for other in &begin.asked {
            session.progress().lineage().note(other.digest, id);
        }
        if let Some(reason) = begin.reason.clone() {
            session.progress().tell(&Event::SpanNotCached { id, reason });
        }
        self.0.told(id, session);
    }
}

/// Tree operations are too many and too quick to be told.
const fn kind(vertex: &Vertex) -> Option<SpanKind> {
    match vertex.op {
        VertexOp::Edit(_) => None,
        VertexOp::Exec(_) => Some(SpanKind::Exec),
        VertexOp::Pull(_) | VertexOp::Import(_) => Some(SpanKind::Pull),
        VertexOp::Tarball(_) => Some(SpanKind::Tree),
    }
}

/// Tells how long these recipes took. Nobody waits for it but the end of the session: it is a look-up for each.
fn tell_spared(vertex: &Solved<'_, Vertex>, id: SpanId, recipes: Vec<Digest>) {
    let session = Arc::clone(&vertex.context.session);
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
    let Some(last_word) = session.progress().last_word() else { return };
    if recipes.is_empty() {
        return;
    }
    let store = vertex.context.engine.store().clone();
    runtime.spawn_blocking(move || {
        let spared_ns = saved_ns(cache::took(&store, &recipes));
        if spared_ns > 0 {
            session.progress().tell(&Event::SpanSpared { id, spared_ns });
        }
        drop(last_word);
    });
}

impl Observer<Vertex> for Reporter {
    fn on_decision(&self, vertex: &Solved<'_, Vertex>, decision: &Decision) {
        let Some(kind) = kind(vertex.op) else { return };
        match &decision.outcome {
            Outcome::Hit { by, run } => {
                let reason = match by {
                    HitBy::Definition => format!("the same step ran {} ago", ago(run.age)),
                    HitBy::Content => format!("a step with the same content ran {} ago", ago(run.age)),
                };
                found(vertex, kind, reason, saved_ns(run.took));
            }
            Outcome::Miss { reason } => {
                self.0.decide(vertex.id, why(reason));
                self.0.join(vertex.id, vertex.op, vertex.context);
            }
            Outcome::Joined => {
                if let Some(begin) = self.0.join(vertex.id, vertex.op, vertex.context) {
                    self.begin(vertex.id, &begin);
                }
            }
        }
    }

    fn on_start(&self, vertex: &Solved<'_, Vertex>) {
        for begin in self.0.begin(vertex.id) {
            self.begin(vertex.id, &begin);
        }
    }

    fn on_finish(
        &self,
        vertex: &Solved<'_, Vertex>,
        result: Result<&VertexValue, &SolveError<OpError>>,
        _: Duration,
    ) {
        let session = &vertex.context.session;
        let Some(kind) = kind(vertex.op) else { return };
        let left = matches!(result, Err(SolveError::Cancelled { .. }));
        match self.0.leave(vertex.id, session, left) {
            Over::Nothing => {}
            Over::NeverBegan => {
                // What fails before it begins has failed somewhere else. What another session found is known to this one,
                // too, from then on.
                if result.is_ok() {
                    found(vertex, kind, "another session found it at the same time".to_owned(), 0);
                }
            }
            Over::Finished => {
                let outcome = match result {
                    Ok(_) => SpanOutcome::Ok,
                    Err(SolveError::Failed { error, .. }) => failed(error),
                    Err(SolveError::Cancelled { .. }) => SpanOutcome::Cancelled,
                    Err(error) => SpanOutcome::Failed { message: error.to_string(), exit_code: None },
                };
                session.progress().tell(&Event::SpanFinished { id: vertex.id, outcome, time_ns: now() });
            }
        }
    }
}

/// A step begins, or is found done.
fn started(op: &Vertex, context: &SolveContext, id: SpanId, kind: SpanKind) {
    let progress = context.session.progress();
    let inputs = progress.lineage().of(op.trees());
    progress.lineage().note(op.digest, id);
    progress.step(id, op.label(), kind, inputs, context.trace.as_ref(), &op.digest);
}

/// A step is done already. Used again in the same run that is no step more: of many who find it, one tells it.
fn found(vertex: &Solved<'_, Vertex>, kind: SpanKind, reason: String, took: u64) {
    let progress = vertex.context.session.progress();
    if !progress.is_on() {
        return;
    }
    // It has no run, and so no number of its own.
    let id = vertex.context.engine.next_span();
    if !progress.lineage().claim(vertex.op.digest, id) {
        return;
    }
    started(vertex.op, vertex.context, id, kind);
    // Its own run is known more exactly; the rest is what was before it.
    let mut spared = progress.lineage().spares(vertex.op);
    let all = spared.len();
    spared.retain(|recipe| *recipe != vertex.op.digest);
    let spared_ns = Some(if spared.len() < all { took } else { 0 });
    progress.tell(&Event::SpanCached { id, reason, saved_ns: took, spared_ns });
    progress.tell(&Event::SpanFinished { id, outcome: SpanOutcome::Cached, time_ns: now() });
    tell_spared(vertex, id, spared);
}

fn saved_ns(took: Duration) -> u64 {
    u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)
}

/// Why a step runs, in words.
#[must_use]
pub fn why(reason: &MissReason) -> String {
    match reason {
        MissReason::FirstRun => "first run".to_owned(),
        MissReason::Changed(parts) => format!("changed: {}", parts.join(", ")),
        MissReason::Replaces { other, parts } => replaces(other, parts),
        MissReason::NotCacheable => "never cached".to_owned(),
        MissReason::Evicted => "the earlier result is gone".to_owned(),
        MissReason::Failed => "the same step failed last time".to_owned(),
    }
}

/// The same for a step that seems to be a later form of another one.
#[must_use]
pub fn replaces(other: &str, parts: &[String]) -> String {
    /// Most of the earlier command that is shown.
    const SHOWN: usize = 60;
    let mut shown: String = other.chars().take(SHOWN).collect();
    if shown.len() < other.len() {
        shown.push('…');
    }
    format!("changed: {} (compared with: {shown})", parts.join(", "))
}

fn ago(age: Duration) -> String {
    match age.as_secs() {
        0..=119 => format!("{} s", age.as_secs()),
        120..=7199 => format!("{} min", age.as_secs() / 60),
        7200..=172_799 => format!("{} h", age.as_secs() / 3600),
        seconds => format!("{} days", seconds / 86400),
    }
}
