//! Takes over many contents whose rows may wait: for a directory that comes file by file.
//!
//! Digests are random, so each transaction touches most pages of a large index, however few rows it adds. Rows are
//! therefore collected, while the bytes are written at once; a crash in between only wastes room in a pack.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use kukri_model::Digest;

use crate::Store;
use crate::disk::packs::{PACK_LIMIT, Place};
use crate::error::{Result, StoreError};
use crate::memory::lock;
use crate::sink::{Rows, Sink};
use crate::store::Inner;

/// Rows that may wait.
const MAX_WAITING: usize = 32 << 10;

/// See [`Store::intake`].
#[derive(Debug)]
pub struct Intake {
    inner: Arc<Inner>,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    rows: Vec<(Digest, Place)>,
    /// Packs that must not be taken away meanwhile.
    packs: BTreeSet<u32>,
}

impl Store {
    /// Takes over contents and nodes. What was put is in the store when [`Intake::put_nodes`] or [`Intake::flush`] has
    /// returned, not before. Usable from several threads.
    #[must_use]
    pub fn intake(&self) -> Intake {
        self.inner.make_room();
        Intake { inner: Arc::clone(&self.inner), waiting: Mutex::default() }
    }
}

impl Intake {
    /// Takes contents that are not in the store. If the digest of one is not what it should be, none is taken.
    pub fn put_blobs<B: AsRef<[u8]> + Sync>(&self, blobs: &[(Digest, B)]) -> Result<()> {
        let inner = &*self.inner;
        for (expected, content) in blobs {
            let actual = Digest::of(content.as_ref());
            if actual != *expected {
                return Err(StoreError::DigestMismatch { expected: *expected, actual });
            }
        }
        let is_small = |content: &B| (1..=PACK_LIMIT).contains(&content.as_ref().len());
        for (_, content) in blobs.iter().filter(|(_, content)| content.as_ref().len() > PACK_LIMIT) {
            self.put_large(content.as_ref())?;
        }
        let small: Vec<(Digest, &[u8])> = blobs
            .iter()
            .filter(|(_, content)| is_small(content))
            .map(|(digest, content)| (*digest, content.as_ref()))
            .collect();
        let full = {
            let _gate = inner.enter();
            inner.recent.touch_all(small.iter().map(|(digest, _)| digest));
            let mut places = inner.write_packed(&small)?;
            let mut waiting = lock(&self.waiting);
            if let Some((_, place)) = places.first()
                && waiting.packs.insert(place.pack)
            {
                inner.packs.hold(place.pack);
            }
            waiting.rows.append(&mut places);
            waiting.rows.len() >= MAX_WAITING
        };
        if full { self.flush() } else { Ok(()) }
    }

    fn put_large(&self, content: &[u8]) -> Result<()> {
        let mut writer = Store::writer_of(&self.inner);
        writer.push(content)?;
        writer.finish().map(drop)
    }

    /// Stores encoded nodes, each under its `TreeId::stored`, together with everything that was put before.
    pub fn put_nodes(&self, nodes: Vec<(Digest, Vec<u8>)>) -> Result<()> {
        for (expected, bytes) in &nodes {
            let actual = Digest::of(bytes);
            if actual != *expected {
                return Err(StoreError::DigestMismatch { expected: *expected, actual });
            }
        }
        self.write(nodes)
    }

    /// Stores everything that was put before.
    pub fn flush(&self) -> Result<()> {
        self.write(Vec::new())
    }

    fn write(&self, nodes: Vec<(Digest, Vec<u8>)>) -> Result<()> {
        let Waiting { rows: mut packed, packs } = std::mem::take(&mut *lock(&self.waiting));
        // Sorted, the index is walked once from front to back.
        packed.sort_unstable_by_key(|(digest, _)| *digest);
        self.inner.touch(packed.iter().map(|(digest, _)| digest));
        let written = Sink::default().finish(&self.inner, Rows { packed, nodes, ..Rows::default() });
        packs.into_iter().for_each(|pack| self.inner.packs.release(pack));
        written
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        if let Err(error) = self.flush() {
            tracing::warn!(%error, "contents that were taken over are lost");
        }
    }
}
