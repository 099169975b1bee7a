//! Unix sockets that only their owner can use.

use std::io;
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

/// Why a socket cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another engine listens there.
    #[error("an engine is already listening on {}", .0.display())]
    InUse(PathBuf),
    /// The directory is open to other users, or the path is something else than a socket.
    #[error("{}: {reason}", path.display())]
    Unsafe {
        /// Which path.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// The path cannot be used.
    #[error("cannot listen on {}: {source}", path.display())]
    Io {
        /// Which path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Listens on `path` (mode 0600; its directory is made with 0700). A socket file which a dead engine has left is
/// replaced; one that answers is an error.
pub async fn listen(_path: &Path) -> Result<UnixListener, ListenError> {
    unimplemented!()
}

/// Refuses peers that are neither this process's user nor root.
pub fn check_peer(_stream: &UnixStream) -> io::Result<()> {
    unimplemented!()
}
