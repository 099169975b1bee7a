//! The store as the end of file transfers.

use std::io::{Read, Write};

use bytes::Bytes;
use kukri_model::Digest;
use kukri_session::engine::{BlobWriter, StoreFailure, SyncSink, TreeSource};
use kukri_store::{Intake, Store};
use kukri_tree::{NodeReader, TreeId};

/// Takes what a client sends in one go.
pub struct StoreSink {
    store: Store,
    intake: Intake,
}

impl StoreSink {
    /// Into this store.
    pub fn new(store: &Store) -> Self {
        Self { store: store.clone(), intake: store.intake() }
    }
}

impl SyncSink for StoreSink {
    fn has_nodes(&self, ids: &[TreeId]) -> Result<Vec<bool>, StoreFailure> {
        let digests: Vec<Digest> = ids.iter().map(|id| id.stored).collect();
        Ok(self.store.has_nodes(&digests)?)
    }

    fn put_nodes(&self, nodes: Vec<(TreeId, Bytes)>) -> Result<(), StoreFailure> {
        Ok(self
            .intake
            .put_nodes(nodes.into_iter().map(|(id, bytes)| (id.stored, bytes.to_vec())).collect())?)
    }

    fn has_blobs(&self, digests: &[Digest]) -> Result<Vec<bool>, StoreFailure> {
        Ok(self.store.has_blobs(digests)?)
    }

    fn put_blobs(&self, blobs: Vec<(Digest, Bytes)>) -> Result<(), StoreFailure> {
        Ok(self.intake.put_blobs(&blobs)?)
    }

    fn blob_writer(&self, digest: Digest, _: u64) -> Result<Box<dyn BlobWriter>, StoreFailure> {
        Ok(Box::new(LargeBlob { expected: digest, writer: self.store.blob_writer() }))
    }
}

struct LargeBlob {
    expected: Digest,
    writer: kukri_store::BlobWriter,
}

impl BlobWriter for LargeBlob {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreFailure> {
        Ok(self.writer.write_all(bytes)?)
    }

    fn finish(self: Box<Self>) -> Result<(), StoreFailure> {
        let (digest, _) = self.writer.finish()?;
        if digest != self.expected {
            return Err(format!("a content of {} arrived as {digest}", self.expected).into());
        }
        Ok(())
    }
}

/// Gives what a client writes.
pub struct StoreSource(pub Store);

impl TreeSource for StoreSource {
    fn node(&self, digest: &Digest) -> Result<Bytes, StoreFailure> {
        Ok(NodeReader::node(&self.0, digest)?.encode().into())
    }

    fn blob(&self, digest: &Digest) -> Result<Box<dyn Read + Send>, StoreFailure> {
        Ok(Box::new(self.0.open_blob(digest)?))
    }
}
