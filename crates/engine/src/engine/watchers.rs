//! Who waits for which step, and what they have been told of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kukri_telemetry::Event;

use crate::session::Session;
use crate::vertex::{SolveContext, Vertex};

/// Which sessions wait for which step that is not found: all of them see its output.
///
/// A step begins, for all who wait, when it has its inputs and its turn, so that its duration is its own and the steps
/// before it are known.
#[derive(Default)]
pub struct Watchers(Mutex<HashMap<u64, Watched>>);

/// A step.
#[derive(Default)]
struct Watched {
    /// Why it runs, as soon as that is decided.
    reason: Option<String>,
    begun: bool,
    listeners: Vec<Listener>,
}

/// One session that waits for it.
struct Listener {
    context: SolveContext,
    /// The step, as the session asked for it: steps of different recipes can be one run.
    asked: Vec<Arc<Vertex>>,
    /// How many requests of the session wait.
    requests: usize,
    told: Told,
}

/// Whether a session knows that a step runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    No,
    /// That is being told right now.
    Begins,
    Yes,
}

/// What is to be told to a session that learns of a step.
pub(super) struct Begin {
    /// The session.
    pub context: SolveContext,
    /// The step, as it asked for it; never empty.
    pub asked: Vec<Arc<Vertex>>,
    /// Why it runs; unknown to those who join a run of another one.
    pub reason: Option<String>,
}

/// What is to be told to a request whose wait is over.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// The session knows the step: how it ended.
    Finished,
    /// It ended before it began for the session.
    NeverBegan,
    /// Nothing: others of the session wait for it still, or have been told.
    Nothing,
}

impl Watchers {
    fn all(&self) -> MutexGuard<'_, HashMap<u64, Watched>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request waits for a step. If that has begun already and the session does not know: what to tell it.
    pub(super) fn join(&self, id: u64, op: &Arc<Vertex>, context: &SolveContext) -> Option<Begin> {
        let mut all = self.all();
        let step = all.entry(id).or_default();
        let begun = step.begun;
        let listener = step.listener(context);
        listener.requests += 1;
        if !listener.asked.iter().any(|known| known.digest == op.digest) {
            listener.asked.push(Arc::clone(op));
        }
        begun.then(|| listener.begin(None)).flatten()
    }

    /// It is decided that a step runs.
    pub(super) fn decide(&self, id: u64, reason: String) {
        self.all().entry(id).or_default().reason = Some(reason);
    }

    /// A step begins: what to tell to whom.
    pub(super) fn begin(&self, id: u64) -> Vec<Begin> {
        let mut all = self.all();
        let Some(step) = all.get_mut(&id) else { return Vec::new() };
        step.begun = true;
        let reason = step.reason.clone();
        step.listeners.iter_mut().filter_map(|listener| listener.begin(reason.clone())).collect()
    }

    /// It has been told.
    pub(super) fn told(&self, id: u64, session: &Session) {
        if let Some(listener) = self.all().get_mut(&id).and_then(|step| step.of(session)) {
            listener.told = Told::Yes;
        }
    }

    /// A request waits no more; `left` if only it leaves, and others may go on waiting.
    pub(super) fn leave(&self, id: u64, session: &Session, left: bool) -> Over {
        let mut all = self.all();
        let Some(step) = all.get_mut(&id) else { return Over::Nothing };
        let Some(listener) = step.of(session) else { return Over::Nothing };
        listener.requests -= 1;
        if left && listener.requests > 0 {
            return Over::Nothing;
        }
        let over = if listener.told == Told::No { Over::NeverBegan } else { Over::Finished };
        step.listeners.retain(|known| known.context.session.id() != session.id());
        if step.listeners.is_empty() {
            all.remove(&id);
        }
        over
    }

    fn of(&self, id: u64) -> Vec<Arc<Session>> {
        let all = self.all();
        let Some(step) = all.get(&id) else { return Vec::new() };
        let told = step.listeners.iter().filter(|listener| listener.told == Told::Yes);
        told.map(|listener| Arc::clone(&listener.context.session)).collect()
    }

    /// Tells all that wait for a step.
    pub fn tell(&self, id: u64, event: &Event) {
        for session in self.of(id) {
            session.progress().tell(event);
        }
    }

    /// How often one of them wants to know what a step uses while it runs; none if nobody wants it counted.
    pub fn samples(&self, id: u64) -> Option<Duration> {
        self.of(id).iter().filter_map(|session| session.progress().samples()).min()
    }

    /// Tells those who want to know it what a step uses while it runs.
    pub fn sample(&self, id: u64, event: &Event) {
        for session in self.of(id) {
            if session.progress().samples().is_some() {
                session.progress().tell(event);
            }
        }
    }

    /// Tells those of them that export telemetry what happens.
    pub fn moment(&self, id: u64, name: &str, exit_code: Option<i32>) {
        for session in self.of(id) {
            session.progress().moment(id, name, exit_code);
        }
    }
}

impl Watched {
    fn of(&mut self, session: &Session) -> Option<&mut Listener> {
        self.listeners.iter_mut().find(|known| known.context.session.id() == session.id())
    }

    fn listener(&mut self, context: &SolveContext) -> &mut Listener {
        let known =
            self.listeners.iter().position(|known| known.context.session.id() == context.session.id());
        let at = known.unwrap_or_else(|| {
            let context = context.clone();
            self.listeners.push(Listener { context, asked: Vec::new(), requests: 0, told: Told::No });
            self.listeners.len() - 1
        });
        &mut self.listeners[at]
    }
}

impl Listener {
    fn begin(&mut self, reason: Option<String>) -> Option<Begin> {
        if self.told != Told::No {
            return None;
        }
        self.told = Told::Begins;
        Some(Begin { context: self.context.clone(), asked: self.asked.clone(), reason })
    }
}
