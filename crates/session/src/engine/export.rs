//! Writing trees and files on the client's machine, from the engine's side.

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use kukri_model::Digest;
use kukri_tree::TreeId;
use tokio::sync::mpsc;

use super::StoreFailure;
use super::sync::blocking;
use crate::link::{CHUNK, Call, Link, Message, Sender, Step};
use crate::records::{RecordEncoder, SMALL, unpack_digests, unpack_sized};
use crate::wire::{
    EXPORT_FILE, EXPORT_TREE, ExportBody, ExportDown, ExportFileBody, ExportUp, Exported, KEEP_FILE,
    KeepFileBody, Kept, LOAD_IMAGE, LoadImageBody, LoadedImage,
};
use crate::{ErrorCode, SessionError};

/// Payloads that may wait between the reading thread and the connection.
const AHEAD: usize = 4;

/// Where to write a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportRequest {
    /// Directory: absolute, or relative to the session's workdir, or `~/…`. Made when it does not exist.
    pub path: String,
    /// Delete what the tree does not have. Otherwise the tree is merged into what is there.
    pub wipe: bool,
    /// Paths relative to `path` to delete, whatever they are; missing ones are fine.
    pub remove: Vec<String>,
}

/// Where to write one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportFileRequest {
    /// Absolute, or relative to the session's workdir, or `~/…`. Missing parents are made.
    pub path: String,
    /// When `path` is an existing directory, or ends with `/`: write into it under `name`. Otherwise that is an error.
    pub allow_parent_dir: bool,
    /// The file's own base name.
    pub name: String,
    /// Permission bits.
    pub mode: u32,
    /// Modification time, nanoseconds since 1970; none: now.
    pub mtime_ns: Option<i64>,
}

/// Where the nodes and contents of an exported tree come from: the engine's store. Calls block and come from blocking
/// threads.
pub trait TreeSource: Send + Sync + 'static {
    /// The encoded bytes of a node, by `TreeId::stored`.
    fn node(&self, digest: &Digest) -> Result<Bytes, StoreFailure>;
    /// A content, to be read from its beginning.
    fn blob(&self, digest: &Digest) -> Result<Box<dyn Read + Send>, StoreFailure>;
    /// So many contents, of so many bytes, are needed in all. For those who watch.
    fn wanted(&self, files: u64, bytes: u64) {
        let _ = (files, bytes);
    }
}

/// Names the tree and sends what the client asks for, until it is written.
pub(super) async fn tree(
    link: &Link,
    request: ExportRequest,
    tree: TreeId,
    source: Arc<dyn TreeSource>,
) -> Result<String, SessionError> {
    let ExportRequest { path, wipe, remove } = request;
    let mut call = link.call(EXPORT_TREE, &ExportBody { path, wipe, remove, root: tree.into() })?;
    let sender = call.sender();
    let (mut files, mut bytes) = (0_u64, 0_u64);
    loop {
        let message = match call.next().await? {
            Step::Reply(reply) => return Ok(reply.parse::<Exported>()?.path),
            Step::Message(message) => message,
        };
        let sent = match message.parse()? {
            ExportUp::WantNodes => send_nodes(&sender, &source, &message.payload).await,
            ExportUp::WantBlobs { later_files, later_bytes } => {
                let wanted = unpack_sized(&message.payload)?;
                files += wanted.len() as u64;
                bytes = wanted.iter().fold(bytes, |sum, (_, size)| sum.saturating_add(*size));
                source.wanted(files.saturating_add(later_files), bytes.saturating_add(later_bytes));
                send_blobs(&sender, &source, wanted).await
            }
        };
        prefer_reply(sent, &mut call).await?;
    }
}

/// When the client has given up, sending fails, and its reply says why.
pub(super) async fn prefer_reply(
    sent: Result<(), SessionError>,
    call: &mut Call,
) -> Result<(), SessionError> {
    if !matches!(sent, Err(SessionError::Closed)) {
        return sent;
    }
    while let Step::Message(_) = call.next().await? {}
    sent
}

async fn send_nodes(
    sender: &Sender,
    source: &Arc<dyn TreeSource>,
    wanted: &[u8],
) -> Result<(), SessionError> {
    let (wanted, source) = (unpack_digests(wanted)?, Arc::clone(source));
    let nodes = blocking(move || {
        wanted
            .into_iter()
            .map(|digest| source.node(&digest).map(|bytes| (digest, bytes)))
            .collect::<Result<Vec<_>, _>>()
    });
    let mut encoder = RecordEncoder::default();
    for (digest, bytes) in nodes.await? {
        encoder.record(&digest, &bytes);
        while let Some(payload) = encoder.take_full() {
            sender.send(&ExportDown::Nodes { last: false }, payload).await?;
        }
    }
    sender.send(&ExportDown::Nodes { last: true }, encoder.take_rest().unwrap_or_default()).await
}

async fn send_blobs(
    sender: &Sender,
    source: &Arc<dyn TreeSource>,
    wanted: Vec<(Digest, u64)>,
) -> Result<(), SessionError> {
    let source = Arc::clone(source);
    let (payloads, queue) = mpsc::channel(AHEAD);
    let reading = blocking(move || read_blobs(source.as_ref(), &wanted, &payloads));
    let (read, sent) = tokio::join!(reading, forward(sender, queue, |payload| (ExportDown::Blobs, payload)));
    sent?;
    read
}

/// Sends what the reading thread gives; ends it by dropping the queue when sending fails.
async fn forward<T>(
    sender: &Sender,
    mut queue: mpsc::Receiver<T>,
    step: impl Fn(T) -> (ExportDown, Bytes),
) -> Result<(), SessionError> {
    while let Some(next) = queue.recv().await {
        let (step, payload) = step(next);
        sender.send(&step, payload).await?;
    }
    Ok(())
}

fn read_blobs(
    source: &dyn TreeSource,
    wanted: &[(Digest, u64)],
    payloads: &mpsc::Sender<Bytes>,
) -> Result<(), StoreFailure> {
    let mut encoder = RecordEncoder::default();
    let mut buffer = vec![0; SMALL as usize];
    for (digest, size) in wanted {
        let mut content = source.blob(digest)?;
        encoder.begin(digest, *size);
        let mut left = *size;
        loop {
            let count = content.read(&mut buffer)?;
            left = match (count, left.checked_sub(count as u64)) {
                (0, Some(0)) => break,
                (0, _) | (_, None) => {
                    return Err(format!("content {digest} has not the length of {size} bytes").into());
                }
                (_, Some(left)) => left,
            };
            encoder.extend(&buffer[..count]);
            while let Some(payload) = encoder.take_full() {
                if payloads.blocking_send(payload).is_err() {
                    return Ok(());
                }
            }
        }
    }
    if let Some(payload) = encoder.take_rest() {
        let _ = payloads.blocking_send(payload);
    }
    Ok(())
}

impl From<ExportFileRequest> for ExportFileBody {
    fn from(request: ExportFileRequest) -> Self {
        let ExportFileRequest { path, allow_parent_dir, name, mode, mtime_ns } = request;
        Self { path, allow_parent_dir, name, mode, mtime_ns }
    }
}

/// Asks whether the file is there. An older client does not know the question, so it gets the file.
pub(super) async fn keep(
    link: &Link,
    request: ExportFileRequest,
    (blob, size): (Digest, u64),
) -> Result<Option<String>, SessionError> {
    match link.ask(KEEP_FILE, &KeepFileBody { file: request.into(), blob, size }).await {
        Ok(reply) => Ok(reply.parse::<Kept>()?.path),
        Err(error) if error.code() == Some(ErrorCode::Unsupported) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Sends one file.
pub(super) async fn file(
    link: &Link,
    request: ExportFileRequest,
    content: Box<dyn Read + Send>,
) -> Result<String, SessionError> {
    let call = link.call(EXPORT_FILE, &ExportFileBody::from(request))?;
    Ok(send_parts(call, content).await?.parse::<Exported>()?.path)
}

/// Sends an image archive.
pub(super) async fn image(
    link: &Link,
    name: String,
    content: Box<dyn Read + Send>,
) -> Result<String, SessionError> {
    let call = link.call(LOAD_IMAGE, &LoadImageBody { name })?;
    Ok(send_parts(call, content).await?.parse::<LoadedImage>()?.program)
}

/// Sends a content in parts; gives the reply.
async fn send_parts(mut call: Call, mut content: Box<dyn Read + Send>) -> Result<Message, SessionError> {
    let (parts, queue) = mpsc::channel(AHEAD);
    let reading = blocking(move || {
        loop {
            let mut part = Vec::with_capacity(CHUNK);
            (&mut content).take(CHUNK as u64).read_to_end(&mut part)?;
            let last = part.len() < CHUNK;
            if parts.blocking_send((last, Bytes::from(part))).is_err() || last {
                return Ok(());
            }
        }
    });
    let sender = call.sender();
    let sending = forward(&sender, queue, |(last, part)| (ExportDown::Part { last }, part));
    let (read, sent) = tokio::join!(reading, sending);
    read?;
    prefer_reply(sent, &mut call).await?;
    match call.next().await? {
        Step::Reply(reply) => Ok(reply),
        Step::Message(_) => Err(SessionError::protocol("a message from an export of a file")),
    }
}
