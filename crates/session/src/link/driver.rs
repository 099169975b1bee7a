//! What moves the frames of a link: one reader, one writer, a task per call of the other side.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, BufWriter};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::frame::{self, Frame, FrameError, Header};
use super::{
    CallState, Channel, EVENTS, EventQueue, Handler, Inbound, LAST_WORDS, Link, MAX_INCOMING_CALLS, Message,
    OUTGOING, Outgoing, Request, Shared, State, WINDOW, lock,
};
use crate::{EngineHello, ErrorCode, RemoteError};

/// Bytes of events that may be on their way.
const EVENT_WINDOW: usize = WINDOW / 4 + frame::MAX_PAYLOAD;
const BUFFER: usize = 128 << 10;
/// For reading: headers. Payloads are read past it, into memory of their own.
const READ_BUFFER: usize = 16 << 10;
/// How long the other side may take to read the rest.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// Which end this is.
pub(crate) enum Peer {
    /// The engine's; says hello first.
    Engine(EngineHello),
    /// The client's; hands events on.
    Client {
        /// Gets each event and its size on the wire, for [`Link::took_event`].
        events: mpsc::UnboundedSender<(Bytes, usize)>,
    },
}

/// Makes a link of a connection. The future moves the frames, until the connection ends.
pub(crate) fn drive<I>(
    io: I,
    peer: Peer,
    handler: Arc<dyn Handler>,
) -> (Link, impl Future<Output = ()> + Send + 'static)
where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (outgoing, queue) = mpsc::unbounded_channel();
    let first_id = if matches!(peer, Peer::Engine(_)) { 2 } else { 1 };
    let link = Link {
        shared: Arc::new(Shared {
            outgoing,
            budget: Arc::new(Semaphore::new(OUTGOING)),
            state: Mutex::new(State { next_id: first_id, ..State::default() }),
            closed: CancellationToken::new(),
            events: Mutex::new(EventQueue::default()),
            events_ready: Notify::new(),
            events_credit: Arc::new(Semaphore::new(EVENT_WINDOW)),
            last_words: Arc::new(Semaphore::new(LAST_WORDS as usize)),
        }),
    };
    let events = match peer {
        Peer::Engine(engine) => {
            link.push(&Header::Hello { engine }, Bytes::new(), None);
            None
        }
        Peer::Client { events } => Some(events),
    };
    let guard = CloseOnDrop(link.clone());
    let driver_link = link.clone();
    let driver = async move {
        let _guard = guard;
        let link = driver_link;
        let (read_half, write_half) = tokio::io::split(io);
        let reading = read_frames(read_half, &link, handler.as_ref(), events);
        let writing = write_frames(write_half, queue);
        let emitting = send_events(&link);
        tokio::pin!(reading, writing, emitting);
        let mut writing_ended = false;
        loop {
            tokio::select! {
                result = &mut reading => {
                    if let Err(error) = result {
                        tracing::debug!(%error, "session connection ended");
                        return;
                    }
                    break;
                }
                // After a clean end of writing, what the other side still sends is read.
                finished = &mut writing, if !writing_ended => {
                    if !finished {
                        return;
                    }
                    writing_ended = true;
                }
                () = &mut emitting => {}
            }
        }
        // The other side has ended in order: it still gets what waits, and then sees the end.
        let _ = tokio::time::timeout(FLUSH_TIMEOUT, link.shared.last_words.acquire_many(LAST_WORDS)).await;
        link.shared.closed.cancel();
        link.push_waiting_events();
        link.finish();
        let _ = tokio::time::timeout(FLUSH_TIMEOUT, async {
            if !writing_ended {
                writing.await;
            }
        })
        .await;
    };
    (link, driver)
}

/// Fails everything that waits, also when the driver is dropped in the middle.
struct CloseOnDrop(Link);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        let shared = &self.0.shared;
        let calls = {
            let mut state = lock(&shared.state);
            shared.closed.cancel();
            std::mem::take(&mut state.calls)
        };
        shared.budget.close();
        shared.events_credit.close();
        for call in calls.into_values() {
            call.stop();
        }
    }
}

async fn write_frames<W: AsyncWrite + Unpin>(
    output: W,
    mut queue: mpsc::UnboundedReceiver<Outgoing>,
) -> bool {
    let mut output = BufWriter::with_capacity(BUFFER, output);
    let result: std::io::Result<()> = async {
        loop {
            let next = match queue.try_recv() {
                Ok(next) => Some(next),
                Err(_) => {
                    output.flush().await?;
                    queue.recv().await
                }
            };
            match next {
                Some(Outgoing::Frame { head, payload, _permit }) => {
                    output.write_all(&head).await?;
                    output.write_all(&payload).await?;
                }
                Some(Outgoing::Finish) | None => return output.shutdown().await,
            }
        }
    }
    .await;
    result.is_ok()
}

async fn send_events(link: &Link) {
    loop {
        let next = lock(&link.shared.events).queue.front().cloned();
        match next {
            Some(event) => {
                if link.push_counted(&link.shared.events_credit, &Header::Event, event).await.is_err() {
                    return std::future::pending().await;
                }
                // Only now, so that an event which waits for credit at the end is not lost.
                let mut events = lock(&link.shared.events);
                let sent = events.queue.pop_front();
                events.bytes -= sent.as_ref().map_or(0, Bytes::len);
            }
            None => link.shared.events_ready.notified().await,
        }
    }
}

async fn read_frames<R: AsyncRead + Unpin>(
    input: R,
    link: &Link,
    handler: &dyn Handler,
    events: Option<mpsc::UnboundedSender<(Bytes, usize)>>,
) -> Result<(), FrameError> {
    let mut input = BufReader::with_capacity(READ_BUFFER, input);
    while let Some(Frame { header, payload, size }) = frame::read(&mut input).await? {
        match header {
            Header::Request { id, kind, body } => begin(link, handler, id, kind, Message { body, payload }),
            Header::Message { id, body } => {
                let mut state = lock(&link.shared.state);
                // Of calls that have ended meanwhile, messages may still be on their way.
                if let Some(call) = state.calls.get_mut(&id) {
                    call.window = call.window.checked_sub(size).ok_or_else(overrun)?;
                    let _ = call.inbox.send(Inbound::Message { message: Message { body, payload }, size });
                }
            }
            Header::Reply { id, body } => end(link, id, Inbound::Reply(Message { body, payload })),
            Header::Error { id, error } => end(link, id, Inbound::Error(error)),
            Header::Cancel { id } => {
                let call = lock(&link.shared.state).calls.remove(&id);
                if let Some(call) = call.filter(|call| call.incoming) {
                    call.stop();
                }
            }
            Header::Credit { id, bytes } => add_credit(link, id, bytes)?,
            Header::Event => {
                if let Some(events) = &events {
                    let _ = events.send((payload, size));
                }
            }
            Header::Hello { .. } | Header::Unknown => {}
        }
    }
    Ok(())
}

fn overrun() -> FrameError {
    std::io::Error::new(std::io::ErrorKind::InvalidData, "more was sent than the window allows").into()
}

fn add_credit(link: &Link, id: u64, bytes: u64) -> Result<(), FrameError> {
    let credit = match id {
        EVENTS => Some(Arc::clone(&link.shared.events_credit)),
        _ => lock(&link.shared.state).calls.get(&id).map(|call| Arc::clone(&call.credit)),
    };
    let Some(credit) = credit else { return Ok(()) };
    // Never more than the whole window is open; a larger sum would be a lie, and overflow the semaphore.
    let bytes = usize::try_from(bytes).map_err(|_| overrun())?;
    if bytes > EVENT_WINDOW.max(WINDOW) || credit.available_permits() + bytes > EVENT_WINDOW.max(WINDOW) {
        return Err(overrun());
    }
    credit.add_permits(bytes);
    Ok(())
}

fn end(link: &Link, id: u64, with: Inbound) {
    // The entry stays until the caller drops its `Call`, but nothing more can be sent.
    if let Some(call) = lock(&link.shared.state).calls.get(&id)
        && !call.incoming
    {
        let _ = call.inbox.send(with);
        call.credit.close();
    }
}

/// Starts the handler of one call of the other side.
fn begin(link: &Link, handler: &dyn Handler, id: u64, kind: String, message: Message) {
    let (inbox, inbound) = mpsc::unbounded_channel();
    let credit = Arc::new(Semaphore::new(WINDOW));
    let mut state = lock(&link.shared.state);
    let own_parity = state.next_id % 2;
    let refused = if id == EVENTS || id % 2 == own_parity || state.calls.contains_key(&id) {
        Some("request id is not free")
    } else if state.incoming_calls >= MAX_INCOMING_CALLS {
        Some("too many requests at a time")
    } else {
        None
    };
    if let Some(reason) = refused {
        drop(state);
        let error = RemoteError::new(ErrorCode::Invalid, reason);
        link.push(&Header::Error { id, error }, Bytes::new(), None);
        return;
    }
    let channel = Channel::new(link.clone(), id, inbound, Arc::clone(&credit));
    state.calls.insert(id, CallState { inbox, credit, window: WINDOW, incoming: true, abort: None });
    state.incoming_calls += 1;
    // Spawning may drop the future at once, and `Running` takes the lock.
    drop(state);
    let answer = handler.handle(Request { kind, message, channel });
    let running = Running { link: link.clone(), id };
    let task = tokio::spawn(async move {
        let running = running;
        let (header, payload) = match answer.await {
            Ok(Message { body, payload }) => (Header::Reply { id, body }, payload),
            Err(error) => (Header::Error { id, error }, Bytes::new()),
        };
        running.link.push(&header, payload, None);
    });
    if let Some(call) = lock(&link.shared.state).calls.get_mut(&id) {
        call.abort = Some(task.abort_handle());
    }
}

/// Forgets a call of the other side when its handler ends, however it ends.
struct Running {
    link: Link,
    id: u64,
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut state = lock(&self.link.shared.state);
        state.incoming_calls -= 1;
        // Threads of the handler may still be sending.
        if let Some(call) = state.calls.remove(&self.id) {
            call.credit.close();
        }
    }
}

impl Link {
    /// The client can no longer widen the window, so the rest goes out at once.
    fn push_waiting_events(&self) {
        let waiting = std::mem::take(&mut *lock(&self.shared.events));
        for event in waiting.queue {
            self.push(&Header::Event, event, None);
        }
    }

    /// Of the client's end: an event was taken, so that the engine may send more.
    pub(crate) fn took_event(&self, size: usize) {
        self.push(&Header::Credit { id: EVENTS, bytes: size as u64 }, Bytes::new(), None);
    }
}
