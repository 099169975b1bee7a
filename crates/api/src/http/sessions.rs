//! Which sessions there are, and when the engine was last in use.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kukri_engine::Session;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::View;

/// The sessions of now, by id.
#[derive(Default)]
pub struct SessionTable {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    seats: HashMap<String, Reserved>,
    requests: usize,
    last: Option<Instant>,
}

struct Reserved {
    view: View,
    session: watch::Receiver<Option<Arc<Session>>>,
    ended: CancellationToken,
}

/// How much the engine is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activity {
    /// Live sessions.
    pub sessions: usize,
    /// Requests that are being answered.
    pub requests: usize,
    /// When the last request or session began or ended; `None` if there was none yet.
    pub last: Option<Instant>,
}

/// A session as a query needs it.
pub(super) struct Seat {
    pub(super) session: Arc<Session>,
    pub(super) view: View,
    pub(super) ended: CancellationToken,
}

/// A session's place on the table. Dropping it takes the session off.
pub(super) struct Place {
    table: Arc<SessionTable>,
    id: String,
    session: watch::Sender<Option<Arc<Session>>>,
    ended: CancellationToken,
}

/// Counts one request while it lives.
pub(super) struct Busy(Arc<SessionTable>);

impl SessionTable {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn touch(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        state.last = Some(Instant::now());
        drop(state);
        self.changed.notify_waiters();
    }

    /// How much the engine is in use.
    #[must_use]
    pub fn activity(&self) -> Activity {
        let state = self.lock();
        Activity { sessions: state.seats.len(), requests: state.requests, last: state.last }
    }

    /// Ids of the live sessions.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        self.lock().seats.keys().cloned().collect()
    }

    /// Ends a session; `false` if there is none with this id.
    pub fn end(&self, id: &str) -> bool {
        let token = self.lock().seats.get(id).map(|seat| seat.ended.clone());
        token.is_some_and(|token| {
            token.cancel();
            true
        })
    }

    /// Ends all sessions.
    pub fn end_all(&self) {
        let tokens: Vec<CancellationToken> =
            self.lock().seats.values().map(|seat| seat.ended.clone()).collect();
        tokens.iter().for_each(CancellationToken::cancel);
    }

    /// Returns when there has been no session and no request for `time`. An engine that was never used counts from
    /// the call on.
    pub async fn idle(&self, time: Duration) {
        let start = Instant::now();
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let Activity { sessions, requests, last } = self.activity();
            if sessions > 0 || requests > 0 {
                changed.await;
                continue;
            }
            let since = last.map_or(start, |last| last.max(start)).elapsed();
            let Some(rest) = time.checked_sub(since).filter(|rest| !rest.is_zero()) else { return };
            let _ = tokio::time::timeout(rest, changed).await;
        }
    }

    /// Returns when there is a session or a request, or has been one since `before`.
    pub async fn used_since(&self, before: Activity) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let Activity { sessions, requests, last } = self.activity();
            if sessions > 0 || requests > 0 || last != before.last {
                return;
            }
            changed.await;
        }
    }

    /// Takes a place; `None` if the id is taken.
    pub(super) fn reserve(self: &Arc<Self>, id: &str, view: View) -> Option<Place> {
        let (sender, receiver) = watch::channel(None);
        let ended = CancellationToken::new();
        let mut free = false;
        self.touch(|state| {
            free = !state.seats.contains_key(id);
            if free {
                let seat = Reserved { view, session: receiver, ended: ended.clone() };
                state.seats.insert(id.to_owned(), seat);
            }
        });
        free.then(|| Place { table: Arc::clone(self), id: id.to_owned(), session: sender, ended })
    }

    /// The session, as soon as it is ready; `None` if there is none, or it does not get ready.
    pub(super) async fn find(&self, id: &str) -> Option<Seat> {
        let (view, mut session, ended) = {
            let state = self.lock();
            let seat = state.seats.get(id)?;
            (seat.view, seat.session.clone(), seat.ended.clone())
        };
        let session = session.wait_for(Option::is_some).await.ok()?.clone()?;
        Some(Seat { session, view, ended })
    }

    /// Counts a request until the guard is dropped.
    pub(super) fn busy(self: &Arc<Self>) -> Busy {
        self.touch(|state| state.requests += 1);
        Busy(Arc::clone(self))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.touch(|state| state.requests -= 1);
    }
}

impl Place {
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Cancelled to end the session.
    pub(super) const fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    /// From now on queries find the session.
    pub(super) fn fill(&self, session: Arc<Session>) {
        self.session.send_replace(Some(session));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.ended.cancel();
        self.table.touch(|state| {
            state.seats.remove(&self.id);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn queries_wait_for_their_session_and_end_with_it() {
        let table = Arc::new(SessionTable::default());
        assert!(table.find("a").await.is_none());
        let place = table.reserve("a", View::DEFAULT).unwrap();
        assert!(table.reserve("a", View::DEFAULT).is_none());
        let waiting = tokio::spawn({
            let table = Arc::clone(&table);
            async move { table.find("a").await.map(|seat| seat.ended) }
        });
        tokio::task::yield_now().await;
        place.fill(Arc::new(Session::new("a".to_owned())));
        let ended = waiting.await.unwrap().unwrap();
        assert!(!ended.is_cancelled());
        drop(place);
        assert!(ended.is_cancelled());
        assert!(table.find("a").await.is_none());
        let failing = table.reserve("a", View::DEFAULT).unwrap();
        let waiting = table.find("a");
        drop(failing);
        assert!(waiting.await.is_none());
    }

    #[tokio::test]
    async fn idle_counts_from_the_last_use() {
        let table = Arc::new(SessionTable::default());
        table.idle(Duration::ZERO).await;
        let busy = table.busy();
        assert_eq!(table.activity().requests, 1);
        let idle = tokio::time::timeout(Duration::from_millis(30), table.idle(Duration::ZERO));
        assert!(idle.await.is_err(), "a request is running");
        drop(busy);
        let before = Instant::now();
        table.idle(Duration::from_millis(30)).await;
        assert!(before.elapsed() >= Duration::from_millis(25), "{:?}", before.elapsed());
        let idle = table.activity();
        let unused = tokio::time::timeout(Duration::from_millis(30), table.used_since(idle));
        assert!(unused.await.is_err(), "nothing has happened");
        drop(table.busy());
        table.used_since(idle).await;
    }
}
