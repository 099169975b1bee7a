//! Cache volumes: mutable directories by key. Who may use one at the same time is the caller's business.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use kukri_model::Digest;
use rusqlite::{OptionalExtension as _, params};

use crate::Store;
use crate::error::{Result, StoreError};
use crate::memory::leases::Guard;
use crate::records::{now, time};

impl Store {
    /// The volume with this key, made empty if there is none. It is not removed while the value lives.
    pub fn volume(&self, key: &str, label: &str) -> Result<VolumeDir> {
        let inner = &*self.inner;
        let _gate = inner.enter();
        let id: i64 = inner.index.write("look up a cache volume", |transaction| {
            transaction
                .prepare_cached(
                    "INSERT INTO volumes(key, label, created, used) VALUES(?1, ?2, ?3, ?3)
                     ON CONFLICT(key) DO UPDATE SET used=excluded.used, label=excluded.label RETURNING id",
                )?
                .query_row(params![key, label, now()], |row| row.get(0))
        })?;
        let guard = inner.leases.volume(id);
        inner.recent.touch_all(std::iter::once(&touch(key)));
        let path = inner.layout.volume(id).join("data");
        fs::create_dir_all(&path).map_err(StoreError::io("make cache volume", &path))?;
        Ok(VolumeDir { path, _guard: guard })
    }

    /// All volumes, most recently used first.
    pub fn list_volumes(&self) -> Result<Vec<VolumeInfo>> {
        let rows: Vec<(i64, VolumeInfo)> = self.inner.index.read("list cache volumes", |connection| {
            let mut query = connection.prepare_cached(
                "SELECT id, key, label, created, used FROM volumes ORDER BY used DESC, id DESC",
            )?;
            let volume = |row: &rusqlite::Row<'_>| {
                let info = VolumeInfo {
                    key: row.get(1)?,
                    label: row.get(2)?,
                    created: time(row.get(3)?),
                    last_used: time(row.get(4)?),
                    in_use: false,
                    path: PathBuf::new(),
                };
                Ok((row.get(0)?, info))
            };
            query.query_map([], volume)?.collect()
        })?;
        let fill = |(id, info): (i64, VolumeInfo)| VolumeInfo {
            in_use: self.inner.leases.has_volume(id),
            path: self.inner.layout.volume(id).join("data"),
            ..info
        };
        Ok(rows.into_iter().map(fill).collect())
    }

    /// Removes a volume; whether there was one. Fails if it is in use.
    pub fn remove_volume(&self, key: &str) -> Result<bool> {
        let inner = &*self.inner;
        // Nobody takes the volume while it is decided that nobody has it.
        let _gate = inner.gate.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        let id: Option<i64> = inner.index.read("look up a cache volume", |connection| {
            connection.query_row("SELECT id FROM volumes WHERE key=?", [key], |row| row.get(0)).optional()
        })?;
        let Some(id) = id else { return Ok(false) };
        if inner.leases.has_volume(id) {
            return Err(StoreError::VolumeInUse { key: key.to_owned() });
        }
        inner.layout.discard(&inner.layout.volume(id))?;
        inner.index.write("remove a cache volume", |transaction| {
            transaction.execute("DELETE FROM volumes WHERE id=?", [id]).map(drop)
        })?;
        Ok(true)
    }
}

/// What is noted of the use of a volume among what was touched lately.
pub(crate) fn touch(key: &str) -> Digest {
    Digest::of(format!("cache volume {key}").as_bytes())
}

/// A volume in use.
#[derive(Debug)]
pub struct VolumeDir {
    path: PathBuf,
    _guard: Guard,
}

impl VolumeDir {
    /// The directory to mount.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A volume in a list.
#[derive(Clone, Debug)]
pub struct VolumeInfo {
    /// Its key.
    pub key: String,
    /// What to show for it.
    pub label: String,
    /// When it was made.
    pub created: SystemTime,
    /// When it was last handed out.
    pub last_used: SystemTime,
    /// Whether it is in use now.
    pub in_use: bool,
    /// Its directory.
    pub path: PathBuf,
}

/// Bytes on disk of everything under `path`; what cannot be read counts nothing.
pub(crate) fn bytes_under(path: &Path) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt as _;
    let mut total = 0;
    let mut todo = vec![path.to_owned()];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(&dir)? {
            let entry = entry?;
            let Ok(meta) = entry.metadata() else { continue };
            total += meta.blocks() * 512;
            if meta.is_dir() {
                todo.push(entry.path());
            }
        }
    }
    Ok(total)
}
