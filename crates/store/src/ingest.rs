//! Takes one file of a directory into the store: content into the sink, entry back.

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;

use kukri_model::{Digest, Encoder};
use kukri_tree::{EntryKind, Meta};

use crate::disk::fsutil;
use crate::disk::objects::object_key;
use crate::disk::packs::PACK_LIMIT;
use crate::sink::{ObjectRow, Sink};
use crate::store::Inner;

/// Number of a group of hard links: by its first path and its content, so that the same tree gets the same numbers
/// on every machine.
pub(crate) fn link_group(path: &[u8], blob: &Digest) -> u64 {
    let mut key = Encoder::new("kukri.link-group.v1");
    key.bytes(path).digest(blob);
    let digest = key.finish();
    let (head, _) = digest.as_bytes().split_at(8);
    // 0 means no group.
    head.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)) | 1
}

/// Reads `file` to its end, which must come after `size` bytes, and stores it under `dir/name`, where it lies already.
/// `Err(Ok(_))` is a failure of reading.
pub(crate) fn take_file(
    inner: &Inner,
    sink: &mut Sink,
    mut file: &File,
    size: u64,
    meta: Meta,
    (dir, name): (impl AsFd, &CStr),
) -> std::result::Result<EntryKind, Failure> {
    let blob = if size <= PACK_LIMIT as u64 {
        let mut content = vec![0; size as usize];
        let got = fsutil::read_full(&mut file, &mut content).map_err(Failure::Read)?;
        if got as u64 != size {
            return Err(Failure::Read(io::ErrorKind::UnexpectedEof.into()));
        }
        let blob = Digest::of(&content);
        sink.small(inner, blob, &content)?;
        blob
    } else {
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; fsutil::CHUNK];
        let mut total = 0;
        loop {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    hasher.update(&buffer[..count]);
                    total += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Failure::Read(error)),
            }
        }
        if total != size {
            return Err(Failure::Read(io::Error::other("it changed while it was read")));
        }
        let digest = Digest::from(hasher.finalize());
        sink.link(inner, ObjectRow { key: object_key(&digest, &meta), digest, size }, dir, name)?;
        digest
    };
    Ok(EntryKind::File { meta, blob, size, link_group: 0 })
}

/// Why a file was not taken.
pub(crate) enum Failure {
    /// It cannot be read.
    Read(io::Error),
    /// It cannot be stored.
    Store(crate::StoreError),
}

impl From<crate::StoreError> for Failure {
    fn from(error: crate::StoreError) -> Self {
        Self::Store(error)
    }
}

impl Failure {
    /// As an error that names the file.
    pub(crate) fn at(self, path: &std::path::Path) -> crate::StoreError {
        match self {
            Self::Read(error) => crate::StoreError::io("read", path)(error),
            Self::Store(error) => error,
        }
    }
}
