//! Taking over a directory of the client: negotiation of what is missing, from the engine's side.

use std::sync::Arc;

use bytes::Bytes;
use kukri_model::Digest;
use kukri_tree::TreeId;

use super::StoreFailure;
use super::receive::Receiver;
use crate::link::Link;
use crate::wire::{SYNC, SyncBody};
use crate::{RemoteError, SessionError};

/// Which directory, or file, of the client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SyncRequest {
    /// Absolute, or relative to the session's workdir, or `~/…`.
    pub path: String,
    /// Only what matches; empty: everything.
    pub include: Vec<String>,
    /// Not what matches.
    pub exclude: Vec<String>,
    /// Leave out what `.gitignore` files say, those of parents up to the root of the git repository included.
    pub gitignore: bool,
    /// `path` is a single file: the tree then has this one entry, by its base name. Patterns are not used.
    pub single_file: bool,
}

/// Where a synced directory goes: the engine's store. Calls block and come from blocking threads.
///
/// The order of calls makes it safe to stop at any moment: contents first, then nodes, children before parents. The
/// digests of nodes, and of long contents, were verified against the bytes.
pub trait SyncSink: Send + Sync + 'static {
    /// Which of these trees are held *completely*: with everything under them.
    fn has_nodes(&self, ids: &[TreeId]) -> Result<Vec<bool>, StoreFailure>;
    /// Keeps nodes: their encoded bytes under `TreeId::stored`. Children come before parents. All contents that were
    /// put before must be kept when this returns.
    fn put_nodes(&self, nodes: Vec<(TreeId, Bytes)>) -> Result<(), StoreFailure>;
    /// Which of these contents are held.
    fn has_blobs(&self, digests: &[Digest]) -> Result<Vec<bool>, StoreFailure>;
    /// Keeps small contents (each at most 256 KiB; at most 1,024 of them and about 1 MiB in one call), and fails if one
    /// does not have the digest it was announced with: nobody else has looked.
    fn put_blobs(&self, blobs: Vec<(Digest, Bytes)>) -> Result<(), StoreFailure>;
    /// Begins to keep one large content, of `size` bytes. Dropping the writer before `finish` gives it up.
    fn blob_writer(&self, digest: Digest, size: u64) -> Result<Box<dyn BlobWriter>, StoreFailure>;
    /// So many files have been found on the client's machine up to now. For those who watch.
    fn found(&self, files: u64) {
        let _ = files;
    }
    /// So many bytes of contents come in all, with those that have come. Told when it is known, for those who watch.
    fn expected(&self, bytes: u64) {
        let _ = bytes;
    }
}

/// One large content on its way into the store.
pub trait BlobWriter: Send + Sync {
    /// The next bytes.
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreFailure>;
    /// All bytes were written, and have the digest that was announced.
    fn finish(self: Box<Self>) -> Result<(), StoreFailure>;
}

/// Takes over what the client walks. The steps are those of [`crate::wire::SyncUp`].
pub(super) async fn run(
    link: &Link,
    request: SyncRequest,
    sink: Arc<dyn SyncSink>,
) -> Result<TreeId, SessionError> {
    let SyncRequest { path, include, exclude, gitignore, single_file } = request;
    let body = SyncBody { path, include, exclude, gitignore, single_file };
    let call = link.call(SYNC, &body)?;
    Receiver::new(call, sink).run().await
}

/// Runs a call to the sink where it may block.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreFailure> + Send + 'static,
) -> Result<T, SessionError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(SessionError::Local),
        Err(error) => Err(SessionError::Local(error.into())),
    }
}

pub(super) fn check_length(given: usize, expected: usize) -> Result<(), SessionError> {
    if given == expected {
        return Ok(());
    }
    let message = format!("the store answered {given} of {expected} questions");
    Err(SessionError::Local(RemoteError::new(crate::ErrorCode::Other, message).into()))
}
