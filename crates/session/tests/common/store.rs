//! A store in memory that is strict about the order in which things are kept.

use std::collections::{BTreeMap, HashMap};
use std::io::{Cursor, Read};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use kukri_model::Digest;
use kukri_session::engine::{BlobWriter, StoreFailure, SyncSink, TreeSource};
use kukri_tree::{EntryKind, Node, TreeId};

#[derive(Default)]
pub struct Store {
    pub nodes: Mutex<HashMap<Digest, (TreeId, Bytes)>>,
    pub blobs: Arc<Mutex<HashMap<Digest, Bytes>>>,
    pub nodes_put: AtomicUsize,
    pub blobs_put: Arc<AtomicUsize>,
    pub blobs_read: AtomicUsize,
    pub full: AtomicBool,
    /// Files found and bytes expected, or files and bytes wanted, as they were told.
    pub told: Mutex<Vec<(&'static str, u64)>>,
}

impl SyncSink for Store {
    fn has_nodes(&self, ids: &[TreeId]) -> Result<Vec<bool>, StoreFailure> {
        let nodes = self.nodes.lock().unwrap();
        Ok(ids.iter().map(|id| nodes.get(&id.stored).is_some_and(|(known, _)| known == id)).collect())
    }

    fn put_nodes(&self, new: Vec<(TreeId, Bytes)>) -> Result<(), StoreFailure> {
        let mut nodes = self.nodes.lock().unwrap();
        for (id, bytes) in new {
            let node = Node::decode(&id.stored, &bytes).unwrap();
            assert_eq!(node.id(), id);
            for entry in &node.entries {
                match &entry.kind {
                    EntryKind::Dir(child) => {
                        assert!(nodes.contains_key(&child.stored), "a parent before its child")
                    }
                    EntryKind::File { blob, .. } => {
                        assert!(self.blobs.lock().unwrap().contains_key(blob), "a node before its content");
                    }
                    _ => {}
                }
            }
            self.nodes_put.fetch_add(1, Ordering::SeqCst);
            nodes.insert(id.stored, (id, bytes));
        }
        Ok(())
    }

    fn has_blobs(&self, digests: &[Digest]) -> Result<Vec<bool>, StoreFailure> {
        let blobs = self.blobs.lock().unwrap();
        Ok(digests.iter().map(|digest| blobs.contains_key(digest)).collect())
    }

    fn put_blobs(&self, new: Vec<(Digest, Bytes)>) -> Result<(), StoreFailure> {
        if self.full.load(Ordering::SeqCst) {
            return Err("no space left in the store".into());
        }
        assert!(new.len() <= 1024 && new.iter().all(|(_, bytes)| bytes.len() <= 256 << 10));
        for (digest, bytes) in new {
            if Digest::of(&bytes) != digest {
                return Err(format!("content {digest} is not what it was announced as").into());
            }
            self.blobs_put.fetch_add(1, Ordering::SeqCst);
            self.blobs.lock().unwrap().insert(digest, bytes);
        }
        Ok(())
    }

    fn blob_writer(&self, digest: Digest, size: u64) -> Result<Box<dyn BlobWriter>, StoreFailure> {
        let (blobs, puts) = (Arc::clone(&self.blobs), Arc::clone(&self.blobs_put));
        Ok(Box::new(Large { blobs, puts, digest, size, bytes: Vec::new() }))
    }

    fn found(&self, files: u64) {
        self.told.lock().unwrap().push(("found", files));
    }

    fn expected(&self, bytes: u64) {
        self.told.lock().unwrap().push(("expected", bytes));
    }
}

struct Large {
    blobs: Arc<Mutex<HashMap<Digest, Bytes>>>,
    puts: Arc<AtomicUsize>,
    digest: Digest,
    size: u64,
    bytes: Vec<u8>,
}

impl BlobWriter for Large {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreFailure> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), StoreFailure> {
        assert_eq!(self.bytes.len() as u64, self.size);
        assert_eq!(Digest::of(&self.bytes), self.digest);
        self.puts.fetch_add(1, Ordering::SeqCst);
        self.blobs.lock().unwrap().insert(self.digest, self.bytes.into());
        Ok(())
    }
}

impl TreeSource for Store {
    fn node(&self, digest: &Digest) -> Result<Bytes, StoreFailure> {
        let nodes = self.nodes.lock().unwrap();
        nodes.get(digest).map(|(_, bytes)| bytes.clone()).ok_or_else(|| format!("no node {digest}").into())
    }

    fn blob(&self, digest: &Digest) -> Result<Box<dyn Read + Send>, StoreFailure> {
        self.blobs_read.fetch_add(1, Ordering::SeqCst);
        let blob = self.blobs.lock().unwrap().get(digest).cloned();
        match blob {
            Some(bytes) => Ok(Box::new(Cursor::new(bytes))),
            None => Err(format!("no blob {digest}").into()),
        }
    }

    fn wanted(&self, files: u64, bytes: u64) {
        self.told.lock().unwrap().extend([("files", files), ("bytes", bytes)]);
    }
}

impl Store {
    /// Takes over a node without looking, for trees made by tests.
    pub fn put(&self, node: Node) -> TreeId {
        let (id, bytes) = node.seal();
        self.nodes.lock().unwrap().insert(id.stored, (id, bytes.into()));
        id
    }

    /// Keeps a content.
    pub fn put_blob(&self, content: &[u8]) -> Digest {
        let digest = Digest::of(content);
        self.blobs.lock().unwrap().insert(digest, Bytes::copy_from_slice(content));
        digest
    }

    /// Everything below a tree: path to a description. The root itself is "".
    pub fn list(&self, root: TreeId) -> BTreeMap<String, String> {
        let mut out = BTreeMap::new();
        let mut todo = vec![(String::new(), root)];
        while let Some((path, id)) = todo.pop() {
            let bytes = TreeSource::node(self, &id.stored).unwrap();
            let node = Node::decode(&id.stored, &bytes).unwrap();
            assert_eq!((node.meta.uid, node.meta.gid), (0, 0));
            out.insert(path.clone(), format!("d {:o}", node.meta.mode));
            for entry in node.entries {
                let name = String::from_utf8_lossy(&entry.name).into_owned();
                let path = if path.is_empty() { name } else { format!("{path}/{name}") };
                let text = match entry.kind {
                    EntryKind::Dir(id) => {
                        todo.push((path, id));
                        continue;
                    }
                    EntryKind::File { meta, blob, size, .. } => {
                        let content = self.blobs.lock().unwrap()[&blob].clone();
                        assert_eq!(content.len() as u64, size);
                        assert_eq!((meta.uid, meta.gid), (0, 0));
                        let shown = String::from_utf8_lossy(&content[..content.len().min(20)]).into_owned();
                        format!("f {:o} {shown}", meta.mode)
                    }
                    EntryKind::Symlink { target, .. } => format!("l {}", String::from_utf8_lossy(&target)),
                    EntryKind::Fifo { .. } => "p".to_owned(),
                    other => format!("{other:?}"),
                };
                out.insert(path, text);
            }
        }
        out
    }

    /// How many nodes and contents were put since the last call.
    pub fn puts(&self) -> (usize, usize) {
        (self.nodes_put.swap(0, Ordering::SeqCst), self.blobs_put.swap(0, Ordering::SeqCst))
    }
}
