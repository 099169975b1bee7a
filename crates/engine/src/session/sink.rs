//! The store as the end of file transfers.

use std::io::{Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use kukri_model::Digest;
use kukri_session::engine::{BlobWriter, StoreFailure, SyncSink, TreeSource};
use kukri_store::{Intake, Store};
use kukri_tree::{NodeReader, TreeId};

use crate::transfer::{Meter, Metered};

/// Takes what a client sends in one go.
pub struct StoreSink {
    store: Store,
    intake: Intake,
    meter: Arc<Meter>,
}

impl StoreSink {
    /// Into this store; counts what comes.
    pub fn new(store: &Store, meter: Arc<Meter>) -> Self {
        Self { store: store.clone(), intake: store.intake(), meter }
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
        self.intake.put_blobs(&blobs)?;
        self.meter.add(blobs.iter().map(|(_, bytes)| bytes.len() as u64).sum());
        Ok(())
    }

    fn blob_writer(&self, digest: Digest, _: u64) -> Result<Box<dyn BlobWriter>, StoreFailure> {
        let writer = Metered::new(self.store.blob_writer(), &self.meter);
        Ok(Box::new(LargeBlob { expected: digest, writer }))
    }

    fn found(&self, files: u64) {
        self.meter.set_files(files);
    }

    fn expected(&self, bytes: u64) {
        self.meter.set_total(bytes);
    }
}

struct LargeBlob {
    expected: Digest,
    writer: Metered<kukri_store::BlobWriter>,
}

impl BlobWriter for LargeBlob {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreFailure> {
        Ok(self.writer.write_all(bytes)?)
    }

    fn finish(self: Box<Self>) -> Result<(), StoreFailure> {
        let (digest, _) = self.writer.into_inner().finish()?;
        if digest != self.expected {
            return Err(format!("a content of {} arrived as {digest}", self.expected).into());
        }
        Ok(())
    }
}

/// Gives what a client writes, and counts it.
pub struct StoreSource {
    store: Store,
    meter: Arc<Meter>,
}

impl StoreSource {
    /// From this store.
    pub fn new(store: &Store, meter: Arc<Meter>) -> Self {
        Self { store: store.clone(), meter }
    }
}

impl TreeSource for StoreSource {
    fn node(&self, digest: &Digest) -> Result<Bytes, StoreFailure> {
        Ok(NodeReader::node(&self.store, digest)?.encode().into())
    }

    fn blob(&self, digest: &Digest) -> Result<Box<dyn Read + Send>, StoreFailure> {
        Ok(Box::new(Metered::new(self.store.open_blob(digest)?, &self.meter)))
    }

    fn wanted(&self, files: u64, bytes: u64) {
        self.meter.set_files(files);
        self.meter.set_total(bytes);
    }
}
