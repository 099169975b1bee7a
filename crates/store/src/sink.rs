//! Puts contents into the store, many at a time: small ones into a pack, large ones as objects; the index learns of
//! them in one transaction after the bytes are written.

use std::collections::HashSet;
use std::ffi::CStr;
use std::os::fd::AsFd;

use kukri_model::Digest;
use rusqlite::{Transaction, params};
use rustix::fs::AtFlags;
use rustix::io::Errno;

use crate::disk::layout::object_name;
use crate::disk::packs::Place;
use crate::error::{Result, StoreError};
use crate::memory::lock;
use crate::store::Inner;

/// Bytes of small contents collected before they are written.
const FLUSH_BYTES: usize = 1 << 20;
/// Rows collected before they are written.
const FLUSH_ROWS: usize = 4096;

/// A large content that has a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ObjectRow {
    pub(crate) key: Digest,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

/// What is to be written to the index in one go.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) packed: Vec<(Digest, Place)>,
    pub(crate) objects: Vec<ObjectRow>,
    pub(crate) nodes: Vec<(Digest, Vec<u8>)>,
}

impl Rows {
    pub(crate) fn insert(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        if !self.packed.is_empty() {
            let mut insert = transaction.prepare_cached("INSERT OR IGNORE INTO packed VALUES(?,?,?,?)")?;
            for (digest, place) in &self.packed {
                insert.execute(params![digest.as_bytes(), place.pack, place.offset as i64, place.size])?;
            }
        }
        if !self.objects.is_empty() {
            let mut insert = transaction.prepare_cached("INSERT OR REPLACE INTO objects VALUES(?,?,?)")?;
            for row in &self.objects {
                insert.execute(params![row.key.as_bytes(), row.digest.as_bytes(), row.size as i64])?;
            }
            // In the same transaction: whatever a loss of power takes, it takes both.
            let mut insert = transaction.prepare_cached("INSERT INTO unsynced(key, doubted) VALUES(?,0)")?;
            for row in &self.objects {
                insert.execute([row.key.as_bytes()])?;
            }
        }
        if !self.nodes.is_empty() {
            let mut insert = transaction.prepare_cached("INSERT OR IGNORE INTO nodes VALUES(?,?)")?;
            for (digest, bytes) in &self.nodes {
                insert.execute(params![digest.as_bytes(), bytes])?;
            }
        }
        Ok(())
    }

    fn is_empty(&self) -> bool {
        self.packed.is_empty() && self.objects.is_empty() && self.nodes.is_empty()
    }
}

/// Collects contents; see [`Sink::flush`].
#[derive(Debug, Default)]
pub(crate) struct Sink {
    small: Vec<(Digest, Vec<u8>)>,
    small_bytes: usize,
    seen: HashSet<Digest>,
    objects: Vec<ObjectRow>,
    /// Of files that were objects before, and so have an inode beside that of the object: see [`crate::share::Shared`].
    pub(crate) shared: Vec<ObjectRow>,
}

impl Sink {
    /// Takes a small content whose digest is known to be right.
    pub(crate) fn small(&mut self, inner: &Inner, digest: Digest, content: &[u8]) -> Result<()> {
        if content.is_empty() || !self.seen.insert(digest) {
            return Ok(());
        }
        self.small_bytes += content.len();
        self.small.push((digest, content.to_vec()));
        self.flush_if_full(inner)
    }

    /// Links a finished file into the objects, or notes that it is shared. The file must never be written again.
    pub(crate) fn link(&mut self, inner: &Inner, row: ObjectRow, dir: impl AsFd, name: &CStr) -> Result<()> {
        inner.touch([&row.digest, &row.key]);
        match link_object(inner, &row, dir, name)? {
            Linked::New => {}
            // Whoever made it may never come to write its row.
            Linked::Unrecorded => self.shared.push(row),
            Linked::Known => {
                self.shared.push(row);
                return Ok(());
            }
        }
        self.objects.push(row);
        self.flush_if_full(inner)
    }

    /// Takes the row of an object again, which has another file now.
    pub(crate) fn again(&mut self, row: ObjectRow) {
        self.objects.push(row);
    }

    /// Bytes of files that are shared, where they stay.
    pub(crate) fn shared_bytes(&self) -> u64 {
        self.shared.iter().map(|row| row.size).sum()
    }

    fn flush_if_full(&mut self, inner: &Inner) -> Result<()> {
        let full = self.small_bytes >= FLUSH_BYTES || self.small.len() + self.objects.len() >= FLUSH_ROWS;
        if full { self.finish(inner, Rows::default()) } else { Ok(()) }
    }

    /// Writes what was collected and commits it together with `rows` and what `more` adds. The caller must hold the
    /// gate.
    pub(crate) fn flush(
        &mut self,
        inner: &Inner,
        mut rows: Rows,
        more: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> Result<()> {
        inner.recent.touch_all(self.small.iter().map(|(digest, _)| digest));
        inner.recent.touch_all(rows.nodes.iter().map(|(digest, _)| digest));
        let mut small = std::mem::take(&mut self.small);
        self.small_bytes = 0;
        self.seen.clear();
        if !small.is_empty() {
            // Sorted, the index is walked once from front to back.
            small.sort_unstable_by_key(|(digest, _)| *digest);
            let digests: Vec<Digest> = small.iter().map(|(digest, _)| *digest).collect();
            let known = inner.packed(&digests)?;
            let mut known = known.iter();
            small.retain(|_| known.next().is_some_and(Option::is_none));
            rows.packed.append(&mut inner.write_packed(&small)?);
        }
        rows.objects.append(&mut self.objects);
        let written = inner.index.write("store contents", |transaction| {
            rows.insert(transaction)?;
            more(transaction)
        });
        if !rows.objects.is_empty() {
            inner.synced.made(rows.objects.len() as u64);
            let mut unrecorded = lock(&inner.unrecorded);
            for row in &rows.objects {
                unrecorded.remove(&row.key);
            }
        }
        written
    }

    /// [`Sink::flush`] without anything else, through the gate; costs nothing if there is nothing.
    pub(crate) fn finish(&mut self, inner: &Inner, rows: Rows) -> Result<()> {
        if self.small.is_empty() && self.objects.is_empty() && rows.is_empty() {
            return Ok(());
        }
        let _gate = inner.enter();
        self.flush(inner, rows, |_| Ok(()))
    }
}

impl Inner {
    /// To be held from the first byte that the index does not know until it does.
    pub(crate) fn enter(&self) -> std::sync::RwLockReadGuard<'_, ()> {
        self.gate.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The same, unless the collector has it or waits for it.
    pub(crate) fn try_enter(&self) -> Option<std::sync::RwLockReadGuard<'_, ()>> {
        match self.gate.try_read() {
            Ok(gate) => Some(gate),
            Err(std::sync::TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(std::sync::TryLockError::WouldBlock) => None,
        }
    }

    /// Appends contents to the current pack.
    pub(crate) fn write_packed<B: AsRef<[u8]>>(
        &self,
        contents: &[(Digest, B)],
    ) -> Result<Vec<(Digest, Place)>> {
        let total = contents.iter().map(|(_, content)| content.as_ref().len() as u64).sum();
        let fail = StoreError::io("write to a pack in", self.layout.packs());
        let write = || {
            let room = self.packs.reserve(total)?;
            let slices: Vec<&[u8]> = contents.iter().map(|(_, content)| content.as_ref()).collect();
            room.write(0, &slices)?;
            let mut offset = room.offset;
            Ok(contents
                .iter()
                .map(|(digest, content)| {
                    let size = content.as_ref().len() as u32;
                    let place = Place { pack: room.pack, offset, size };
                    offset += u64::from(size);
                    (*digest, place)
                })
                .collect())
        };
        write().map_err(fail)
    }
}

/// What became of a file that should be an object.
enum Linked {
    /// It is the object.
    New,
    /// There was one, which the index knows.
    Known,
    /// There was one, which somebody made a moment ago.
    Unrecorded,
}

/// Links `dir/name` as an object, unless there is one.
fn link_object(inner: &Inner, row: &ObjectRow, dir: impl AsFd, name: &CStr) -> Result<Linked> {
    let ObjectRow { key, .. } = row;
    let (objects, to) = (inner.layout.objects(), object_name(key));
    let fail = |errno: Errno| StoreError::os("make object", inner.layout.object(key))(errno);
    let link = || rustix::fs::linkat(&dir, name, objects, &to, AtFlags::empty());
    // Before the file is there: whoever finds that must find this.
    let first = lock(&inner.unrecorded).insert(*key);
    let linked = match link() {
        Err(Errno::NOENT) => inner.layout.make_object_dir(key).and_then(|()| link()),
        linked => linked,
    };
    match linked {
        Ok(()) => Ok(Linked::New),
        Err(Errno::EXIST) if !first => Ok(Linked::Unrecorded),
        Err(Errno::EXIST) if inner.has_sound_object(key, &row.digest)? => {
            lock(&inner.unrecorded).remove(key);
            Ok(Linked::Known)
        }
        // A file without a row was left by a crash and may be torn: replace it.
        Err(Errno::EXIST) => {
            let fresh = inner.layout.fresh_tmp();
            rustix::fs::linkat(&dir, name, rustix::fs::CWD, &fresh, AtFlags::empty()).map_err(fail)?;
            rustix::fs::renameat(rustix::fs::CWD, &fresh, objects, &to).map_err(fail)?;
            // Renaming one link over another of the same file does nothing.
            let _ = std::fs::remove_file(&fresh);
            Ok(Linked::New)
        }
        Err(errno) => Err(fail(errno)),
    }
}
