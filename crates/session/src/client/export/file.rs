//! Writing one file.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use rustix::fs::{Mode, OFlags, openat};
use tokio::sync::mpsc;

use super::write::{NewFile, TemporaryNames, make_dirs};
use crate::client::serve::Facts;
use crate::client::sync::{blocking, lost};
use crate::link::{Channel, Message};
use crate::wire::{ExportDown, ExportFileBody, Exported};
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

fn write(
    path: &Path,
    body: &ExportFileBody,
    mut parts: mpsc::Receiver<(bool, Bytes)>,
) -> Result<PathBuf, RemoteError> {
    let target = target(path, body)?;
    let failed = |error: io::Error| RemoteError::io("write", &target, &error);
    let (Some(dir), Some(name)) = (target.parent(), target.file_name()) else {
        return Err(RemoteError::io("write", &target, &io::ErrorKind::IsADirectory.into()));
    };
    make_dirs(dir)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = openat(rustix::fs::CWD, dir, flags, Mode::empty()).map_err(|error| failed(error.into()))?;
    let mut file = NewFile::create(dir, name.as_bytes(), &TemporaryNames::new()).map_err(failed)?;
    loop {
        match parts.blocking_recv() {
            Some((last, bytes)) => {
                file.write(&bytes).map_err(failed)?;
                if last {
                    break;
                }
            }
            None => return Err(RemoteError::new(ErrorCode::Cancelled, "cancelled")),
        }
    }
    file.finish(body.mode, body.mtime_ns).map_err(failed)?;
    Ok(target)
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
