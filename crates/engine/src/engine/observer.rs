//! What the solver decides, as events for the sessions concerned.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kukri_model::Digest;
use kukri_solver::{Decision, HitBy, MissReason, Observer, Outcome, SolveError, Vertex as Solved};
use kukri_telemetry::{Event, SpanId, SpanKind, SpanOutcome};

use super::cache;
use crate::error::OpError;
use crate::progress::{failed, now};
use crate::session::Session;
use crate::vertex::{Vertex, VertexOp, VertexValue};

/// Which sessions wait for which vertex: all of them see its output.
#[derive(Default)]
pub struct Watchers(Mutex<HashMap<u64, Vec<Arc<Session>>>>);

impl Watchers {
    fn add(&self, vertex: u64, session: &Arc<Session>) {
        let mut watchers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sessions = watchers.entry(vertex).or_default();
        if !sessions.iter().any(|known| known.id() == session.id()) {
            sessions.push(Arc::clone(session));
        }
    }

    fn remove(&self, vertex: u64, session: &Arc<Session>) {
        let mut watchers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sessions) = watchers.get_mut(&vertex) {
            sessions.retain(|known| known.id() != session.id());
            if sessions.is_empty() {
                watchers.remove(&vertex);
            }
        }
    }

    fn of(&self, vertex: u64) -> Vec<Arc<Session>> {
        let watchers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.get(&vertex).cloned().unwrap_or_default()
    }

    /// Tells all that wait for a vertex.
    pub fn tell(&self, vertex: u64, event: &Event) {
        for session in self.of(vertex) {
            session.progress().tell(event);
        }
    }

    /// Tells those of them that export telemetry what happens.
    pub fn moment(&self, vertex: u64, name: &str, exit_code: Option<i32>) {
        for session in self.of(vertex) {
            session.progress().moment(vertex, name, exit_code);
        }
    }
}

/// Tells sessions what the solver does for them.
pub struct Reporter {
    watchers: Arc<Watchers>,
    /// Why vertices run that have been decided but wait for their turn.
    reasons: Mutex<HashMap<u64, String>>,
}

impl Reporter {
    /// For the sessions that `watchers` collects.
    pub fn new(watchers: Arc<Watchers>) -> Self {
        Self { watchers, reasons: Mutex::default() }
    }

    fn reasons(&self) -> std::sync::MutexGuard<'_, HashMap<u64, String>> {
        self.reasons.lock().unwrap_or_else(PoisonError::into_inner)
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
        let session = &vertex.context.session;
        let progress = session.progress();
        if !progress.is_on() {
            return;
        }
        let id = match decision.outcome {
            // A hit has no run, and so no number of its own.
            Outcome::Hit { .. } => vertex.context.engine.next_span(),
            _ => vertex.id,
        };
        if matches!(decision.outcome, Outcome::Hit { .. }) && !progress.lineage().claim(vertex.op.digest, id)
        {
            // Used again in the same run: that is no step more.
            return;
        }
        if let Outcome::Miss { reason } = &decision.outcome {
            // It begins when it has its turn, so that its duration is its own.
            self.watchers.add(vertex.id, session);
            self.reasons().insert(vertex.id, why(reason));
            return;
        }
        let label = decision.label.clone();
        started(vertex, id, label, kind);
        match &decision.outcome {
            Outcome::Hit { by, run } => {
                let reason = match by {
                    HitBy::Definition => format!("the same step ran {} ago", ago(run.age)),
                    HitBy::Content => format!("a step with the same content ran {} ago", ago(run.age)),
                };
                let took = saved_ns(run.took);
                // Its own run is known more exactly; the rest is what was before it.
                let mut spared = progress.lineage().spares(vertex.op);
                let all = spared.len();
                spared.retain(|recipe| *recipe != vertex.op.digest);
                let spared_ns = Some(if spared.len() < all { took } else { 0 });
                progress.tell(&Event::SpanCached { id, reason, saved_ns: took, spared_ns });
                progress.tell(&Event::SpanFinished { id, outcome: SpanOutcome::Cached, time_ns: now() });
                tell_spared(vertex, id, spared);
            }
            Outcome::Miss { .. } => {}
            Outcome::Joined => self.watchers.add(vertex.id, session),
        }
    }

    fn on_start(&self, vertex: &Solved<'_, Vertex>) {
        let Some(kind) = kind(vertex.op) else { return };
        let Some(reason) = self.reasons().remove(&vertex.id) else { return };
        let (id, label) = (vertex.id, vertex.op.label());
        let progress = vertex.context.session.progress();
        if progress.is_on() {
            started(vertex, id, label, kind);
        }
        progress.tell(&Event::SpanNotCached { id, reason });
    }

    fn on_finish(
        &self,
        vertex: &Solved<'_, Vertex>,
        result: Result<&VertexValue, &SolveError<OpError>>,
        _: Duration,
    ) {
        let session = &vertex.context.session;
        if kind(vertex.op).is_none() || !session.progress().is_on() {
            return;
        }
        let outcome = match result {
            Ok(_) => SpanOutcome::Ok,
            Err(SolveError::Failed { error, .. }) => failed(error),
            Err(SolveError::Cancelled { .. }) => SpanOutcome::Cancelled,
            Err(error) => SpanOutcome::Failed { message: error.to_string(), exit_code: None },
        };
        session.progress().tell(&Event::SpanFinished { id: vertex.id, outcome, time_ns: now() });
        self.reasons().remove(&vertex.id);
        self.watchers.remove(vertex.id, session);
    }
}

/// A step begins, or is found done.
fn started(vertex: &Solved<'_, Vertex>, id: SpanId, label: String, kind: SpanKind) {
    let progress = vertex.context.session.progress();
    let inputs = progress.lineage().of(vertex.op.trees());
    progress.lineage().note(vertex.op.digest, id);
    progress.step(id, label, kind, inputs, vertex.context.trace.as_ref(), &vertex.op.digest);
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
