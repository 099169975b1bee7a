//! The bytes of a node, and its two digests. Described in `docs/reference/store-format.md`; changing them needs a new
//! version byte.

use kukri_model::Digest;

use crate::node::{Entry, EntryKind, Meta, Node, TreeError, TreeId};

const VERSION: u8 = 1;

const FILE: u8 = b'f';
const DIR: u8 = b'd';
const SYMLINK: u8 = b'l';
const CHAR: u8 = b'c';
const BLOCK: u8 = b'b';
const FIFO: u8 = b'p';

#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// What is kept: all.
    Stored,
    /// What a cache key sees: no times, and subtrees by their content digest.
    Content,
}

impl Node {
    /// The bytes that are stored.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.write(Form::Stored)
    }

    /// Both digests of this node.
    #[must_use]
    pub fn id(&self) -> TreeId {
        TreeId { stored: Digest::of(&self.encode()), content: Digest::of(&self.write(Form::Content)) }
    }

    /// Both digests, and the bytes that are stored under the first.
    #[must_use]
    pub fn seal(&self) -> (TreeId, Vec<u8>) {
        let bytes = self.encode();
        (TreeId { stored: Digest::of(&bytes), content: Digest::of(&self.write(Form::Content)) }, bytes)
    }

    fn write(&self, form: Form) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.entries.len() * 80);
        out.push(if form == Form::Stored { b'T' } else { b'C' });
        out.push(VERSION);
        put_meta(&mut out, &self.meta, form);
        put_number(&mut out, self.entries.len() as u64);
        for entry in &self.entries {
            put_bytes(&mut out, &entry.name);
            put_kind(&mut out, &entry.kind, form);
        }
        out
    }

    /// Reads what [`Node::encode`] wrote. `digest` is only for the error.
    pub fn decode(digest: &Digest, bytes: &[u8]) -> Result<Self, TreeError> {
        let mut input = Input { digest, rest: bytes };
        if input.byte()? != b'T' || input.byte()? != VERSION {
            return Err(input.damaged("unknown format"));
        }
        let meta = input.meta()?;
        let count = input.number()? as usize;
        let mut entries: Vec<Entry> = Vec::with_capacity(count.min(bytes.len() / 8));
        for _ in 0..count {
            let entry = Entry { name: input.bytes()?.into(), kind: input.kind()? };
            if entries.last().is_some_and(|last| last.name >= entry.name) {
                return Err(input.damaged("entries are not sorted"));
            }
            if !is_name(&entry.name) {
                return Err(input.damaged("not a file name"));
            }
            entries.push(entry);
        }
        if !input.rest.is_empty() {
            return Err(input.damaged("bytes after the end"));
        }
        Ok(Self { meta, entries })
    }
}

/// Whether `name` can be the name of an entry: 1 to 255 bytes, no `/`, no NUL, not `.` or `..`.
#[must_use]
pub fn is_name(name: &[u8]) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && name != b"."
        && name != b".."
        && !name.iter().any(|byte| matches!(byte, b'/' | 0))
}

fn put_number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_meta(out: &mut Vec<u8>, meta: &Meta, form: Form) {
    put_number(out, u64::from(meta.mode));
    put_number(out, u64::from(meta.uid));
    put_number(out, u64::from(meta.gid));
    if form == Form::Stored {
        out.extend_from_slice(&meta.mtime_ns.to_le_bytes());
    }
    put_number(out, meta.xattrs.len() as u64);
    for (name, value) in &meta.xattrs {
        put_bytes(out, name);
        put_bytes(out, value);
    }
}

fn put_kind(out: &mut Vec<u8>, kind: &EntryKind, form: Form) {
    match kind {
        EntryKind::File { meta, blob, size, link_group } => {
            out.push(FILE);
            put_meta(out, meta, form);
            put_number(out, *size);
            out.extend_from_slice(blob.as_bytes());
            put_number(out, *link_group);
        }
        EntryKind::Dir(id) => {
            out.push(DIR);
            if form == Form::Stored {
                out.extend_from_slice(id.stored.as_bytes());
            }
            out.extend_from_slice(id.content.as_bytes());
        }
        EntryKind::Symlink { meta, target } => {
            out.push(SYMLINK);
            put_meta(out, meta, form);
            put_bytes(out, target);
        }
        EntryKind::CharDevice { meta, major, minor } => put_device(out, CHAR, meta, *major, *minor, form),
        EntryKind::BlockDevice { meta, major, minor } => put_device(out, BLOCK, meta, *major, *minor, form),
        EntryKind::Fifo { meta } => {
            out.push(FIFO);
            put_meta(out, meta, form);
        }
    }
}

fn put_device(out: &mut Vec<u8>, tag: u8, meta: &Meta, major: u32, minor: u32, form: Form) {
    out.push(tag);
    put_meta(out, meta, form);
    put_number(out, u64::from(major));
    put_number(out, u64::from(minor));
}

struct Input<'a> {
    digest: &'a Digest,
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    fn damaged(&self, reason: &'static str) -> TreeError {
        TreeError::Damaged { digest: *self.digest, reason }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], TreeError> {
        if len > self.rest.len() {
            return Err(self.damaged("cut off"));
        }
        let (head, tail) = self.rest.split_at(len);
        self.rest = tail;
        Ok(head)
    }

    fn byte(&mut self) -> Result<u8, TreeError> {
        Ok(self.take(1)?[0])
    }

    fn number(&mut self) -> Result<u64, TreeError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.damaged("number too long"))
    }

    fn small(&mut self) -> Result<u32, TreeError> {
        self.number()?.try_into().map_err(|_| self.damaged("number too large"))
    }

    fn bytes(&mut self) -> Result<&'a [u8], TreeError> {
        let len = self.number()?.try_into().map_err(|_| self.damaged("number too large"))?;
        self.take(len)
    }

    fn digest(&mut self) -> Result<Digest, TreeError> {
        let bytes = self.take(Digest::LEN)?;
        Digest::from_slice(bytes).ok_or_else(|| self.damaged("cut off"))
    }

    fn meta(&mut self) -> Result<Meta, TreeError> {
        let (mode, uid, gid) = (self.small()?, self.small()?, self.small()?);
        let mtime_ns = i64::from_le_bytes(self.take(8)?.try_into().map_err(|_| self.damaged("cut off"))?);
        let count = self.number()?;
        let mut xattrs = Vec::new();
        for _ in 0..count {
            xattrs.push((self.bytes()?.into(), self.bytes()?.into()));
        }
        Ok(Meta { mode, uid, gid, mtime_ns, xattrs })
    }

    fn kind(&mut self) -> Result<EntryKind, TreeError> {
        Ok(match self.byte()? {
            FILE => {
                let (meta, size) = (self.meta()?, self.number()?);
                EntryKind::File { meta, size, blob: self.digest()?, link_group: self.number()? }
            }
            DIR => EntryKind::Dir(TreeId { stored: self.digest()?, content: self.digest()? }),
            SYMLINK => EntryKind::Symlink { meta: self.meta()?, target: self.bytes()?.into() },
            CHAR => EntryKind::CharDevice { meta: self.meta()?, major: self.small()?, minor: self.small()? },
            BLOCK => {
                EntryKind::BlockDevice { meta: self.meta()?, major: self.small()?, minor: self.small()? }
            }
            FIFO => EntryKind::Fifo { meta: self.meta()? },
            _ => return Err(self.damaged("unknown kind of entry")),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample(mtime_ns: i64) -> Node {
        let meta = Meta {
            mtime_ns,
            uid: 1000,
            xattrs: vec![((*b"user.a").into(), (*b"1").into())],
            ..Meta::new(0o644)
        };
        let mut node = Node { meta: Meta { mtime_ns, ..Meta::new(0o755) }, entries: vec![] };
        node.set(Entry {
            name: (*b"file").into(),
            kind: EntryKind::File { meta: meta.clone(), blob: Digest::of(b"x"), size: 1, link_group: 7 },
        });
        node.set(Entry { name: (*b"dir").into(), kind: EntryKind::Dir(Node::empty().id()) });
        node.set(Entry {
            name: (*b"link").into(),
            kind: EntryKind::Symlink { meta: meta.clone(), target: (*b"../x").into() },
        });
        node.set(Entry {
            name: (*b"dev").into(),
            kind: EntryKind::CharDevice { meta: meta.clone(), major: 1, minor: 300 },
        });
        node.set(Entry { name: (*b"pipe").into(), kind: EntryKind::Fifo { meta } });
        node
    }

    #[test]
    fn what_is_written_is_read() {
        let node = sample(-5);
        assert_eq!(Node::decode(&node.id().stored, &node.encode()), Ok(node));
    }

    #[test]
    fn times_are_stored_but_not_part_of_the_content() {
        let (old, new) = (sample(1).id(), sample(2).id());
        assert_ne!(old.stored, new.stored);
        assert_eq!(old.content, new.content);
    }

    #[test]
    fn damage_is_noticed() {
        let bytes = sample(1).encode();
        let digest = Digest::of(&bytes);
        for len in 0..bytes.len() {
            assert!(Node::decode(&digest, &bytes[..len]).is_err(), "cut at {len}");
        }
        assert!(Node::decode(&digest, &[&bytes[..], b"x"].concat()).is_err());
    }

    fn meta() -> impl Strategy<Value = Meta> {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..4).prop_map(Into::into);
        let xattrs = proptest::collection::vec((bytes(), bytes()), 0..3);
        (any::<u32>(), any::<u32>(), any::<u32>(), any::<i64>(), xattrs)
            .prop_map(|(mode, uid, gid, mtime_ns, xattrs)| Meta { mode, uid, gid, mtime_ns, xattrs })
    }

    fn kind() -> impl Strategy<Value = EntryKind> {
        let digest = || any::<[u8; 32]>().prop_map(Digest::from_bytes);
        prop_oneof![
            (meta(), digest(), any::<u64>(), any::<u64>())
                .prop_map(|(meta, blob, size, link_group)| EntryKind::File { meta, blob, size, link_group }),
            (digest(), digest()).prop_map(|(stored, content)| EntryKind::Dir(TreeId { stored, content })),
            (meta(), proptest::collection::vec(any::<u8>(), 0..300))
                .prop_map(|(meta, target)| EntryKind::Symlink { meta, target: target.into() }),
            (meta(), any::<u32>(), any::<u32>()).prop_map(|(meta, major, minor)| EntryKind::BlockDevice {
                meta,
                major,
                minor
            }),
            meta().prop_map(|meta| EntryKind::Fifo { meta }),
        ]
    }

    proptest! {
        #[test]
        fn any_node_is_read_as_it_was_written(
            meta in meta(),
            kinds in proptest::collection::btree_map("[^/\\x00.]{1,9}", kind(), 0..6),
        ) {
            let entry = |(name, kind): (String, _)| Entry { name: name.into_bytes().into(), kind };
            let node = Node { meta, entries: kinds.into_iter().map(entry).collect() };
            prop_assert_eq!(Node::decode(&node.id().stored, &node.encode()), Ok(node));
        }

        /// Bytes from a damaged disk may be anything; they must neither panic nor take memory without end.
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Node::decode(&Digest::of(b""), &[b"T\x01", &bytes[..]].concat());
        }
    }

    /// Stored trees and cache keys of every release depend on these bytes.
    #[test]
    fn golden() {
        assert_eq!(
            Node::empty().id().stored.hex(),
            "10d873bf6c93f835f8e8d03e0b6a3b57dc55b7c8684c19908a16305f665386a2"
        );
        assert_eq!(
            sample(1).id().content.hex(),
            "ee3fbe8eaebea47b2789c5b3e5050c750c062de830331d691d8925b97b275fcd"
        );
    }
}
