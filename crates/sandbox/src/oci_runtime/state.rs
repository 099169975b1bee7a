//! The directory in which an engine keeps the state of its containers, and clearing away those of dead engines.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::OciRuntimeError;
use super::place::Place;
use crate::SandboxError;

const PREFIX: &str = "engine-";
/// Ending of the file which takes what a runtime prints.
pub(super) const WORDS: &str = "words";

/// This engine's directory; removed when dropped.
pub(super) struct StateDir {
    dir: PathBuf,
    _lock: File,
}

impl StateDir {
    /// Makes a directory for this engine, after clearing away those of dead ones.
    pub(super) fn open(base: &Path, program: &Path, place: &Place) -> Result<Self, SandboxError> {
        let failed = |path: &Path| {
            let doing = format!("make {}", path.display());
            move |source| OciRuntimeError::bundle(doing, source)
        };
        make(base).map_err(failed(base))?;
        clear_leftovers(base, place);
        let mut number = 0;
        let dir = loop {
            let dir = base.join(format!("{PREFIX}{}-{number}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&dir) {
                Ok(()) => break dir,
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(failed(&dir)(error).into()),
            }
        };
        let lock = File::create(dir.join("lock")).map_err(failed(&dir))?;
        lock.lock().map_err(failed(&dir))?;
        fs::write(dir.join("program"), program.as_os_str().as_bytes()).map_err(failed(&dir))?;
        for name in ["root", "bundle", "runs"] {
            let path = dir.join(name);
            make(&path).map_err(failed(&path))?;
        }
        Ok(Self { dir, _lock: lock })
    }

    /// The runtime's own state.
    pub(super) fn root(&self) -> PathBuf {
        self.dir.join("root")
    }

    /// Where the bundle is mounted, in each container's namespace.
    pub(super) fn bundle(&self) -> PathBuf {
        self.dir.join("bundle")
    }

    /// Takes what the runtime of a run prints.
    pub(super) fn words(&self, id: &str) -> Result<File, SandboxError> {
        let path = self.run_file(id, WORDS);
        let made = File::create(&path);
        made.map_err(|source| OciRuntimeError::bundle(format!("make {}", path.display()), source).into())
    }

    /// A file of a run, by its ending.
    pub(super) fn run_file(&self, id: &str, ending: &str) -> PathBuf {
        self.dir.join("runs").join(format!("{id}.{ending}"))
    }
}

impl Drop for StateDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn make(path: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Kills containers of engines which are gone, and removes their directories.
fn clear_leftovers(base: &Path, place: &Place) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let dir = entry.path();
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        // Whoever has made the directory but has not got the lock yet is not to be disturbed either: no file, no claim.
        let Ok(lock) = File::open(dir.join("lock")) else { continue };
        if !ours || matches!(lock.try_lock(), Err(TryLockError::WouldBlock | TryLockError::Error(_))) {
            continue;
        }
        let program = fs::read(dir.join("program")).unwrap_or_default();
        let program = PathBuf::from(std::ffi::OsString::from_vec(program));
        let root = dir.join("root");
        for container in fs::read_dir(&root).into_iter().flatten().flatten() {
            let id = container.file_name().to_string_lossy().into_owned();
            tracing::debug!(id, "killing a container of an engine that is gone");
            delete(place, &program, &root, &id);
        }
        if let Err(error) = fs::remove_dir_all(&dir) {
            tracing::warn!(dir = %dir.display(), %error, "cannot remove an old state directory");
        }
    }
}

/// Kills a container, if it still runs, and has the runtime forget it.
pub(super) fn delete(place: &Place, program: &Path, root: &Path, id: &str) {
    let command = || {
        Command::new(program)
            .arg("--root")
            .arg(root)
            .args(["delete", "--force", id])
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
    };
    match place.inside(true, command) {
        Ok(Ok(status)) if status.success() => {}
        outcome => tracing::debug!(id, ?outcome, "the OCI runtime did not delete a container"),
    }
}
