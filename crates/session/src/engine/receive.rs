//! The engine's side of a sync: which nodes and contents are missing, and in which order they are kept.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use kukri_model::Digest;
use kukri_tree::{EntryKind, Node, TreeId};

use super::SyncSink;
use super::sync::{blocking, check_length};
use super::take::BlobTaker;
use crate::SessionError;
use crate::link::{Call, Message, Step};
use crate::records::{Piece, RecordDecoder, pack_digests, unpack_digests};
use crate::wire::{SyncDown, SyncUp};

/// Digests in one question to the store or to the client.
const BATCH: usize = 4096;
/// Most bytes of nodes that one sync may bring: some millions of files.
const MAX_NODE_BYTES: usize = 512 << 20;
/// Bytes of nodes in one call to the sink.
const PUT_NODES_BYTES: usize = 4 << 20;

/// A sync that is running.
pub(super) struct Receiver {
    call: Call,
    sink: Arc<dyn SyncSink>,
    blobs: BlobTaker,
    /// Contents that the sink has, or that are on their way to it.
    known: HashSet<Digest>,
    /// Files that the client has read, as far as it has told.
    files: u64,
}

/// Nodes that came in.
#[derive(Default)]
struct NewNodes {
    by_id: HashMap<Digest, NewNode>,
    bytes: usize,
}

struct NewNode {
    id: TreeId,
    bytes: Bytes,
    children: Vec<Digest>,
}

/// What the client says after contents were asked for.
enum Outcome {
    Sent,
    /// A file has changed; the client walks anew.
    Restart,
}

impl Receiver {
    pub fn new(call: Call, sink: Arc<dyn SyncSink>) -> Self {
        Self { call, blobs: BlobTaker::new(Arc::clone(&sink)), sink, known: HashSet::new(), files: 0 }
    }

    /// Runs to the end.
    pub async fn run(mut self) -> Result<TreeId, SessionError> {
        loop {
            let root = self.take_offers().await?;
            self.blobs.settle().await?;
            let has = self.has_nodes(vec![root]).await?;
            if has == [true] {
                self.sink.expected(self.blobs.taken());
                return self.done(root).await;
            }
            let mut nodes = NewNodes::default();
            let missing = self.fetch_nodes(root, &mut nodes).await?;
            match self.fetch_blobs(missing).await? {
                Outcome::Sent => {
                    self.blobs.settle().await?;
                    self.put_nodes(root, nodes).await?;
                    return self.done(root).await;
                }
                Outcome::Restart => {}
            }
        }
    }

    async fn done(mut self, root: TreeId) -> Result<TreeId, SessionError> {
        self.call.send(&SyncDown::Done, Bytes::new()).await?;
        match self.call.next().await? {
            Step::Reply(_) => Ok(root),
            Step::Message(_) => Err(SessionError::protocol("a message after the end of a sync")),
        }
    }

    async fn next(&mut self) -> Result<(SyncUp, Bytes), SessionError> {
        match self.call.next().await? {
            Step::Message(Message { body, payload }) => {
                let step = Message { body, payload: Bytes::new() }.parse()?;
                Ok((step, payload))
            }
            Step::Reply(_) => Err(SessionError::protocol("a reply before the end of a sync")),
        }
    }

    /// Takes what the client offers while it walks, until it names the root.
    async fn take_offers(&mut self) -> Result<TreeId, SessionError> {
        loop {
            let (step, payload) = self.next().await?;
            match step {
                SyncUp::Offer => {
                    let digests = unpack_digests(&payload)?;
                    self.files += digests.len() as u64;
                    self.sink.found(self.files);
                    let mut wanted = vec![0_u8; digests.len()];
                    let unknown: Vec<usize> =
                        (0..digests.len()).filter(|at| self.known.insert(digests[*at])).collect();
                    let asked: Vec<Digest> = unknown.iter().map(|at| digests[*at]).collect();
                    let has = self.has_blobs(asked).await?;
                    for (at, has) in unknown.into_iter().zip(has) {
                        if !has {
                            wanted[at] = 1;
                            self.blobs.expect(digests[at]);
                        }
                    }
                    self.call.send(&SyncDown::Wanted, wanted.into()).await?;
                }
                SyncUp::Blobs => self.blobs.push(payload).await?,
                SyncUp::Root { id, files } => {
                    // Clients of before do not say it.
                    self.files = if files > 0 { files } else { self.files };
                    self.sink.found(self.files);
                    return Ok(id.into());
                }
                other => return Err(unexpected(&other)),
            }
        }
    }

    /// Keeps the nodes, children before parents, so that a node that is kept is always complete.
    async fn put_nodes(&self, root: TreeId, nodes: NewNodes) -> Result<(), SessionError> {
        let mut by_id = nodes.by_id;
        let (mut batch, mut batch_bytes) = (Vec::new(), 0);
        // Depth-first without recursion: an entry is put when it comes up for the second time.
        let mut stack = vec![(root.stored, false)];
        while let Some((digest, children_done)) = stack.pop() {
            if !children_done {
                if let Some(node) = by_id.get_mut(&digest) {
                    stack.push((digest, true));
                    let children = std::mem::take(&mut node.children);
                    stack.extend(children.into_iter().map(|child| (child, false)));
                }
                continue;
            }
            // The second of two equal subtrees finds nothing here.
            let Some(node) = by_id.remove(&digest) else { continue };
            batch_bytes += node.bytes.len();
            batch.push((node.id, node.bytes));
            if batch_bytes >= PUT_NODES_BYTES || batch.len() >= BATCH {
                batch_bytes = 0;
                self.put_batch(std::mem::take(&mut batch)).await?;
            }
        }
        self.put_batch(batch).await
    }

    async fn put_batch(&self, batch: Vec<(TreeId, Bytes)>) -> Result<(), SessionError> {
        let sink = Arc::clone(&self.sink);
        blocking(move || sink.put_nodes(batch)).await
    }

    async fn has_nodes(&self, ids: Vec<TreeId>) -> Result<Vec<bool>, SessionError> {
        let (sink, expected) = (Arc::clone(&self.sink), ids.len());
        let has = blocking(move || sink.has_nodes(&ids)).await?;
        check_length(has.len(), expected)?;
        Ok(has)
    }

    async fn has_blobs(&self, digests: Vec<Digest>) -> Result<Vec<bool>, SessionError> {
        if digests.is_empty() {
            return Ok(Vec::new());
        }
        let (sink, expected) = (Arc::clone(&self.sink), digests.len());
        let has = blocking(move || sink.has_blobs(&digests)).await?;
        check_length(has.len(), expected)?;
        Ok(has)
    }

    /// Level by level, asks for the nodes that are missing. Returns the contents that are.
    async fn fetch_nodes(&mut self, root: TreeId, nodes: &mut NewNodes) -> Result<Vec<Digest>, SessionError> {
        let (mut missing_blobs, mut missing_bytes) = (Vec::new(), 0);
        let mut seen = HashSet::from([root.stored]);
        let mut level = vec![root];
        while !level.is_empty() {
            let (mut children, mut blobs) = (Vec::new(), Vec::new());
            for batch in level.chunks(BATCH) {
                self.call.send(&SyncDown::WantNodes, pack_digests(batch.iter().map(|id| &id.stored))).await?;
                self.take_nodes(batch, nodes, &mut children, &mut blobs).await?;
            }
            level.clear();
            children.retain(|id: &TreeId| seen.insert(id.stored));
            for batch in children.chunks(BATCH) {
                let has = self.has_nodes(batch.to_vec()).await?;
                level.extend(batch.iter().zip(has).filter(|(_, has)| !has).map(|(id, _)| *id));
            }
            blobs.retain(|(digest, _)| self.known.insert(*digest));
            for batch in blobs.chunks(BATCH) {
                let has = self.has_blobs(batch.iter().map(|(digest, _)| *digest).collect()).await?;
                for ((digest, size), _) in batch.iter().zip(has).filter(|(_, has)| !has) {
                    missing_blobs.push(*digest);
                    missing_bytes = u64::saturating_add(missing_bytes, *size);
                }
            }
        }
        self.sink.expected(self.blobs.taken().saturating_add(missing_bytes));
        Ok(missing_blobs)
    }

    /// Takes the nodes that were asked for, and collects what they refer to.
    async fn take_nodes(
        &mut self,
        wanted: &[TreeId],
        nodes: &mut NewNodes,
        children: &mut Vec<TreeId>,
        blobs: &mut Vec<(Digest, u64)>,
    ) -> Result<(), SessionError> {
        let mut decoder = RecordDecoder::new(MAX_NODE_BYTES as u64);
        let mut expected = wanted.iter();
        loop {
            let (step, payload) = self.next().await?;
            let SyncUp::Nodes { last } = step else { return Err(unexpected(&step)) };
            nodes.bytes += payload.len();
            if nodes.bytes > MAX_NODE_BYTES {
                return Err(SessionError::protocol(
                    "the directory has too many entries: its nodes exceed 512 MiB",
                ));
            }
            for piece in decoder.push(payload)? {
                let (Piece::Whole(digest, bytes), Some(id)) = (piece, expected.next()) else {
                    return Err(SessionError::protocol("nodes that were not asked for"));
                };
                // Both digests are checked: the content digest becomes part of cache keys.
                let node = Node::decode(&digest, &bytes)
                    .map_err(|error| SessionError::protocol(error.to_string()))?;
                if digest != id.stored || node.id() != *id {
                    return Err(SessionError::protocol(format!(
                        "node {digest} is not what it was announced as"
                    )));
                }
                let mut own_children = Vec::new();
                for entry in &node.entries {
                    match &entry.kind {
                        EntryKind::Dir(child) => {
                            own_children.push(child.stored);
                            children.push(*child);
                        }
                        EntryKind::File { blob, size, .. } => blobs.push((*blob, *size)),
                        _ => {}
                    }
                }
                nodes.by_id.insert(digest, NewNode { id: *id, bytes, children: own_children });
            }
            if last {
                break;
            }
        }
        if expected.next().is_some() || !decoder.is_at_boundary() {
            return Err(SessionError::protocol("nodes that were asked for did not come"));
        }
        Ok(())
    }

    /// Asks for contents and hands them to the sink.
    async fn fetch_blobs(&mut self, missing: Vec<Digest>) -> Result<Outcome, SessionError> {
        for batch in missing.chunks(BATCH) {
            for digest in batch {
                self.blobs.expect(*digest);
            }
            self.call.send(&SyncDown::WantBlobs, pack_digests(batch)).await?;
            loop {
                let (step, payload) = self.next().await?;
                match step {
                    SyncUp::Blobs => self.blobs.push(payload).await?,
                    SyncUp::BlobsSent => break,
                    SyncUp::Restart => {
                        // What was asked for and did not come is not known any more.
                        for digest in self.blobs.reset() {
                            self.known.remove(&digest);
                        }
                        return Ok(Outcome::Restart);
                    }
                    other => return Err(unexpected(&other)),
                }
            }
        }
        self.blobs.check_complete()?;
        Ok(Outcome::Sent)
    }
}

fn unexpected(step: &SyncUp) -> SessionError {
    SessionError::protocol(format!("an unexpected step of a sync: {step:?}"))
}
