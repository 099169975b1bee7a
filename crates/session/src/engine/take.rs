//! Contents that come in from a client, on their way into the sink: checked, and a few calls at a time.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use kukri_model::Digest;
use tokio::task::JoinSet;

use super::sync::blocking;
use super::{BlobWriter, StoreFailure, SyncSink};
use crate::SessionError;
use crate::records::{Piece, RecordDecoder, SMALL};

/// Small contents handed over in one call.
const PUT_COUNT: usize = 1024;
const PUT_BYTES: usize = 1 << 20;
/// Calls that may run at a time.
const PUTS: usize = 2;

/// Takes records, and gives their contents to the sink.
pub(super) struct BlobTaker {
    sink: Arc<dyn SyncSink>,
    decoder: RecordDecoder,
    expected: HashSet<Digest>,
    batch: Vec<(Digest, Bytes)>,
    batch_bytes: usize,
    large: Option<Large>,
    puts: JoinSet<Result<(), StoreFailure>>,
    taken: u64,
}

/// A large content that is being written.
struct Large {
    writer: Box<dyn BlobWriter>,
    hasher: blake3::Hasher,
}

impl BlobTaker {
    pub fn new(sink: Arc<dyn SyncSink>) -> Self {
        Self {
            sink,
            decoder: RecordDecoder::new(SMALL),
            expected: HashSet::new(),
            batch: Vec::new(),
            batch_bytes: 0,
            large: None,
            puts: JoinSet::new(),
            taken: 0,
        }
    }

    /// Bytes of contents that have come.
    pub const fn taken(&self) -> u64 {
        self.taken
    }

    /// This content was asked for.
    pub fn expect(&mut self, digest: Digest) {
        self.expected.insert(digest);
    }

    /// The next payload.
    pub async fn push(&mut self, payload: Bytes) -> Result<(), SessionError> {
        for piece in self.decoder.push(payload)? {
            match piece {
                Piece::Whole(digest, bytes) => {
                    self.check_expected(&digest)?;
                    self.batch_bytes += bytes.len();
                    self.taken += bytes.len() as u64;
                    self.batch.push((digest, bytes));
                    if self.batch.len() >= PUT_COUNT || self.batch_bytes >= PUT_BYTES {
                        self.put_batch().await?;
                    }
                }
                Piece::Begin(digest, size) => {
                    // Expected until it is complete: a file that changes on the way may yet come again.
                    if !self.expected.contains(&digest) {
                        return Err(not_asked_for(&digest));
                    }
                    let sink = Arc::clone(&self.sink);
                    let writer = blocking(move || sink.blob_writer(digest, size)).await?;
                    self.large = Some(Large { writer, hasher: blake3::Hasher::new() });
                }
                Piece::Part(bytes) => {
                    let Some(mut large) = self.large.take() else {
                        return Err(SessionError::protocol("a part of no content"));
                    };
                    self.taken += bytes.len() as u64;
                    let written = blocking(move || {
                        large.hasher.update(&bytes);
                        large.writer.write(&bytes)?;
                        Ok(large)
                    });
                    self.large = Some(written.await?);
                }
                Piece::End(digest) => {
                    let Some(large) = self.large.take() else {
                        return Err(SessionError::protocol("the end of no content"));
                    };
                    // Otherwise the file has changed, and the client is about to tell.
                    if Digest::from(large.hasher.finalize()) == digest {
                        blocking(move || large.writer.finish()).await?;
                        self.expected.remove(&digest);
                    }
                }
            }
        }
        Ok(())
    }

    fn check_expected(&mut self, digest: &Digest) -> Result<(), SessionError> {
        if self.expected.remove(digest) {
            return Ok(());
        }
        Err(not_asked_for(digest))
    }

    async fn put_batch(&mut self) -> Result<(), SessionError> {
        while self.puts.len() >= PUTS {
            self.join_one().await?;
        }
        let (batch, sink) = (std::mem::take(&mut self.batch), Arc::clone(&self.sink));
        self.batch_bytes = 0;
        if batch.is_empty() {
            return Ok(());
        }
        self.puts.spawn_blocking(move || sink.put_blobs(batch));
        Ok(())
    }

    async fn join_one(&mut self) -> Result<(), SessionError> {
        match self.puts.join_next().await {
            None | Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(error))) => Err(SessionError::Local(error)),
            Some(Err(error)) => Err(SessionError::Local(error.into())),
        }
    }

    /// Returns when everything that came is in the sink.
    pub async fn settle(&mut self) -> Result<(), SessionError> {
        self.put_batch().await?;
        while !self.puts.is_empty() {
            self.join_one().await?;
        }
        Ok(())
    }

    /// Everything that was asked for must have come.
    pub fn check_complete(&self) -> Result<(), SessionError> {
        match self.expected.iter().next() {
            None if self.decoder.is_at_boundary() => Ok(()),
            None => Err(SessionError::protocol("a content was cut off")),
            Some(digest) => {
                Err(SessionError::protocol(format!("content {digest} was asked for and did not come")))
            }
        }
    }

    /// Begins anew after the client has broken off; returns what was still expected.
    pub fn reset(&mut self) -> HashSet<Digest> {
        self.decoder = RecordDecoder::new(SMALL);
        self.large = None;
        std::mem::take(&mut self.expected)
    }
}

fn not_asked_for(digest: &Digest) -> SessionError {
    SessionError::protocol(format!("content {digest} was not asked for"))
}
