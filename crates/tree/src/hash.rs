//! The SHA-256 digests that `Directory.digest` and `File.digest` return.

use std::collections::HashMap;
use std::sync::Arc;

use kukri_model::Digest;
use ring::digest::{Context, SHA256};

use crate::cancel;
use crate::node::{BlobReader, EntryKind, Meta, Node, NodeReader, TreeError, TreeId};

/// A SHA-256 digest.
pub type Sha256 = [u8; 32];

/// Contents for hashing.
pub trait HashSource {
    /// Hands the content of a blob to `sink`, in order, in pieces of any size.
    fn feed(&self, blob: &Digest, sink: &mut dyn FnMut(&[u8])) -> Result<(), TreeError>;
}

/// What was hashed already: directories by their content, files by content and metadata. Each may be in a tree any number
/// of times.
type Known = HashMap<Digest, Sha256>;

/// Every [`BlobReader`] will do where contents are small.
impl<B: BlobReader> HashSource for B {
    fn feed(&self, blob: &Digest, sink: &mut dyn FnMut(&[u8])) -> Result<(), TreeError> {
        sink(&self.blob(blob)?);
        Ok(())
    }
}

/// A directory on the way.
struct Frame {
    id: TreeId,
    node: Arc<Node>,
    next: usize,
    hash: Context,
}

/// `Directory.digest`: over metadata without times, names and contents.
///
/// # Errors
/// The reader's and the source's.
pub fn directory_digest(
    reader: &dyn NodeReader,
    source: &dyn HashSource,
    root: &TreeId,
) -> Result<Sha256, TreeError> {
    let mut known = Known::new();
    let enter = |id: TreeId| -> Result<Frame, TreeError> {
        let node = reader.node(&id.stored)?;
        let mut hash = Context::new(&SHA256);
        hash.update(b"\0");
        hash.update(hash_text(&sha256(&directory_header(&node.meta))).as_bytes());
        Ok(Frame { id, node, next: 0, hash })
    };
    let mut stack = vec![enter(*root)?];
    loop {
        let frame = stack.last_mut().expect("the root is left last");
        let Some(entry) = frame.node.entries.get(frame.next) else {
            let done = stack.pop().expect("it was just there");
            let hash = finish(done.hash);
            known.insert(done.id.content, hash);
            let Some(parent) = stack.last_mut() else { return Ok(hash) };
            add_child(&mut parent.hash, &parent.node.entries[parent.next - 1].name, &hash);
            continue;
        };
        frame.next += 1;
        cancel::check()?;
        let hash = match &entry.kind {
            EntryKind::Dir(id) => match known.get(&id.content) {
                Some(hash) => *hash,
                None => {
                    let inner = enter(*id)?;
                    stack.push(inner);
                    continue;
                }
            },
            other => known_file_digest(source, other, &mut known)?,
        };
        add_child(&mut frame.hash, &entry.name, &hash);
    }
}

fn add_child(hash: &mut Context, name: &[u8], child: &Sha256) {
    hash.update(b"\0");
    hash.update(name);
    hash.update(hash_text(child).as_bytes());
}

/// `File.digest` of anything that is not a directory: over metadata without name and times, and the content.
///
/// # Errors
/// The source's; [`TreeError::Invalid`] for a directory.
pub fn file_digest(source: &dyn HashSource, kind: &EntryKind) -> Result<Sha256, TreeError> {
    known_file_digest(source, kind, &mut Known::new())
}

fn known_file_digest(
    source: &dyn HashSource,
    kind: &EntryKind,
    known: &mut Known,
) -> Result<Sha256, TreeError> {
    let header = match kind {
        EntryKind::File { meta, size, .. } => header(meta, meta.mode & 0o7777, *size, b"0", b"", 0, 0),
        EntryKind::Symlink { meta, target } => header(meta, 0o777, 0, b"2", target, 0, 0),
        EntryKind::CharDevice { meta, major, minor } => {
            header(meta, meta.mode & 0o7777, 0, b"3", b"", *major, *minor)
        }
        EntryKind::BlockDevice { meta, major, minor } => {
            header(meta, meta.mode & 0o7777, 0, b"4", b"", *major, *minor)
        }
        EntryKind::Fifo { meta } => header(meta, meta.mode & 0o7777, 0, b"6", b"", 0, 0),
        EntryKind::Dir(_) => {
            return Err(TreeError::Invalid("a directory has no digest of a file".to_owned()));
        }
    };
    let EntryKind::File { blob, .. } = kind else { return Ok(sha256(&header)) };
    let key = Digest::of(&[blob.as_bytes(), &header[..]].concat());
    if let Some(hash) = known.get(&key) {
        return Ok(*hash);
    }
    let hash = hash_blob(source, &header, blob)?;
    known.insert(key, hash);
    Ok(hash)
}

/// `File.digest(excludeMetadata: true)`: the SHA-256 of the 32 bytes of the content's SHA-256.
///
/// # Errors
/// The source's.
pub fn content_digest(source: &dyn HashSource, blob: &Digest) -> Result<Sha256, TreeError> {
    Ok(sha256(&hash_blob(source, b"", blob)?))
}

/// SHA-256 of a header and a content.
fn hash_blob(source: &dyn HashSource, header: &[u8], blob: &Digest) -> Result<Sha256, TreeError> {
    let mut hash = Context::new(&SHA256);
    hash.update(header);
    source.feed(blob, &mut |piece| hash.update(piece))?;
    Ok(finish(hash))
}

fn directory_header(meta: &Meta) -> Vec<u8> {
    header(meta, meta.mode & 0o7777, 0, b"5", b"", 0, 0)
}

/// The fields of a tar header in a fixed order, without separators; empty ones have only their name.
fn header(
    meta: &Meta,
    mode: u32,
    size: u64,
    typeflag: &[u8],
    linkname: &[u8],
    major: u32,
    minor: u32,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    let mut put = |key: &[u8], value: &[u8]| {
        out.extend_from_slice(key);
        out.extend_from_slice(value);
    };
    put(b"name", b"");
    put(b"mode", mode.to_string().as_bytes());
    put(b"uid", meta.uid.to_string().as_bytes());
    put(b"gid", meta.gid.to_string().as_bytes());
    put(b"size", size.to_string().as_bytes());
    put(b"typeflag", typeflag);
    put(b"linkname", linkname);
    put(b"uname", b"");
    put(b"gname", b"");
    put(b"devmajor", major.to_string().as_bytes());
    put(b"devminor", minor.to_string().as_bytes());
    for (name, value) in &meta.xattrs {
        let local = name.starts_with(b"system.") || name.starts_with(b"security.");
        if !local || **name == *b"security.capability" {
            put(name, value);
        }
    }
    out
}

fn sha256(bytes: &[u8]) -> Sha256 {
    let mut hash = Context::new(&SHA256);
    hash.update(bytes);
    finish(hash)
}

fn finish(hash: Context) -> Sha256 {
    let mut out = [0; 32];
    out.copy_from_slice(hash.finish().as_ref());
    out
}

/// `sha256:` and 64 hexadecimal digits.
#[must_use]
pub fn hash_text(hash: &Sha256) -> String {
    format!("sha256:{}", Digest::from_bytes(*hash).hex())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::memory::Memory;
    use crate::testing::{Item, dir, file, link, tree};

    fn directory(memory: &Memory, items: &[(&str, Item)]) -> String {
        hash_text(&directory_digest(memory, memory, &tree(memory, items)).unwrap())
    }

    /// Values that users have written down from other engines.
    #[test]
    fn known_values() {
        let memory = Memory::new();
        let blob = memory.put_blob(b"Hello, World!");
        let Item::Other(kind) = file("Hello, World!") else { panic!("a file") };
        assert_eq!(
            directory(&memory, &[]),
            "sha256:0e5db88383bce812f795689f5318a2b2f4fde740ef31c2a2365a46368aafddd2"
        );
        assert_eq!(
            directory(&memory, &[("foo.txt", Item::Other(kind.clone()))]),
            "sha256:48ac4b4b73af8a75a3c77e9dc6211d89321c6ed4f13c6987c6837ac58645bd89"
        );
        assert_eq!(
            hash_text(&file_digest(&memory, &kind).unwrap()),
            "sha256:8a887cdd3e476c79e1a14a65a6c401673b56071a24561dadb5e152605e72a613"
        );
        assert_eq!(
            hash_text(&content_digest(&memory, &blob).unwrap()),
            "sha256:042a7d64a581ef2ee983f21058801cc35663b705e6c55f62fa8e0f18ecc70989"
        );
    }

    #[test]
    fn everything_but_times_counts() {
        let memory = Memory::new();
        memory.put_blob(b"x");
        let mut seen = Vec::new();
        let meta = Meta::new(0o644);
        let with = |meta: Meta| {
            Item::Other(EntryKind::File { meta, blob: Digest::of(b"x"), size: 1, link_group: 0 })
        };
        let private = vec![((*b"user.a").into(), (*b"1").into())];
        for item in [
            with(meta.clone()),
            with(Meta { mode: 0o600, ..meta.clone() }),
            with(Meta { uid: 1, ..meta.clone() }),
            with(Meta { xattrs: private, ..meta.clone() }),
            link("x"),
            link("y"),
            dir(),
        ] {
            seen.push(directory(&memory, &[("d/f", item)]));
        }
        let all = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), all);
        let local = vec![((*b"security.selinux").into(), (*b"1").into())];
        assert_eq!(
            directory(&memory, &[("f", with(meta.clone()))]),
            directory(&memory, &[("f", with(Meta { mtime_ns: 9, xattrs: local, ..meta }))])
        );
    }

    struct Counting<'a>(&'a Memory, Cell<usize>);

    impl HashSource for Counting<'_> {
        fn feed(&self, blob: &Digest, sink: &mut dyn FnMut(&[u8])) -> Result<(), TreeError> {
            self.1.set(self.1.get() + 1);
            self.0.feed(blob, sink)
        }
    }

    #[test]
    fn what_is_there_often_is_read_once() {
        let memory = Memory::new();
        memory.put_blob(b"x");
        let source = Counting(&memory, Cell::new(0));
        // In equal directories, and in one that differs from them.
        let root = tree(&memory, &[("a/x", file("x")), ("b/x", file("x")), ("c/y", file("x"))]);
        assert_eq!(directory_digest(&memory, &source, &root), directory_digest(&memory, &memory, &root));
        assert_eq!(source.1.get(), 1);
    }
}
