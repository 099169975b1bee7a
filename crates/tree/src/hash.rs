//! The SHA-256 digests that `Directory.digest` and `File.digest` return.

use kukri_model::Digest;

use crate::node::{EntryKind, NodeReader, TreeError, TreeId};

/// A SHA-256 digest.
pub type Sha256 = [u8; 32];

/// Contents for hashing, and a memory of what was hashed before.
pub trait HashSource {
    /// Hands the content of a blob to `sink`, in order, in pieces of any size.
    fn feed(&self, blob: &Digest, sink: &mut dyn FnMut(&[u8])) -> Result<(), TreeError>;

    /// What [`HashSource::remember`] was told under this key.
    fn remembered(&self, key: &Digest) -> Option<Sha256> {
        let _ = key;
        None
    }

    /// Keeps a result. Keys never mean anything else, so results may be kept for ever.
    fn remember(&self, key: &Digest, hash: Sha256) {
        let _ = (key, hash);
    }
}

/// `Directory.digest`.
pub fn directory_digest(
    reader: &dyn NodeReader,
    source: &dyn HashSource,
    root: &TreeId,
) -> Result<Sha256, TreeError> {
    let _ = (reader, source, root);
    unimplemented!()
}

/// `File.digest` of anything that is not a directory.
pub fn file_digest(source: &dyn HashSource, kind: &EntryKind) -> Result<Sha256, TreeError> {
    let _ = (source, kind);
    unimplemented!()
}

/// `File.digest(excludeMetadata: true)`.
pub fn content_digest(source: &dyn HashSource, blob: &Digest) -> Result<Sha256, TreeError> {
    let _ = (source, blob);
    unimplemented!()
}

/// `sha256:` and 64 hexadecimal digits.
#[must_use]
pub fn hash_text(hash: &Sha256) -> String {
    format!("sha256:{}", Digest::from_bytes(*hash).hex())
}
