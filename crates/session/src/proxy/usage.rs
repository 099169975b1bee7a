//! What a connection is used for: one that asks nothing must not keep others out for good.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::sync::Semaphore;

use super::answer::Body;

/// The requests of one connection.
pub(super) struct Usage(Mutex<State>);

struct State {
    running: usize,
    /// When the last one ended, or the connection began.
    since: Instant,
}

/// A request that is not answered to its end.
pub(super) struct Busy(Arc<Usage>);

/// The body of an answer; its request runs until it is sent.
pub(super) struct InUse {
    pub(super) body: Body,
    pub(super) _busy: Busy,
}

impl Default for Usage {
    fn default() -> Self {
        Self(Mutex::new(State { running: 0, since: Instant::now() }))
    }
}

impl Usage {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(self: &Arc<Self>) -> Busy {
        self.state().running += 1;
        Busy(Arc::clone(self))
    }

    /// Returns once all places are taken and nothing was asked here for so long.
    pub(super) async fn wasted(&self, places: &Semaphore, patience: Duration) {
        loop {
            tokio::time::sleep(patience / 4).await;
            let state = self.state();
            if state.running == 0 && state.since.elapsed() >= patience && places.available_permits() == 0 {
                return;
            }
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.running -= 1;
        state.since = Instant::now();
    }
}

impl hyper::body::Body for InUse {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
