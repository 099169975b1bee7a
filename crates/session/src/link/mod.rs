//! Calls over one connection, in both directions at once: concurrent, cancellable, with flow control.
//!
//! A call begins with a request and ends with a reply, an error, or a cancel by the caller. In between both sides may
//! send messages. Each side of each call has a window: a sender waits when the receiver does not take its messages,
//! so one big transfer neither fills memory nor holds up other calls.

mod channel;
mod driver;
pub mod frame;

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

pub use channel::{Call, Channel, Sender, Step};
pub(crate) use driver::{Peer, drive};

use crate::{RemoteError, SessionError};
use frame::Header;

/// Bytes of messages that may be on their way, per call and direction.
pub const WINDOW: usize = 4 << 20;
/// Longest payload that senders put into one message, so that calls interleave finely.
pub const CHUNK: usize = 256 << 10;
/// Bytes of messages that may wait for the connection, all calls together.
const OUTGOING: usize = 4 << 20;
/// Calls of the other side that may run at a time.
const MAX_INCOMING_CALLS: usize = 1024;
/// Bytes of events that may wait before new ones are dropped.
const MAX_EVENT_BYTES: usize = 8 << 20;
/// Of these, what only short ones may fill: the ends of steps and the last words of a failure find room behind a flood of output.
const KEPT_FOR_SHORT: usize = 2 << 20;
/// Longest event that is short, in bytes.
const SHORT: usize = 4 << 10;
/// Last words that may be kept at a time.
const LAST_WORDS: u32 = 1 << 16;
/// The window of events.
const EVENTS: u64 = 0;

/// Lets the end of a link wait.
#[derive(Debug)]
pub struct LastWord(#[expect(dead_code, reason = "is there to be dropped")] OwnedSemaphorePermit);

/// A JSON body and raw bytes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Message {
    /// The JSON part.
    pub body: Value,
    /// The raw part, at most 1 MiB.
    pub payload: Bytes,
}

impl Message {
    /// Without payload.
    #[must_use]
    pub fn json(body: &impl Serialize) -> Self {
        Self { body: to_value(body), payload: Bytes::new() }
    }

    /// Reads the body.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, SessionError> {
        T::deserialize(&self.body)
            .map_err(|error| SessionError::protocol(format!("unexpected message: {error}")))
    }
}

fn to_value(body: &impl Serialize) -> Value {
    serde_json::to_value(body).unwrap_or(Value::Null)
}

/// A call of the other side.
#[derive(Debug)]
pub struct Request {
    /// What is asked.
    pub kind: String,
    /// Arguments.
    pub message: Message,
    /// For messages to and from the caller.
    pub channel: Channel,
}

/// What a [`Handler`] returns.
pub type Answer = Pin<Box<dyn Future<Output = Result<Message, RemoteError>> + Send>>;

/// Answers the other side's calls. The future is dropped when the caller takes the call back or the link ends.
pub trait Handler: Send + Sync + 'static {
    /// Answers one call.
    fn handle(&self, request: Request) -> Answer;
}

/// One end of a link. Cheap to clone.
#[derive(Clone)]
pub struct Link {
    shared: Arc<Shared>,
}

struct Shared {
    outgoing: mpsc::UnboundedSender<Outgoing>,
    /// Bytes of messages that may be queued in `outgoing`.
    budget: Arc<Semaphore>,
    state: Mutex<State>,
    closed: CancellationToken,
    events: Mutex<EventQueue>,
    events_ready: Notify,
    events_credit: Arc<Semaphore>,
    last_words: Arc<Semaphore>,
}

enum Outgoing {
    Frame {
        head: Vec<u8>,
        payload: Bytes,
        _permit: Option<OwnedSemaphorePermit>,
    },
    /// Nothing follows.
    Finish,
}

#[derive(Default)]
struct State {
    next_id: u64,
    calls: HashMap<u64, CallState>,
    incoming_calls: usize,
}

struct CallState {
    /// Messages for whoever holds the channel.
    inbox: mpsc::UnboundedSender<Inbound>,
    /// What may still be sent.
    credit: Arc<Semaphore>,
    /// What may still be received.
    window: usize,
    /// Whether the other side is the caller.
    incoming: bool,
    /// Of the other side's calls: stops the handler.
    abort: Option<tokio::task::AbortHandle>,
}

impl CallState {
    fn stop(self) {
        self.credit.close();
        if let Some(abort) = self.abort {
            abort.abort();
        }
    }
}

#[derive(Debug)]
enum Inbound {
    Message { message: Message, size: usize },
    Reply(Message),
    Error(RemoteError),
}

#[derive(Default)]
struct EventQueue {
    queue: VecDeque<Bytes>,
    bytes: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Link {
    /// Begins a call.
    pub fn call(&self, kind: &str, body: &impl Serialize) -> Result<Call, SessionError> {
        let (inbox, inbound) = mpsc::unbounded_channel();
        let credit = Arc::new(Semaphore::new(WINDOW));
        let id = {
            let mut state = lock(&self.shared.state);
            if self.shared.closed.is_cancelled() {
                return Err(SessionError::Closed);
            }
            let id = state.next_id;
            state.next_id += 2;
            let call = CallState {
                inbox,
                credit: Arc::clone(&credit),
                window: WINDOW,
                incoming: false,
                abort: None,
            };
            state.calls.insert(id, call);
            id
        };
        let channel = Channel::new(self.clone(), id, inbound, credit);
        self.push(&Header::Request { id, kind: kind.to_owned(), body: to_value(body) }, Bytes::new(), None);
        Ok(Call::new(channel))
    }

    /// A call without messages in between.
    pub async fn ask(&self, kind: &str, body: &impl Serialize) -> Result<Message, SessionError> {
        let mut call = self.call(kind, body)?;
        loop {
            if let Step::Reply(reply) = call.next().await? {
                return Ok(reply);
            }
        }
    }

    /// Queues an event. False when it was dropped: the link has ended, or 8 MiB are waiting, 6 MiB if it is longer than 4 KiB.
    pub fn emit(&self, event: Bytes) -> bool {
        let mut events = lock(&self.shared.events);
        let room = MAX_EVENT_BYTES - if event.len() > SHORT { KEPT_FOR_SHORT } else { 0 };
        let fits = event.len() <= frame::MAX_PAYLOAD && events.bytes + event.len() <= room;
        if !fits || self.shared.closed.is_cancelled() {
            return false;
        }
        events.bytes += event.len();
        events.queue.push_back(event);
        drop(events);
        self.shared.events_ready.notify_one();
        true
    }

    /// While it is kept, an end that the other side begins in order waits for it. None when very many are kept.
    pub fn last_word(&self) -> Option<LastWord> {
        Arc::clone(&self.shared.last_words).try_acquire_owned().ok().map(LastWord)
    }

    /// Sends what is queued and then nothing more; the other side sees the end and ends too.
    pub fn finish(&self) {
        let _ = self.shared.outgoing.send(Outgoing::Finish);
    }

    /// Whether the link has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.closed.is_cancelled()
    }

    /// Returns when the link has ended.
    pub async fn closed(&self) {
        self.shared.closed.cancelled().await;
    }

    /// The token that is cancelled when the link has ended.
    pub(crate) fn closed_token(&self) -> CancellationToken {
        self.shared.closed.clone()
    }

    fn push(&self, header: &Header, payload: Bytes, permit: Option<OwnedSemaphorePermit>) {
        let head = frame::encode(header, payload.len());
        // Fails only when the writer has gone; then the link is closed, which every waiter sees.
        let _ = self.shared.outgoing.send(Outgoing::Frame { head, payload, _permit: permit });
    }

    /// Queues a frame that counts: waits for the receiver's window first, then for room in the queue.
    async fn push_counted(
        &self,
        credit: &Semaphore,
        header: &Header,
        payload: Bytes,
    ) -> Result<(), SessionError> {
        if payload.len() > frame::MAX_PAYLOAD {
            return Err(SessionError::protocol("a payload above 1 MiB"));
        }
        let head = frame::encode(header, payload.len());
        if head.len() - 8 > frame::MAX_HEADER {
            return Err(SessionError::protocol("a header above 1 MiB"));
        }
        let size = (head.len() - 8 + payload.len()) as u32;
        credit.acquire_many(size).await.map_err(|_| SessionError::Closed)?.forget();
        let budget = Arc::clone(&self.shared.budget);
        let permit = budget.acquire_many_owned(size).await.map_err(|_| SessionError::Closed)?;
        let frame = Outgoing::Frame { head, payload, _permit: Some(permit) };
        self.shared.outgoing.send(frame).map_err(|_| SessionError::Closed)
    }
}

#[cfg(test)]
mod tests;
