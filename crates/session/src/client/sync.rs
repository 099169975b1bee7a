//! Giving a directory to the engine, from the client's side.
//!
//! While threads walk and hash, contents that were read just now are offered, so that each is read once. Then the root
//! is named, and the engine asks for the nodes, and remaining contents, that it lacks.

use std::collections::{HashMap, VecDeque};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use kukri_model::Digest;
use kukri_tree::Filter;
use tokio::sync::mpsc;

use super::budget::Budget;
use super::offer::Offer;
use super::remember::{load_cache, save_cache};
use super::send::{SendError, send_contents};
use super::serve::Facts;
use super::walk::{Nodes, Walk, Walked, single_file};
use crate::link::{Channel, Message};
use crate::records::{RecordEncoder, pack_digests, unpack_digests};
use crate::wire::{SyncBody, SyncDown, SyncUp};
use crate::{ErrorCode, RemoteError, SessionError};

/// Contents offered in one message: so many, or so many bytes, about.
const OFFER_COUNT: usize = 512;
const OFFER_BYTES: usize = 1 << 20;
/// Contents that may wait for the engine's answer, in bytes.
const OFFERED_BYTES: usize = 16 << 20;
/// How often everything is walked anew because a file changed before it was sent.
const ATTEMPTS: usize = 5;

/// What a request is about, resolved.
struct Source {
    /// The directory, or the single file.
    path: PathBuf,
    single: bool,
    filter: Option<Filter>,
    cache_dir: Option<PathBuf>,
}

/// Serves one sync request to its end.
pub(super) async fn serve(
    facts: &Facts,
    body: SyncBody,
    mut channel: Channel,
) -> Result<Message, RemoteError> {
    let path = facts.bases.resolve(&body.path)?;
    let cache_dir = facts.cache_dir.clone();
    let source = blocking(move || Source::new(path, &body, cache_dir)).await??;
    let source = Arc::new(source);
    let mut changed = PathBuf::new();
    for _ in 0..ATTEMPTS {
        let (walked, nodes) = walk_and_offer(Arc::clone(&source), &mut channel).await?;
        let files = walked.dirs.iter().map(|dir| dir.files.len() as u64).sum();
        let root = SyncUp::Root { id: nodes.root.into(), files };
        channel.send(&root, Bytes::new()).await.map_err(lost)?;
        let walked = Arc::new(walked);
        let (saved, saving_source) = (Arc::clone(&walked), Arc::clone(&source));
        let saving =
            blocking(move || save_cache(saving_source.cache_dir.as_deref(), &saving_source.path, &saved));
        let served = serve_wants(&source, &walked, &nodes, &mut channel);
        let (_, served) = tokio::join!(saving, served);
        match served? {
            None => return Ok(Message::default()),
            Some(path) => {
                changed = path;
                channel.send(&SyncUp::Restart, Bytes::new()).await.map_err(lost)?;
            }
        }
    }
    let message = format!(
        "{} kept changing while it was read; exclude it, or run again when nothing writes to it",
        changed.display()
    );
    Err(RemoteError::new(ErrorCode::Changed, message))
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, RemoteError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| RemoteError::new(ErrorCode::Other, error.to_string()))
}

/// The engine will not see this: its end of the call has ended.
pub(super) fn lost(error: SessionError) -> RemoteError {
    match error {
        SessionError::Remote(error) => error,
        error => RemoteError::new(ErrorCode::Cancelled, error.to_string()),
    }
}

impl Source {
    fn new(path: PathBuf, body: &SyncBody, cache_dir: Option<PathBuf>) -> Result<Self, RemoteError> {
        if body.single_file {
            return Ok(Self { path, single: true, filter: None, cache_dir });
        }
        let filter = if body.include.is_empty() && body.exclude.is_empty() && !body.gitignore {
            None
        } else {
            let filter = Filter::new(&body.include, &body.exclude, body.gitignore);
            let mut filter =
                filter.map_err(|error| RemoteError::new(ErrorCode::Invalid, error.to_string()))?;
            if body.gitignore {
                add_outer_gitignores(&mut filter, &path)?;
            }
            Some(filter)
        };
        Ok(Self { path, single: false, filter, cache_dir })
    }

    fn walk(
        &self,
        budget: &Budget,
        on_offer: &(dyn Fn(Offer) -> bool + Sync),
    ) -> Result<Walked, RemoteError> {
        let cache = load_cache(self.cache_dir.as_deref(), &self.path);
        if self.single {
            return single_file(&self.path, &cache, on_offer);
        }
        let threads = std::thread::available_parallelism().map_or(2, |count| count.get().clamp(2, 8));
        let walk = Walk {
            root_path: &self.path,
            filter: self.filter.clone(),
            cache: &cache,
            on_offer,
            cancelled: budget.closed_flag(),
            threads,
        };
        walk.run()
    }
}

/// `.gitignore` files above the directory count too, up to the root of its repository.
fn add_outer_gitignores(filter: &mut Filter, path: &Path) -> Result<(), RemoteError> {
    let Some(top) = path.ancestors().find(|dir| dir.join(".git").exists()) else { return Ok(()) };
    let inside = |dir: &Path| dir.strip_prefix(top).unwrap_or(Path::new("")).as_os_str().as_bytes().to_vec();
    filter.set_git_prefix(inside(path));
    for dir in path.ancestors().skip(1).take_while(|dir| dir.starts_with(top)) {
        let file = dir.join(".gitignore");
        match std::fs::read(&file) {
            Ok(content) => filter.add_outer_gitignore(inside(dir), &content),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(RemoteError::io("read", &file, &error)),
        }
    }
    Ok(())
}

/// Walks in threads of its own, and gives the engine what it lacks of the contents that were read.
async fn walk_and_offer(source: Arc<Source>, channel: &mut Channel) -> Result<(Walked, Nodes), RemoteError> {
    let budget = Arc::new(Budget::new(OFFERED_BYTES));
    // Wakes the threads when this future is dropped.
    let _guard = budget.close_on_drop();
    let (offers_in, mut offers) = mpsc::unbounded_channel::<Offer>();
    let thread_budget = Arc::clone(&budget);
    let walking = tokio::task::spawn_blocking(move || {
        let on_offer = |offer: Offer| thread_budget.take(offer.bytes()) && offers_in.send(offer).is_ok();
        let mut walked = source.walk(&thread_budget, &on_offer)?;
        let nodes = walked.seal();
        Ok((walked, nodes))
    });

    let mut waiting: VecDeque<Vec<Offer>> = VecDeque::new();
    let mut walked_all = false;
    while !walked_all || !waiting.is_empty() {
        tokio::select! {
            answer = channel.recv(), if !waiting.is_empty() => {
                let answer = answer.map_err(lost)?;
                let offered = waiting.pop_front().unwrap_or_default();
                let bytes = offered.iter().map(Offer::bytes).sum();
                send_wanted(channel, &answer, offered).await?;
                budget.give_back(bytes);
            }
            offer = offers.recv(), if !walked_all => {
                let Some(first) = offer else {
                    walked_all = true;
                    continue;
                };
                let (mut count, mut bytes, mut batch) = (first.count(), first.bytes(), vec![first]);
                while count < OFFER_COUNT && bytes < OFFER_BYTES
                    && let Ok(offer) = offers.try_recv()
                {
                    count += offer.count();
                    bytes += offer.bytes();
                    batch.push(offer);
                }
                let digests = pack_digests(batch.iter().flat_map(Offer::digests));
                channel.send(&SyncUp::Offer, digests).await.map_err(lost)?;
                waiting.push_back(batch);
            }
        }
    }
    walking.await.map_err(|error| RemoteError::new(ErrorCode::Other, error.to_string()))?
}

async fn send_wanted(channel: &Channel, answer: &Message, offered: Vec<Offer>) -> Result<(), RemoteError> {
    let count: usize = offered.iter().map(Offer::count).sum();
    if answer.parse::<SyncDown>().map_err(lost)? != SyncDown::Wanted || answer.payload.len() != count {
        return Err(RemoteError::new(ErrorCode::Invalid, "unexpected answer to an offer"));
    }
    let mut wanted = &answer.payload[..];
    for offer in offered {
        let (own, rest) = wanted.split_at(offer.count());
        wanted = rest;
        for payload in offer.payloads(own) {
            channel.send(&SyncUp::Blobs, payload).await.map_err(lost)?;
        }
    }
    Ok(())
}

/// Answers until the engine has everything (none), or a file turns out to have changed (its path).
async fn serve_wants(
    source: &Source,
    walked: &Arc<Walked>,
    nodes: &Nodes,
    channel: &mut Channel,
) -> Result<Option<PathBuf>, RemoteError> {
    let mut places: Option<Arc<HashMap<Digest, (usize, usize)>>> = None;
    loop {
        let message = channel.recv().await.map_err(lost)?;
        match message.parse().map_err(lost)? {
            SyncDown::Done => return Ok(None),
            SyncDown::WantNodes => send_nodes(nodes, &message.payload, channel).await?,
            SyncDown::WantBlobs => {
                let wanted = unpack_digests(&message.payload).map_err(lost)?;
                let places = places.get_or_insert_with(|| Arc::new(walked.places()));
                let sent = send_contents(&source.path, source.single, walked, places, wanted, channel).await;
                match sent {
                    Ok(()) => channel.send(&SyncUp::BlobsSent, Bytes::new()).await.map_err(lost)?,
                    Err(SendError::Changed(path)) => return Ok(Some(path)),
                    Err(SendError::Failed(error)) => return Err(error),
                }
            }
            SyncDown::Wanted => return Err(RemoteError::new(ErrorCode::Invalid, "an answer to no offer")),
        }
    }
}

async fn send_nodes(nodes: &Nodes, wanted: &[u8], channel: &Channel) -> Result<(), RemoteError> {
    let mut encoder = RecordEncoder::default();
    for digest in unpack_digests(wanted).map_err(lost)? {
        let Some(node) = nodes.encoded.get(&digest) else {
            return Err(RemoteError::new(
                ErrorCode::Invalid,
                format!("asked for a node that was not named: {digest}"),
            ));
        };
        encoder.record(&digest, node);
        while let Some(payload) = encoder.take_full() {
            channel.send(&SyncUp::Nodes { last: false }, payload).await.map_err(lost)?;
        }
    }
    let rest = encoder.take_rest().unwrap_or_default();
    channel.send(&SyncUp::Nodes { last: true }, rest).await.map_err(lost)
}
