//! Writing one file, unless it is there.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use rustix::fs::{CWD, Mode, OFlags, fchmod, fstat, futimens, openat};
use tokio::sync::mpsc;

use super::write::{NewFile, TemporaryNames, make_dirs, times};
use crate::client::read::{self, Opened};
use crate::client::serve::Facts;
use crate::client::sync::{blocking, lost};
use crate::link::{Channel, Message};
use crate::wire::{ExportDown, ExportFileBody, Exported, KeepFileBody, Kept};
use crate::{ErrorCode, RemoteError};

/// Parts that may wait for the writing thread.
const AHEAD: usize = 8;

/// Serves one request to its end.
pub(in crate::client) async fn serve(
    facts: &Facts,
    body: ExportFileBody,
    mut channel: Channel,
) -> Result<Message, RemoteError> {
    let path = facts.bases.resolve(&body.path)?;
    let (parts_in, parts) = mpsc::channel(AHEAD);
    let writing = blocking(move || write(&path, &body, parts));
    let taking = async {
        loop {
            let message = channel.recv().await.map_err(lost)?;
            let ExportDown::Part { last } = message.parse().map_err(lost)? else {
                return Err(RemoteError::new(ErrorCode::Invalid, "expected a part of a file"));
            };
            // When the writer has failed, it says why itself.
            if parts_in.send((last, message.payload)).await.is_err() || last {
                return Ok(());
            }
        }
    };
    tokio::pin!(writing);
    // An error of the writer must not wait for parts that may never come.
    let path = tokio::select! {
        written = &mut writing => written??,
        taken = taking => {
            taken?;
            writing.await??
        }
    };
    Ok(Message::json(&Exported { path: path.to_string_lossy().into_owned() }))
}

/// Looks whether the file is there, and gives it its mode.
pub(in crate::client) async fn keep(facts: &Facts, body: KeepFileBody) -> Result<Message, RemoteError> {
    let path = facts.bases.resolve(&body.file.path)?;
    let target = target(&path, &body.file)?;
    let path = blocking(move || {
        // What cannot be looked at, or be changed, is written anew; that says why it cannot.
        let kept = is_kept(&target, &body).unwrap_or(false);
        kept.then(|| target.to_string_lossy().into_owned())
    });
    Ok(Message::json(&Kept { path: path.await? }))
}

/// Whether a regular file with this content is there. If so, it has the mode and time that are wanted, too.
fn is_kept(target: &Path, body: &KeepFileBody) -> io::Result<bool> {
    let Opened::File(file, found) = read::open(CWD, target.as_os_str().as_bytes())? else { return Ok(false) };
    if read::stamp(&found).size != body.size
        || read::read(&file, &found, &mut read::buffer())?.digest != body.blob
    {
        return Ok(false);
    }
    let (stamp, mode) = (read::stamp(&fstat(&file)?), body.file.mode & 0o7777);
    if stamp.mode & 0o7777 != mode {
        fchmod(&file, Mode::from_raw_mode(mode))?;
    }
    if let Some(mtime_ns) = body.file.mtime_ns.filter(|wanted| *wanted != stamp.mtime_ns) {
        futimens(&file, &times(mtime_ns))?;
    }
    Ok(true)
}

fn write(
    path: &Path,
    body: &ExportFileBody,
    mut parts: mpsc::Receiver<(bool, Bytes)>,
) -> Result<PathBuf, RemoteError> {
    let target = target(path, body)?;
    let failed = |error: io::Error| RemoteError::io("write", &target, &error);
    if stays(&target) {
        // No mode and no time: it is not a file that this makes.
        let mut file = File::options().write(true).truncate(true).open(&target).map_err(failed)?;
        take(&mut parts, |bytes| file.write_all(bytes).map_err(failed))?;
        return Ok(target);
    }
    let (Some(dir), Some(name)) = (target.parent(), target.file_name()) else {
        return Err(RemoteError::io("write", &target, &io::ErrorKind::IsADirectory.into()));
    };
    make_dirs(dir)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = openat(CWD, dir, flags, Mode::empty()).map_err(|error| failed(error.into()))?;
    let mut file = NewFile::create(dir, name.as_bytes(), &TemporaryNames::new()).map_err(failed)?;
    take(&mut parts, |bytes| file.write(bytes).map_err(failed))?;
    file.finish(body.mode, body.mtime_ns).map_err(failed)?;
    Ok(target)
}

/// Whether what has the name is written to, and must not be replaced: devices and pipes, and what the system gives a name to,
/// such as `/dev/stdout`. Other links are replaced: a directory that was exported may have brought them.
fn stays(target: &Path) -> bool {
    let Ok(found) = target.symlink_metadata() else { return false };
    if !found.is_symlink() {
        return !found.is_file();
    }
    let dir = target.parent().and_then(|dir| dir.canonicalize().ok());
    dir.is_some_and(|dir| dir.starts_with("/dev") || dir.starts_with("/proc"))
}

/// Takes all parts.
fn take(
    parts: &mut mpsc::Receiver<(bool, Bytes)>,
    mut write: impl FnMut(&[u8]) -> Result<(), RemoteError>,
) -> Result<(), RemoteError> {
    loop {
        match parts.blocking_recv() {
            Some((last, bytes)) => {
                write(&bytes)?;
                if last {
                    return Ok(());
                }
            }
            None => return Err(RemoteError::new(ErrorCode::Cancelled, "cancelled")),
        }
    }
}

/// The path itself, or within it when it names a directory and that is allowed.
fn target(path: &Path, body: &ExportFileBody) -> Result<PathBuf, RemoteError> {
    if !path.is_dir() && !body.path.ends_with('/') {
        return Ok(path.to_owned());
    }
    if !body.allow_parent_dir {
        let message = format!(
            "destination {:?} is a directory; must be a file path unless allowParentDirPath is set",
            body.path
        );
        return Err(RemoteError::new(ErrorCode::IsADirectory, message));
    }
    if !kukri_tree::is_name(body.name.as_bytes()) {
        return Err(RemoteError::new(
            ErrorCode::Invalid,
            format!("{:?} is not the name of a file", body.name),
        ));
    }
    let target = path.join(&body.name);
    if target.is_dir() {
        return Err(RemoteError::io("write", &target, &io::ErrorKind::IsADirectory.into()));
    }
    Ok(target)
}
