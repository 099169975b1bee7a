//! Where things lie under the root of a store.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use kukri_model::Digest;
use rustix::fs::Mode;
use rustix::io::Errno;

use super::fsutil;
use crate::OpenError;
use crate::error::{Result, StoreError};

const DIRS: [&str; 7] = ["objects", "packs", "layers", "work", "volumes", "trash", "tmp"];

/// Paths of one store, and names that were not used yet.
#[derive(Debug)]
pub(crate) struct Layout {
    root: PathBuf,
    objects: OwnedFd,
    next: AtomicU64,
}

impl Layout {
    /// Makes the directories that are missing, and moves what an engine that died left behind into the trash: two
    /// renames, however much it is.
    pub(crate) fn open(root: &Path) -> std::result::Result<Self, OpenError> {
        let fail = |action, path: &Path| {
            let path = path.to_owned();
            move |source| OpenError::Io { action, path, source }
        };
        fs::create_dir_all(root.join("trash")).map_err(fail("make", &root.join("trash")))?;
        let mut next = 1;
        for entry in fs::read_dir(root.join("trash")).map_err(fail("list", &root.join("trash")))? {
            let name = entry.map_err(fail("list", &root.join("trash")))?.file_name();
            next = next.max(name.to_str().and_then(|name| name.parse().ok()).unwrap_or(0_u64) + 1);
        }
        for name in ["work", "tmp"] {
            let path = root.join(name);
            match fs::remove_dir(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(_) => {
                    fs::rename(&path, root.join("trash").join(next.to_string()))
                        .map_err(fail("move away", &path))?;
                    next += 1;
                }
            }
        }
        for name in DIRS {
            fs::create_dir_all(root.join(name)).map_err(fail("make", &root.join(name)))?;
        }
        // What steps wrote is nobody else's business, also where the directory above was made for everybody.
        let mode = fs::metadata(root).map_err(fail("look at", root))?.permissions().mode();
        if mode & 0o077 != 0 {
            fs::set_permissions(root, fs::Permissions::from_mode(0o700)).map_err(fail("protect", root))?;
        }
        let objects = root.join("objects");
        let fd = fsutil::open_dir_path(&objects).map_err(|errno| fail("open", &objects)(errno.into()))?;
        Ok(Self { root: root.to_owned(), objects: fd, next: AtomicU64::new(next) })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The directory of objects; names in it come from [`object_name`].
    pub(crate) const fn objects(&self) -> &OwnedFd {
        &self.objects
    }

    /// Makes the directory that [`object_name`] says. All 256 at the start would be most of what opening a new store
    /// costs.
    pub(crate) fn make_object_dir(&self, key: &Digest) -> rustix::io::Result<()> {
        match rustix::fs::mkdirat(&self.objects, &key.hex()[..2], Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    pub(crate) fn object(&self, key: &Digest) -> PathBuf {
        let hex = key.hex();
        self.root.join("objects").join(&hex[..2]).join(hex)
    }

    pub(crate) fn index(&self) -> PathBuf {
        self.root.join("index.db")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.root.join("calls.journal")
    }

    pub(crate) fn packs(&self) -> PathBuf {
        self.root.join("packs")
    }

    pub(crate) fn layers(&self) -> PathBuf {
        self.root.join("layers")
    }

    pub(crate) fn layer(&self, id: u64) -> PathBuf {
        self.root.join("layers").join(id.to_string())
    }

    pub(crate) fn volume(&self, id: i64) -> PathBuf {
        self.root.join("volumes").join(id.to_string())
    }

    pub(crate) fn trash(&self) -> PathBuf {
        self.root.join("trash")
    }

    fn fresh(&self) -> String {
        self.next.fetch_add(1, Ordering::Relaxed).to_string()
    }

    /// A path in `tmp/` that does not exist.
    pub(crate) fn fresh_tmp(&self) -> PathBuf {
        self.root.join("tmp").join(self.fresh())
    }

    /// A path in `work/` that does not exist.
    pub(crate) fn fresh_work(&self) -> PathBuf {
        self.root.join("work").join(self.fresh())
    }

    /// A path in `trash/` that does not exist.
    pub(crate) fn fresh_trash(&self) -> PathBuf {
        self.trash().join(self.fresh())
    }

    /// Takes a file or directory out of the store at once; the caretaker deletes it later.
    pub(crate) fn discard(&self, path: &Path) -> Result<()> {
        match fs::rename(path, self.fresh_trash()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::io("move into the trash", path)(error))
            }
            _ => Ok(()),
        }
    }
}

/// Name of an object below [`Layout::objects`].
pub(crate) fn object_name(key: &Digest) -> CString {
    let hex = key.hex();
    // Hexadecimal digits hold no NUL.
    CString::new(format!("{}/{hex}", &hex[..2])).unwrap_or_default()
}
