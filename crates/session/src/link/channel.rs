//! The two ends of one call.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::{Semaphore, mpsc};

use super::frame::Header;
use super::{Inbound, Link, Message, WINDOW, lock, to_value};
use crate::SessionError;

/// What a caller gets next.
#[derive(Debug)]
pub enum Step {
    /// A message; the call goes on.
    Message(Message),
    /// The result; the call has ended.
    Reply(Message),
}

/// The messages of one call, from either end.
#[derive(Debug)]
pub struct Channel {
    sender: Sender,
    inbound: mpsc::UnboundedReceiver<Inbound>,
    /// Bytes taken but not yet told to the sender.
    taken: usize,
}

/// Sends messages of one call. Cheap to clone.
#[derive(Clone)]
pub struct Sender {
    link: Link,
    id: u64,
    credit: Arc<Semaphore>,
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Sender {
    /// Sends a message; waits while the other side has not taken enough of the earlier ones.
    pub async fn send(&self, body: &impl Serialize, payload: Bytes) -> Result<(), SessionError> {
        let header = Header::Message { id: self.id, body: to_value(body) };
        self.link.push_counted(&self.credit, &header, payload).await
    }
}

impl Channel {
    pub(super) fn new(
        link: Link,
        id: u64,
        inbound: mpsc::UnboundedReceiver<Inbound>,
        credit: Arc<Semaphore>,
    ) -> Self {
        Self { sender: Sender { link, id, credit }, inbound, taken: 0 }
    }

    /// For sending from elsewhere while this end receives.
    #[must_use]
    pub fn sender(&self) -> Sender {
        self.sender.clone()
    }

    /// Sends a message.
    pub async fn send(&self, body: &impl Serialize, payload: Bytes) -> Result<(), SessionError> {
        self.sender.send(body, payload).await
    }

    /// The next message of the caller; [`SessionError::Closed`] when none will come.
    pub async fn recv(&mut self) -> Result<Message, SessionError> {
        match self.next().await? {
            Step::Message(message) => Ok(message),
            Step::Reply(_) => Err(SessionError::protocol("a reply from the caller")),
        }
    }

    async fn next(&mut self) -> Result<Step, SessionError> {
        match self.inbound.recv().await {
            None => Err(SessionError::Closed),
            Some(Inbound::Reply(message)) => Ok(Step::Reply(message)),
            Some(Inbound::Error(error)) => Err(error.into()),
            Some(Inbound::Message { message, size }) => {
                self.take(size);
                Ok(Step::Message(message))
            }
        }
    }

    /// Tells the sender, now and then, how much was taken.
    fn take(&mut self, size: usize) {
        self.taken += size;
        if self.taken < WINDOW / 4 {
            return;
        }
        let (bytes, id) = (std::mem::take(&mut self.taken), self.sender.id);
        if let Some(call) = lock(&self.sender.link.shared.state).calls.get_mut(&id) {
            call.window += bytes;
        }
        self.sender.link.push(&Header::Credit { id, bytes: bytes as u64 }, Bytes::new(), None);
    }
}

/// A call, from the caller's end. Dropping it before the reply takes the call back.
#[derive(Debug)]
pub struct Call {
    channel: Channel,
    ended: bool,
}

impl Call {
    pub(super) const fn new(channel: Channel) -> Self {
        Self { channel, ended: false }
    }

    /// For sending from elsewhere while this end receives.
    #[must_use]
    pub fn sender(&self) -> Sender {
        self.channel.sender()
    }

    /// Sends a message.
    pub async fn send(&self, body: &impl Serialize, payload: Bytes) -> Result<(), SessionError> {
        self.channel.send(body, payload).await
    }

    /// The next message, or the reply.
    pub async fn next(&mut self) -> Result<Step, SessionError> {
        let step = self.channel.next().await;
        self.ended |= !matches!(step, Ok(Step::Message(_)));
        step
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let sender = &self.channel.sender;
        let known = lock(&sender.link.shared.state).calls.remove(&sender.id).is_some();
        if known && !self.ended {
            sender.link.push(&Header::Cancel { id: sender.id }, Bytes::new(), None);
        }
    }
}
