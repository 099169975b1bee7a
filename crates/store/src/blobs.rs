//! Contents of files, by digest.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use kukri_model::Digest;
use rusqlite::{OptionalExtension as _, params};

use crate::Store;
use crate::disk::fsutil;
use crate::disk::layout::object_name;
use crate::disk::objects::raw_key;
use crate::disk::packs::{PACK_LIMIT, Place};
use crate::error::{Result, StoreError};
use crate::memory::lock;
use crate::sink::{ObjectRow, Rows, Sink};
use crate::store::Inner;

/// From this many bytes on, one thread hashes while another writes.
const SHARE_BYTES: usize = 4 << 20;

/// Most bytes that one read of several short contents takes, and most between two of them that it reads in vain.
const READ_BYTES: u64 = 1 << 20;
const READ_GAP: u64 = 16 << 10;

impl Store {
    /// Stores one content.
    pub fn put_blob(&self, content: &[u8]) -> Result<Digest> {
        let mut writer = self.blob_writer();
        writer.push(content)?;
        Ok(writer.finish()?.0)
    }

    /// Stores many contents in one transaction. If the digest of one is not what it should be, none is stored.
    pub fn put_blobs(&self, blobs: Vec<(Digest, Vec<u8>)>) -> Result<()> {
        let inner = &*self.inner;
        let (small, large): (Vec<_>, Vec<_>) =
            blobs.into_iter().partition(|(_, content)| content.len() <= PACK_LIMIT);
        for (expected, content) in &large {
            check(expected, content)?;
        }
        let mut sink = Sink::default();
        for (_, content) in large {
            let mut writer = self.blob_writer();
            writer.push(&content)?;
            writer.store(&mut sink)?;
        }
        let _gate = inner.enter();
        inner.recent.touch_all(small.iter().map(|(digest, _)| digest));
        let packed = inner.put_small(small)?;
        sink.flush(inner, Rows { packed, ..Rows::default() }, |_| Ok(()))
    }

    /// Takes a content of unknown length. Long ones go to a file as they come.
    #[must_use]
    pub fn blob_writer(&self) -> BlobWriter {
        self.inner.make_room();
        Self::writer_of(&self.inner)
    }

    pub(crate) fn writer_of(inner: &Arc<Inner>) -> BlobWriter {
        BlobWriter {
            inner: Arc::clone(inner),
            hasher: blake3::Hasher::new(),
            size: 0,
            buffer: Vec::new(),
            file: None,
        }
    }

    /// Which of the contents are there, in the order of the digests. What is there stays for the time of grace.
    pub fn has_blobs(&self, digests: &[Digest]) -> Result<Vec<bool>> {
        let inner = &*self.inner;
        inner.touch(digests);
        let packed = inner.packed(digests)?;
        let missing: Vec<usize> = (0..digests.len())
            .filter(|at| packed[*at].is_none() && !is_empty_content(&digests[*at]))
            .collect();
        let mut found = vec![true; digests.len()];
        if !missing.is_empty() {
            inner.index.read_many("look up contents", |connection| {
                let mut query = connection.prepare_cached("SELECT 1 FROM objects WHERE digest=? LIMIT 1")?;
                for at in &missing {
                    found[*at] = query.exists([digests[*at].as_bytes()])?;
                }
                Ok(())
            })?;
            for at in missing.into_iter().filter(|_| inner.doubts.any()) {
                found[at] = found[at] && inner.has_sound(&digests[at])?;
            }
        }
        Ok(found)
    }

    /// A whole content.
    pub fn read_blob(&self, digest: &Digest) -> Result<Vec<u8>> {
        let mut reader = self.open_blob(digest)?;
        let mut content = Vec::with_capacity(reader.len() as usize);
        match &mut reader.source {
            Source::Memory(memory) => content = std::mem::take(memory.get_mut()),
            Source::File(file) => {
                file.read_to_end(&mut content).map_err(StoreError::io("read content from", self.root()))?;
                if Digest::of(&content) != *digest {
                    self.inner.drop_objects(digest)?;
                    return Err(StoreError::missing("blob", digest, "its file is damaged"));
                }
            }
        }
        Ok(content)
    }

    /// Hands the short ones among many contents to `visit`, with their index, in the order in which they lie on disk: one
    /// look-up and few reads for all. Each is checked when it is met first since the start. Tells which were visited; of the others [`Store::read_blob`] says
    /// more.
    pub fn visit_short_blobs(
        &self,
        digests: &[Digest],
        visit: &mut dyn FnMut(usize, &[u8]),
    ) -> Result<Vec<bool>> {
        let inner = &*self.inner;
        inner.touch(digests);
        let places = inner.packed(digests)?.into_iter().enumerate();
        let mut places: Vec<(Place, usize)> =
            places.filter_map(|(at, place)| place.map(|place| (place, at))).collect();
        places.sort_unstable_by_key(|(place, at)| (place.pack, place.offset, *at));
        let mut visited = vec![false; digests.len()];
        let mut buffer = Vec::new();
        for (range, group) in neighbours(&places) {
            buffer.resize((range.end - range.start) as usize, 0);
            // The collector may have moved some in between: these are not visited.
            if inner.packs.read_at(group[0].0.pack, range.start, &mut buffer).is_err() {
                continue;
            }
            for (place, at) in group {
                let start = (place.offset - range.start) as usize;
                let content = &buffer[start..start + place.size as usize];
                if inner.packs.check(*place, &digests[*at], content) {
                    visit(*at, content);
                    visited[*at] = true;
                }
            }
        }
        Ok(visited)
    }

    /// Opens a content for reading. Small ones are checked against their digest here; of long ones only the length is.
    pub fn open_blob(&self, digest: &Digest) -> Result<BlobReader> {
        let inner = &*self.inner;
        inner.touch([digest]);
        if is_empty_content(digest) {
            return Ok(BlobReader { len: 0, source: Source::Memory(Cursor::default()) });
        }
        if let Some(content) = inner.read_packed(digest)? {
            return Ok(BlobReader {
                len: content.len() as u64,
                source: Source::Memory(Cursor::new(content)),
            });
        }
        match inner.open_object(digest)? {
            Some((file, len)) => Ok(BlobReader { len, source: Source::File(file) }),
            None => Err(self.inner.lost_blob(digest)),
        }
    }

    /// Whether contents were found to be damaged or gone since the last call. Results may refer to them: they are hits until
    /// [`Store::verify`] drops them.
    #[must_use]
    pub fn take_lost(&self) -> bool {
        self.inner.lost.swap(false, Ordering::Relaxed)
    }

    /// Length of a content in bytes.
    pub fn blob_size(&self, digest: &Digest) -> Result<u64> {
        let inner = &*self.inner;
        inner.touch([digest]);
        if is_empty_content(digest) {
            return Ok(0);
        }
        if let Some(place) = inner.packed(std::slice::from_ref(digest))?[0] {
            return Ok(place.size.into());
        }
        let size: Option<i64> = inner.index.read("look up a content", |connection| {
            let mut query = connection.prepare_cached("SELECT size FROM objects WHERE digest=? LIMIT 1")?;
            query.query_row([digest.as_bytes()], |row| row.get(0)).optional()
        })?;
        size.map(|size| size as u64).ok_or_else(|| StoreError::missing("blob", digest, "no such content"))
    }
}

/// A range that one read takes, and the places in it.
type Group<'a> = (Range<u64>, &'a [(Place, usize)]);

/// What lies together, of sorted places.
fn neighbours(places: &[(Place, usize)]) -> Vec<Group<'_>> {
    let mut groups = Vec::new();
    let mut rest = places;
    while let Some((first, _)) = rest.first() {
        let mut range = first.offset..first.offset + u64::from(first.size);
        let mut count = 1;
        for (place, _) in &rest[1..] {
            let end = range.end.max(place.offset + u64::from(place.size));
            let near = place.offset <= range.end + READ_GAP && end - range.start <= READ_BYTES;
            if place.pack != first.pack || !near {
                break;
            }
            range.end = end;
            count += 1;
        }
        let (group, tail) = rest.split_at(count);
        groups.push((range, group));
        rest = tail;
    }
    groups
}

fn check(expected: &Digest, content: &[u8]) -> Result<()> {
    let actual = Digest::of(content);
    if actual == *expected { Ok(()) } else { Err(StoreError::DigestMismatch { expected: *expected, actual }) }
}

/// The empty content is in every store, without a record.
pub(crate) fn is_empty_content(digest: &Digest) -> bool {
    const EMPTY: [u8; 4] = [0xaf, 0x13, 0x49, 0xb9];
    digest.as_bytes().starts_with(&EMPTY) && *digest == Digest::of(b"")
}

impl Inner {
    /// Where small contents lie.
    pub(crate) fn packed(&self, digests: &[Digest]) -> Result<Vec<Option<Place>>> {
        let look_up = |connection: &rusqlite::Connection| {
            let mut query =
                connection.prepare_cached("SELECT pack, offset, size FROM packed WHERE digest=?")?;
            let place = |row: &rusqlite::Row<'_>| {
                let offset: i64 = row.get(1)?;
                Ok(Place { pack: row.get(0)?, offset: offset as u64, size: row.get(2)? })
            };
            digests.iter().map(|digest| query.query_row([digest.as_bytes()], place).optional()).collect()
        };
        if digests.len() == 1 {
            self.index.read("look up a content", look_up)
        } else {
            self.index.read_many("look up contents", look_up)
        }
    }

    /// Checks, writes and places small contents that are not there yet. The caller holds the gate.
    fn put_small(&self, mut contents: Vec<(Digest, Vec<u8>)>) -> Result<Vec<(Digest, Place)>> {
        contents.sort_unstable_by_key(|(digest, _)| *digest);
        contents.dedup_by(|a, b| a.0 == b.0);
        contents.retain(|(_, content)| !content.is_empty());
        let digests: Vec<Digest> = contents.iter().map(|(digest, _)| *digest).collect();
        let known = self.packed(&digests)?;
        let mut new = Vec::with_capacity(contents.len());
        let mut total = 0;
        for (at, (digest, content)) in contents.iter().enumerate() {
            if known[at].is_some() {
                check(digest, content)?;
            } else {
                new.push((*digest, &content[..], total));
                total += content.len() as u64;
            }
        }
        if new.is_empty() {
            return Ok(Vec::new());
        }
        let fail = |source| StoreError::io("write to a pack in", self.layout.packs())(source);
        let room = self.packs.reserve(total).map_err(fail)?;
        let slices: Vec<&[u8]> = new.iter().map(|(_, content, _)| *content).collect();
        let check_all = || new.iter().try_for_each(|(digest, content, _)| check(digest, content));
        if total as usize >= SHARE_BYTES {
            // Two threads cannot write to one file at a time, but one can hash while the other writes. What was
            // written for nothing is only wasted room.
            std::thread::scope(|scope| {
                let hashing = scope.spawn(check_all);
                let written = room.write(0, &slices).map_err(fail);
                hashing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)).and(written)
            })?;
        } else {
            check_all()?;
            room.write(0, &slices).map_err(fail)?;
        }
        let place = |(digest, content, at): (Digest, &[u8], u64)| {
            (digest, Place { pack: room.pack, offset: room.offset + at, size: content.len() as u32 })
        };
        Ok(new.into_iter().map(place).collect())
    }

    /// A small content, checked. Damaged ones are dropped, and an error.
    pub(crate) fn read_packed(&self, digest: &Digest) -> Result<Option<Vec<u8>>> {
        let mut last = None;
        loop {
            let Some(place) = self.packed(std::slice::from_ref(digest))?[0] else { return Ok(None) };
            let reason = match self.packs.read(place) {
                Ok(content) if Digest::of(&content) == *digest => return Ok(Some(content)),
                Ok(_) => format!("damaged in pack {} at {}", place.pack, place.offset),
                Err(error) => format!("pack {}: {error}", place.pack),
            };
            // The collector may have moved it in between.
            if last.replace(place) == Some(place) {
                self.deletions.fetch_add(1, Ordering::Relaxed);
                self.index.write("drop a damaged content", |transaction| {
                    transaction.execute(
                        "DELETE FROM packed WHERE digest=? AND pack=? AND offset=?",
                        params![digest.as_bytes(), place.pack, place.offset as i64],
                    )
                })?;
                self.lost.store(true, Ordering::Relaxed);
                return Err(StoreError::missing("blob", digest, reason));
            }
        }
    }

    /// Opens any file with this content. Records of files that are gone or have the wrong length are dropped.
    pub(crate) fn open_object(&self, digest: &Digest) -> Result<Option<(File, u64)>> {
        let rows: Vec<(Vec<u8>, i64)> = self.index.read("look up a content", |connection| {
            let mut query = connection.prepare_cached("SELECT key, size FROM objects WHERE digest=?")?;
            query.query_map([digest.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })?;
        let mut reason = None;
        for (key, size) in rows {
            let Some(key) = Digest::from_slice(&key) else { continue };
            match fsutil::open_file(self.layout.objects(), &object_name(&key)).map_err(io::Error::from) {
                Ok(file) if file.metadata().is_ok_and(|meta| meta.len() == size as u64) => {
                    if self.is_sound(&key, digest)? {
                        return Ok(Some((file, size as u64)));
                    }
                    reason = Some(format!("{} lacks bytes", self.layout.object(&key).display()));
                    continue;
                }
                Ok(_) => {
                    reason = Some(format!("{} has the wrong length", self.layout.object(&key).display()))
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    reason = Some(format!("{} is gone", self.layout.object(&key).display()));
                }
                Err(error) => return Err(StoreError::io("open", self.layout.object(&key))(error)),
            }
            // Unless the collector has taken it because there is another with this content.
            if self.has_object(&key)? {
                self.drop_object(&key)?;
            }
        }
        reason.map_or(Ok(None), |reason| Err(StoreError::missing("blob", digest, reason)))
    }

    /// Whether the index has this object.
    pub(crate) fn has_object(&self, key: &Digest) -> Result<bool> {
        self.index.read("look up an object", |connection| {
            connection.prepare_cached("SELECT 1 FROM objects WHERE key=?")?.exists([key.as_bytes()])
        })
    }

    /// Forgets a damaged object and takes its file away. Layers may have it as well: which ones is not known, so all are
    /// built anew when they are needed.
    pub(crate) fn drop_object(&self, key: &Digest) -> Result<()> {
        use std::os::unix::fs::MetadataExt as _;
        self.lost.store(true, Ordering::Relaxed);
        self.deletions.fetch_add(1, Ordering::Relaxed);
        let path = self.layout.object(key);
        let shared = path.symlink_metadata().is_ok_and(|found| found.nlink() > 1);
        self.index.write("drop a damaged object", |transaction| {
            if shared {
                transaction.execute("DELETE FROM stacks", [])?;
            }
            transaction.execute("DELETE FROM objects WHERE key=?", [key.as_bytes()])
        })?;
        if shared {
            lock(&self.stacks).clear();
        }
        self.layout.discard(&path)
    }

    /// Takes the name of an object away whose file has another one, which the index has.
    pub(crate) fn drop_name(&self, key: &Digest) -> Result<()> {
        self.deletions.fetch_add(1, Ordering::Relaxed);
        self.index.write("drop the name of an object", |transaction| {
            transaction.execute("DELETE FROM objects WHERE key=?", [key.as_bytes()]).map(drop)
        })?;
        self.layout.discard(&self.layout.object(key))
    }

    /// A content that was asked for and is not there.
    pub(crate) fn lost_blob(&self, digest: &Digest) -> StoreError {
        self.lost.store(true, Ordering::Relaxed);
        StoreError::missing("blob", digest, "no such content")
    }

    fn drop_objects(&self, digest: &Digest) -> Result<()> {
        let keys: Vec<Vec<u8>> = self.index.read("look up a content", |connection| {
            let mut query = connection.prepare_cached("SELECT key FROM objects WHERE digest=?")?;
            query.query_map([digest.as_bytes()], |row| row.get(0))?.collect()
        })?;
        keys.iter().filter_map(|key| Digest::from_slice(key)).try_for_each(|key| self.drop_object(&key))
    }
}

/// Takes a content piece by piece. Dropped without [`BlobWriter::finish`], it leaves nothing.
#[derive(Debug)]
pub struct BlobWriter {
    inner: Arc<Inner>,
    hasher: blake3::Hasher,
    size: u64,
    buffer: Vec<u8>,
    file: Option<(File, PathBuf)>,
}

impl BlobWriter {
    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.take(bytes)
            .map_err(|source| StoreError::io("write a content in", self.inner.layout.root())(source))
    }

    /// Stores what was written; returns its digest and length.
    pub fn finish(mut self) -> Result<(Digest, u64)> {
        let mut sink = Sink::default();
        let stored = self.store(&mut sink)?;
        sink.finish(&self.inner, Rows::default())?;
        Ok(stored)
    }

    /// Puts the content on disk; the index learns of it with the sink.
    fn store(&mut self, sink: &mut Sink) -> Result<(Digest, u64)> {
        let digest = Digest::from(self.hasher.finalize());
        match &self.file {
            None => sink.small(&self.inner, digest, &self.buffer)?,
            Some((_, path)) => {
                let fail = |source| StoreError::io("write", path)(source);
                self.spill().map_err(fail)?;
                self.inner.touch([&digest]);
                if self.inner.open_object(&digest).unwrap_or_default().is_none() {
                    let row = ObjectRow { key: raw_key(&digest), digest, size: self.size };
                    let name = std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str());
                    let name = fsutil::c_name(name).map_err(|errno| fail(errno.into()))?;
                    sink.link(&self.inner, row, rustix::fs::CWD, &name)?;
                }
            }
        }
        Ok((digest, self.size))
    }

    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.file.is_none() && self.buffer.len() + bytes.len() > PACK_LIMIT {
            let path = self.inner.layout.fresh_tmp();
            self.file = Some((File::create_new(&path)?, path));
        }
        if self.file.is_some() && self.buffer.len() + bytes.len() > fsutil::CHUNK {
            self.spill()?;
            self.buffer.clear();
        }
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        match &mut self.file {
            Some((file, _)) if bytes.len() > fsutil::CHUNK => file.write_all(bytes)?,
            _ => self.buffer.extend_from_slice(bytes),
        }
        Ok(())
    }

    fn spill(&self) -> io::Result<()> {
        match &self.file {
            Some((file, _)) => (&*file).write_all(&self.buffer),
            None => Ok(()),
        }
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(bytes).map_err(StoreError::into_io)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for BlobWriter {
    fn drop(&mut self) {
        if let Some((_, path)) = &self.file {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Reads a content.
#[derive(Debug)]
pub struct BlobReader {
    len: u64,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Memory(Cursor<Vec<u8>>),
    File(File),
}

impl BlobReader {
    /// Length in bytes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "the length of a stream, not of a collection")]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// The file, where the content has one: for `splice` and `copy_file_range`.
    #[must_use]
    pub const fn as_file(&self) -> Option<&File> {
        match &self.source {
            Source::File(file) => Some(file),
            Source::Memory(_) => None,
        }
    }
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.source {
            Source::Memory(memory) => memory.read(buffer),
            Source::File(file) => file.read(buffer),
        }
    }
}

impl Seek for BlobReader {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        match &mut self.source {
            Source::Memory(memory) => memory.seek(position),
            Source::File(file) => file.seek(position),
        }
    }
}
