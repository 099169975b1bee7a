//! Taking an image out of a container engine of this machine, by its own command.

use std::path::PathBuf;
use std::process::Stdio;

use bytes::Bytes;

use super::load::{command, find, last_line};
use super::serve::Facts;
use super::sync::lost;
use crate::link::{Channel, Message};
use crate::wire::{SaveImageBody, SavedImage};
use crate::{ErrorCode, RemoteError};

/// Serves one request to its end: the archive is there until the engine has taken it over.
pub(super) async fn serve(
    facts: &Facts,
    body: SaveImageBody,
    mut channel: Channel,
) -> Result<Message, RemoteError> {
    let SaveImageBody { name } = body;
    let program = find(facts).await.map_err(|tried| {
        let message = format!(
            "image {name:?} cannot be read: there is no container engine to ask for it ({tried}); use Container.import \
             with an archive of the image"
        );
        RemoteError::new(ErrorCode::NotFound, message)
    })?;
    let failed = |reason: String| {
        RemoteError::new(ErrorCode::Other, format!("{program} save: image {name:?}: {reason}"))
    };
    // Where the user's programs put what is temporary; nobody else may look into it.
    let named = facts.env.get(std::ffi::OsStr::new("TMPDIR")).filter(|path| !path.is_empty());
    let temporary = named.map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
    let directory = tempfile::Builder::new()
        .prefix("kukri-image-")
        .tempdir_in(&temporary)
        .map_err(|error| RemoteError::io("make a directory in", &temporary, &error))?;
    let archive = directory.path().join("image.tar");
    let output = command(facts, program)
        .arg("save")
        .arg("--output")
        .arg(&archive)
        .arg(&name)
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(|error| failed(format!("cannot be started: {error}")))?;
    if !output.status.success() {
        return Err(failed(format!("failed ({}): {}", output.status, last_line(&output))));
    }
    let Some(path) = archive.to_str() else {
        return Err(failed(format!("{}: the path is not text", archive.display())));
    };
    channel.send(&SavedImage { path: path.to_owned() }, Bytes::new()).await.map_err(lost)?;
    // Whatever comes next, the archive is not needed any more.
    let _ = channel.recv().await;
    Ok(Message::default())
}
