//! Contents of files.
use std::io::{self, Read, Seek, SeekFrom, Write};

use kukri_model::Digest;

use crate::{Result, Store};

impl Store {
    /// Stores one content.
    pub fn put_blob(&self, content: &[u8]) -> Result<Digest> {
        let _ = content;
        todo!()
    }
    /// Stores many contents in one transaction. Fails without storing any row if a digest is not that of its content.
    pub fn put_blobs(&self, blobs: Vec<(Digest, Vec<u8>)>) -> Result<()> {
        let _ = blobs;
        todo!()
    }
    /// Stores a content of unknown length.
    pub fn blob_writer(&self) -> BlobWriter {
        todo!()
    }
    /// Which of the contents are there.
    pub fn has_blobs(&self, digests: &[Digest]) -> Result<Vec<bool>> {
        let _ = digests;
        todo!()
    }
    /// A whole content.
    pub fn read_blob(&self, digest: &Digest) -> Result<Vec<u8>> {
        let _ = digest;
        todo!()
    }
    /// Opens a content for reading.
    pub fn open_blob(&self, digest: &Digest) -> Result<BlobReader> {
        let _ = digest;
        todo!()
    }
    /// Length of a content in bytes.
    pub fn blob_size(&self, digest: &Digest) -> Result<u64> {
        let _ = digest;
        todo!()
    }
}

/// Takes a content piece by piece. Dropped without [`BlobWriter::finish`], it leaves nothing.
#[derive(Debug)]
pub struct BlobWriter {}

impl BlobWriter {
    /// Stores what was written; returns its digest and length.
    pub fn finish(self) -> Result<(Digest, u64)> {
        todo!()
    }
}

impl Write for BlobWriter {
    fn write(&mut self, _buf: &[u8]) -> io::Result<usize> {
        todo!()
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads a content.
#[derive(Debug)]
pub struct BlobReader {}

impl BlobReader {
    /// Length in bytes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a length of a stream, not of a collection")]
    pub fn len(&self) -> u64 {
        todo!()
    }
}
impl Read for BlobReader {
    fn read(&mut self, _buf: &mut [u8]) -> io::Result<usize> {
        todo!()
    }
}
impl Seek for BlobReader {
    fn seek(&mut self, _pos: SeekFrom) -> io::Result<u64> {
        todo!()
    }
}
