//! Sends batches in the background, one worker for each signal.
//!
//! Nothing here may make a pipeline fail or wait: queues are bounded and drop what does not fit, each batch has its
//! time, and a collector that did not answer in time is left alone.

mod grpc;
mod http;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::settings::{Protocol, Target};
use crate::{Batch, Settings, Signal};

/// Most batches that wait.
const QUEUE: usize = 256;
/// Most bytes that wait, for each signal.
const QUEUE_BYTES: usize = 16 << 20;
/// How long a collector that gave no answer is left alone.
const REST: Duration = Duration::from_secs(30);
/// Before the first retry; doubled for each further one.
const RETRY: Duration = Duration::from_millis(200);
/// So that a worker which is just late can say itself what it waits for.
const GRACE: Duration = Duration::from_millis(100);
/// Longest time for the connection.
const CONNECT: Duration = Duration::from_secs(5);

/// Why a batch was not taken.
#[derive(Debug)]
struct Failure {
    text: String,
    /// Whether it may go better a little later, and when the collector wants to be asked again.
    retry: Option<Option<Duration>>,
}

impl Failure {
    const fn lasting(text: String) -> Self {
        Self { text, retry: None }
    }
}

/// What went wrong, told once at the end.
#[derive(Debug, Default)]
struct Trouble {
    /// The first failure.
    first: Mutex<Option<String>>,
    /// How often something was not sent.
    lost: AtomicUsize,
}

impl Trouble {
    fn add(&self, text: impl FnOnce() -> String) {
        self.lost.fetch_add(1, Ordering::Relaxed);
        self.first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(text);
    }
}

#[derive(Clone)]
struct Queue {
    sender: mpsc::Sender<Waiting>,
    bytes: Arc<AtomicUsize>,
    /// Spans, records or metrics.
    items: Arc<AtomicUsize>,
    most_items: usize,
}

/// A batch in a queue, and what it takes there.
struct Waiting {
    batch: Batch,
    bytes: usize,
    items: usize,
}

/// Takes batches. Cheap to clone; an exporter ends when all of its outlets are gone.
#[derive(Clone)]
pub struct Outlet {
    queues: [Option<Queue>; 3],
    trouble: Arc<Trouble>,
}

/// Sends to the collector of some settings.
pub struct Exporter {
    outlet: Outlet,
    workers: JoinSet<()>,
    timeout: Duration,
}

impl Outlet {
    /// Puts a batch into its queue; drops it if that is full, or nobody wants this signal.
    pub fn send(&self, batch: Batch) {
        let Some(queue) = &self.queues[batch.signal() as usize] else { return };
        let (bytes, items) = (batch.size(), batch.count());
        let before = queue.bytes.fetch_add(bytes, Ordering::Relaxed);
        let items_before = queue.items.fetch_add(items, Ordering::Relaxed);
        let is_full = before > 0
            && (before + bytes > QUEUE_BYTES || items_before.saturating_add(items) > queue.most_items);
        if is_full || queue.sender.try_send(Waiting { batch, bytes, items }).is_err() {
            queue.bytes.fetch_sub(bytes, Ordering::Relaxed);
            queue.items.fetch_sub(items, Ordering::Relaxed);
            self.trouble.add(|| "the collector is too slow for what there is to send".to_owned());
        }
    }
}

impl Exporter {
    /// Starts the workers. Connects to nothing before there is something to send. Must be called inside a runtime.
    #[must_use]
    pub fn start(settings: &Settings) -> Self {
        let mut workers = JoinSet::new();
        let trouble = Arc::new(Trouble::default());
        let targets = Signal::ALL.map(|signal| settings.target(signal));
        let timeout = targets.iter().flatten().map(|target| target.timeout).max().unwrap_or_default();
        let queues = targets.map(|target| {
            let target = target?.clone();
            let (sender, receiver) = mpsc::channel(QUEUE);
            let most_items = target.schedule.queue.unwrap_or(usize::MAX);
            let queue = Queue { sender, bytes: Arc::default(), items: Arc::default(), most_items };
            let counts = (Arc::clone(&queue.bytes), Arc::clone(&queue.items));
            workers.spawn(work(target, receiver, counts, Arc::clone(&trouble)));
            Some(queue)
        });
        Self { outlet: Outlet { queues, trouble }, workers, timeout }
    }

    /// Where batches go in.
    #[must_use]
    pub const fn outlet(&self) -> &Outlet {
        &self.outlet
    }

    /// Sends what still waits, for at most the longest timeout of the settings, and says what could not be sent. All
    /// other outlets must be gone, or it takes that time.
    pub async fn close(self) -> Option<String> {
        let Self { outlet, mut workers, timeout } = self;
        let trouble = Arc::clone(&outlet.trouble);
        drop(outlet);
        let rest = async { while workers.join_next().await.is_some() {} };
        if tokio::time::timeout(timeout + GRACE, rest).await.is_err() {
            trouble.add(|| format!("the collector did not answer within {} s", timeout.as_secs_f32()));
        }
        trouble.first.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

async fn work(
    target: Target,
    mut receiver: mpsc::Receiver<Waiting>,
    (waiting_bytes, waiting_items): (Arc<AtomicUsize>, Arc<AtomicUsize>),
    trouble: Arc<Trouble>,
) {
    let mut sender = None;
    let mut rests_until: Option<Instant> = None;
    while let Some(Waiting { batch, bytes, items }) = receiver.recv().await {
        waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        waiting_items.fetch_sub(items, Ordering::Relaxed);
        if rests_until.is_some_and(|until| Instant::now() < until) {
            trouble.add(|| "the collector does not answer".to_owned());
            continue;
        }
        rests_until = None;
        let told = |text: String| format!("{}: {text}", shown(&target.url));
        if sender.is_none() {
            match Sender::new(&target) {
                Ok(new) => sender = Some(new),
                // It does not get better: the files that are named cannot be read.
                Err(text) => {
                    trouble.add(|| told(text));
                    rests_until = Some(Instant::now() + REST);
                    continue;
                }
            }
        }
        let Some(sender) = &sender else { continue };
        match tokio::time::timeout(target.timeout, deliver(sender, &batch)).await {
            Ok(Ok(())) => {}
            Ok(Err(text)) => trouble.add(|| told(text)),
            Err(_) => {
                rests_until = Some(Instant::now() + REST);
                trouble.add(|| told(format!("no answer within {} s", target.timeout.as_secs_f32())));
            }
        }
    }
}

/// The URL without user and password.
fn shown(url: &str) -> String {
    reqwest::Url::parse(url).map_or_else(
        |_| url.to_owned(),
        |mut url| {
            // Both only fail for URLs that can have neither.
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.set_query(None);
            url.to_string()
        },
    )
}

/// Until it is taken or refused; the caller bounds the time.
async fn deliver(sender: &Sender, batch: &Batch) -> Result<(), String> {
    let mut pause = RETRY;
    loop {
        match sender.send(batch).await {
            Ok(()) => return Ok(()),
            Err(Failure { text, retry: None }) => return Err(text),
            Err(Failure { retry: Some(after), .. }) => {
                tokio::time::sleep(after.unwrap_or(pause)).await;
                pause *= 2;
            }
        }
    }
}

enum Sender {
    Http(http::Http),
    Grpc(Box<grpc::Grpc>),
}

impl Sender {
    fn new(target: &Target) -> Result<Self, String> {
        match target.protocol {
            Protocol::Grpc => grpc::Grpc::new(target).map(|grpc| Self::Grpc(Box::new(grpc))),
            Protocol::HttpProtobuf | Protocol::HttpJson => http::Http::new(target).map(Self::Http),
        }
    }

    async fn send(&self, batch: &Batch) -> Result<(), Failure> {
        match self {
            Self::Http(http) => http.send(batch).await,
            Self::Grpc(grpc) => grpc.send(batch).await,
        }
    }
}

fn read(path: &std::path::Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The innermost reason, which is the one that says something.
fn reason(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// What a collector says that takes a part only.
fn partial(rejected: i64, what: &str, message: &str) -> Result<(), Failure> {
    if rejected == 0 {
        return Ok(());
    }
    Err(Failure::lasting(format!("the collector refused {rejected} {what}: {message}")))
}
