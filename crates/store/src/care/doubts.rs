//! Objects that may lack bytes since a loss of power, although they have their length. Each is checked by its digest before it
//! is used, and all of them in the background after the start.
//!
//! The table `unsynced` has the objects that were made since all was written to the disk last, so there are few of them.

use std::collections::HashSet;
use std::fs::File;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use kukri_model::Digest;

use crate::disk::fsutil;
use crate::error::{Result, StoreError};
use crate::memory::lock;
use crate::store::Inner;

/// Keys of objects that are to be checked.
#[derive(Debug, Default)]
pub(crate) struct Doubts {
    keys: Mutex<HashSet<Digest>>,
    any: AtomicBool,
}

impl Doubts {
    /// Whether there are any.
    pub(crate) fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    fn has(&self, key: &Digest) -> bool {
        self.any() && lock(&self.keys).contains(key)
    }
}

impl Inner {
    /// Objects that are not on the disk for certain may lack bytes.
    pub(crate) fn distrust_objects(&self) -> Result<()> {
        if self.last_unsynced()? > 0 {
            self.index.write("doubt objects", |transaction| {
                transaction.execute("UPDATE unsynced SET doubted=1", []).map(drop)
            })?;
        }
        Ok(())
    }

    /// When the store is opened: which objects are to be checked, also those that engines before did not come to.
    pub(crate) fn find_doubts(&self) -> Result<()> {
        let rows: Vec<(Vec<u8>, bool)> = self.index.read("look up doubted objects", |connection| {
            let mut query = connection.prepare("SELECT key, doubted FROM unsynced")?;
            query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })?;
        let doubted = rows.iter().filter(|(_, doubted)| *doubted);
        let keys: HashSet<Digest> = doubted.filter_map(|(key, _)| Digest::from_slice(key)).collect();
        self.synced.made(rows.iter().filter(|(_, doubted)| !doubted).count() as u64);
        self.doubts.any.store(!keys.is_empty(), Ordering::Release);
        *lock(&self.doubts.keys) = keys;
        Ok(())
    }

    /// Number of the last row of `unsynced`, 0 if there is none.
    pub(crate) fn last_unsynced(&self) -> Result<i64> {
        self.index.read("look up new objects", |connection| {
            connection.query_row("SELECT coalesce(max(id), 0) FROM unsynced", [], |row| row.get(0))
        })
    }

    /// What was made up to this row is on the disk.
    pub(crate) fn forget_unsynced(&self, last: i64) -> Result<()> {
        if last == 0 {
            return Ok(());
        }
        self.index.write("note what is on the disk", |transaction| {
            transaction.execute("DELETE FROM unsynced WHERE id<=? AND doubted=0", [last]).map(drop)
        })
    }

    /// Whether the index has this object, and it may be used.
    pub(crate) fn has_sound_object(&self, key: &Digest, digest: &Digest) -> Result<bool> {
        Ok(self.has_object(key)? && self.is_sound(key, digest)?)
    }

    /// Whether there is any file with this content that may be used.
    pub(crate) fn has_sound(&self, digest: &Digest) -> Result<bool> {
        match self.open_object(digest) {
            Err(error) if error.is_missing() => Ok(false),
            opened => Ok(opened?.is_some()),
        }
    }

    /// Whether an object of the index may be used. One that lacks bytes is dropped.
    pub(crate) fn is_sound(&self, key: &Digest, digest: &Digest) -> Result<bool> {
        self.check_object(key, digest, &|| false)
    }

    fn check_object(&self, key: &Digest, digest: &Digest, stop: &dyn Fn() -> bool) -> Result<bool> {
        if !self.doubts.has(key) {
            return Ok(true);
        }
        let path = self.layout.object(key);
        let found = match File::open(&path) {
            // What cannot be read is of no use either.
            Ok(mut file) => match fsutil::digest_of(&mut file, stop) {
                Ok(None) => return Ok(true),
                found => found.unwrap_or_default(),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(StoreError::io("open", &path)(error)),
        };
        // Until it is dropped, nobody else may take it for sound.
        let mut keys = lock(&self.doubts.keys);
        if found == Some(*digest) {
            keys.remove(key);
            return Ok(true);
        }
        if !keys.contains(key) {
            // Somebody else has found it out, and there may be a new one.
            drop(keys);
            return self.has_object(key);
        }
        tracing::warn!(object = %key, "bytes of it are gone; it is made anew when it is needed");
        self.drop_object(key)?;
        keys.remove(key);
        Ok(false)
    }

    /// Checks all, unless `stop` says so first.
    pub(crate) fn check_doubts(&self, stop: &dyn Fn() -> bool) -> Result<()> {
        if !self.doubts.any() {
            return Ok(());
        }
        let keys: Vec<Digest> = lock(&self.doubts.keys).iter().copied().collect();
        for key in keys {
            match self.content_of(&key)? {
                Some(digest) => drop(self.check_object(&key, &digest, stop)?),
                None => drop(lock(&self.doubts.keys).remove(&key)),
            }
            if stop() {
                return Ok(());
            }
        }
        self.index.write("end doubts", |transaction| {
            transaction.execute("DELETE FROM unsynced WHERE doubted=1", []).map(drop)
        })?;
        self.doubts.any.store(false, Ordering::Release);
        Ok(())
    }

    fn content_of(&self, key: &Digest) -> Result<Option<Digest>> {
        use rusqlite::OptionalExtension as _;
        self.index.read("look up an object", |connection| {
            let mut query = connection.prepare_cached("SELECT digest FROM objects WHERE key=?")?;
            let digest: Option<Vec<u8>> = query.query_row([key.as_bytes()], |row| row.get(0)).optional()?;
            Ok(digest.as_deref().and_then(Digest::from_slice))
        })
    }
}
