//! Names of objects. A file's metadata belongs to its inode, which all hard links share, so an object is identified by
//! content and metadata together.

use kukri_model::{Digest, Encoder};
use kukri_tree::Meta;

/// Key of a file with this content and metadata.
pub(crate) fn object_key(content: &Digest, meta: &Meta) -> Digest {
    let mut key = Encoder::new("kukri.object.v1");
    key.digest(content);
    key.u64(meta.mode.into()).u64(meta.uid.into()).u64(meta.gid.into()).i64(meta.mtime_ns);
    for (name, value) in &meta.xattrs {
        key.bytes(name).bytes(value);
    }
    key.finish()
}

/// Key of a content that came without metadata; whatever its file has means nothing.
pub(crate) fn raw_key(content: &Digest) -> Digest {
    let mut key = Encoder::new("kukri.object.raw.v1");
    key.digest(content);
    key.finish()
}
