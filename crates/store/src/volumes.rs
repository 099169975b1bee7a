//! Cache volumes: mutable directories by key.
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::{Result, Store};

impl Store {
    /// The volume with this key, made empty if there is none. It is not collected while the value lives.
    pub fn volume(&self, _key: &str, _label: &str) -> Result<VolumeDir> {
        todo!()
    }
    /// All volumes, most recently used first.
    pub fn list_volumes(&self) -> Result<Vec<VolumeInfo>> {
        todo!()
    }
    /// Removes a volume; whether there was one. Fails if it is in use.
    pub fn remove_volume(&self, _key: &str) -> Result<bool> {
        todo!()
    }
}

/// A volume in use.
#[derive(Debug)]
pub struct VolumeDir {
    path: PathBuf,
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
}
