//! Sending contents that the engine asks for, read again from their files.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use kukri_model::Digest;
use kukri_tree::EntryKind;
use rustix::fs::{Mode, OFlags, openat};
use tokio::sync::mpsc;

use super::read;
use super::sync::{blocking, lost};
use super::walk::Walked;
use crate::link::Channel;
use crate::records::RecordEncoder;
use crate::wire::SyncUp;
use crate::{ErrorCode, RemoteError};

/// Payloads that may wait between the reading thread and the connection.
const AHEAD: usize = 4;

pub(super) enum SendError {
    /// The file is no longer what was hashed.
    Changed(PathBuf),
    Failed(RemoteError),
}

impl Walked {
    /// Where each content lies: directory and file.
    pub fn places(&self) -> HashMap<Digest, (usize, usize)> {
        let mut places = HashMap::new();
        for (dir_at, dir) in self.dirs.iter().enumerate() {
            for (file_at, found) in dir.files.iter().enumerate() {
                if let EntryKind::File { blob, .. } = &found.entry.kind {
                    places.insert(*blob, (dir_at, file_at));
                }
            }
        }
        places
    }
}

/// Sends these contents as records, in order.
pub(super) async fn send_contents(
    root: &Path,
    single: bool,
    walked: &Arc<Walked>,
    places: &Arc<HashMap<Digest, (usize, usize)>>,
    wanted: Vec<Digest>,
    channel: &Channel,
) -> Result<(), SendError> {
    let (payloads_in, mut payloads) = mpsc::channel(AHEAD);
    let (root, walked, places) = (root.to_owned(), Arc::clone(walked), Arc::clone(places));
    let reading = blocking(move || {
        let mut reader =
            Reader { payloads: payloads_in, encoder: RecordEncoder::default(), buffer: read::buffer() };
        for digest in wanted {
            let Some((dir, file)) = places.get(&digest) else {
                let message = format!("asked for a content that was not named: {digest}");
                return Err(SendError::Failed(RemoteError::new(ErrorCode::Invalid, message)));
            };
            let dir = &walked.dirs[*dir];
            let entry = &dir.files[*file].entry;
            let EntryKind::File { size, .. } = entry.kind else { continue };
            let path = if single { root.clone() } else { join(&root, &dir.path, &entry.name) };
            reader.send(&path, single, &digest, size)?;
        }
        reader.finish()
    });
    let forwarding = async {
        while let Some(payload) = payloads.recv().await {
            channel.send(&SyncUp::Blobs, payload).await.map_err(|error| SendError::Failed(lost(error)))?;
        }
        // Ends the thread, too, when sending fails.
        drop(payloads);
        Ok(())
    };
    let (read, forwarded) = tokio::join!(reading, forwarding);
    forwarded?;
    read.map_err(SendError::Failed)?
}

fn join(root: &Path, dir: &[u8], name: &[u8]) -> PathBuf {
    let mut path = root.to_owned();
    path.push(std::ffi::OsStr::from_bytes(dir));
    path.push(std::ffi::OsStr::from_bytes(name));
    path
}

struct Reader {
    payloads: mpsc::Sender<Bytes>,
    encoder: RecordEncoder,
    buffer: Vec<u8>,
}

impl Reader {
    fn send(&mut self, path: &Path, follow: bool, digest: &Digest, size: u64) -> Result<(), SendError> {
        let changed = || SendError::Changed(path.to_owned());
        let failed = |error: &io::Error| SendError::Failed(RemoteError::io("read", path, error));
        let nofollow = if follow { OFlags::empty() } else { OFlags::NOFOLLOW };
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY | nofollow;
        let file = match openat(rustix::fs::CWD, path, flags, Mode::empty()) {
            Ok(file) => file,
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::LOOP | rustix::io::Errno::NOTDIR) => {
                return Err(changed());
            }
            Err(error) => return Err(failed(&error.into())),
        };
        // What was added since it was hashed is not a part of it.
        let filled = read::fill_up_to(&file, &mut self.buffer, size).map_err(|error| failed(&error))?;
        if filled < self.buffer.len() {
            if Digest::of(&self.buffer[..filled]) != *digest {
                return Err(changed());
            }
            self.encoder.record(digest, &self.buffer[..filled]);
            return self.flush();
        }
        match self.stream(&file, digest, size, filled) {
            Ok(true) => Ok(()),
            Ok(false) => Err(changed()),
            Err(StreamError::Read(error)) => Err(failed(&error)),
            Err(StreamError::Send(error)) => Err(error),
        }
    }

    /// A large file. False if it is no longer what was hashed: then the record stays incomplete, and the engine learns
    /// of it by the next root.
    fn stream(
        &mut self,
        file: &OwnedFd,
        digest: &Digest,
        size: u64,
        mut filled: usize,
    ) -> Result<bool, StreamError> {
        let mut hasher = blake3::Hasher::new();
        let mut left = size;
        self.encoder.begin(digest, size);
        while filled > 0 {
            left -= filled as u64;
            hasher.update(&self.buffer[..filled]);
            self.encoder.extend(&self.buffer[..filled]);
            self.flush().map_err(StreamError::Send)?;
            filled = read::fill_up_to(file, &mut self.buffer, left).map_err(StreamError::Read)?;
        }
        Ok(left == 0 && Digest::from(hasher.finalize()) == *digest)
    }

    fn flush(&mut self) -> Result<(), SendError> {
        while let Some(payload) = self.encoder.take_full() {
            self.push(payload)?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(), SendError> {
        match self.encoder.take_rest() {
            Some(payload) => self.push(payload),
            None => Ok(()),
        }
    }

    fn push(&self, payload: Bytes) -> Result<(), SendError> {
        self.payloads
            .blocking_send(payload)
            .map_err(|_| SendError::Failed(RemoteError::new(ErrorCode::Cancelled, "cancelled")))
    }
}

enum StreamError {
    Read(io::Error),
    Send(SendError),
}
