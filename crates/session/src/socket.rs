//! Unix sockets that only their owner can use.

use std::fs::{DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use tokio::net::{UnixListener, UnixStream};

/// Longest path of a unix socket that the kernel takes.
const MAX_PATH: usize = 107;

/// What is wrong with a path that does not fit.
pub const TOO_LONG: &str =
    "longer than the 107 bytes which the kernel allows for a socket; choose a shorter one";

/// Whether a socket can have this path, by its length.
#[must_use]
pub fn fits(path: &Path) -> bool {
    path.as_os_str().len() <= MAX_PATH
}

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
/// replaced; one that answers is an error. Of several callers at the same moment one wins.
pub async fn listen(path: &Path) -> Result<UnixListener, ListenError> {
    let io = |source| ListenError::Io { path: path.to_owned(), source };
    let refuse =
        |path: &Path, reason: &str| ListenError::Unsafe { path: path.to_owned(), reason: reason.to_owned() };
    let (Some(dir), Some(name)) = (path.parent().filter(|dir| dir.is_absolute()), path.file_name()) else {
        return Err(refuse(path, "the path of a socket must be absolute"));
    };
    if !fits(path) {
        return Err(refuse(path, TOO_LONG));
    }
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io)?;
    check_directory(dir)?;

    // Held only while this function runs: between finding the path free and taking it.
    let mut lock_name = name.to_owned();
    lock_name.push(".lock");
    let lock =
        File::options().create(true).truncate(false).write(true).open(dir.join(lock_name)).map_err(io)?;
    let lock = tokio::task::spawn_blocking(move || {
        rustix::fs::flock(&lock, FlockOperation::LockExclusive)?;
        io::Result::Ok(lock)
    });
    let _lock = lock.await.map_err(|error| io(io::Error::other(error)))?.map_err(io)?;

    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(refuse(path, "exists and is not a socket; remove it"));
        }
        Ok(_) if UnixStream::connect(path).await.is_ok() => return Err(ListenError::InUse(path.to_owned())),
        Ok(_) => std::fs::remove_file(path).map_err(io)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(io(error)),
    }
    // Between bind and chmod others could connect where the directory lets them; `check_peer` refuses them.
    let listener = UnixListener::bind(path).map_err(io)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(io)?;
    Ok(listener)
}

/// Others must not be able to put their own socket in the place of ours.
fn check_directory(dir: &Path) -> Result<(), ListenError> {
    let found = std::fs::metadata(dir).map_err(|source| ListenError::Io { path: dir.to_owned(), source })?;
    let own = rustix::process::geteuid().as_raw();
    let sticky = found.mode() & 0o1000 != 0;
    let reason = if found.uid() != own && found.uid() != 0 {
        format!("the directory belongs to user {}, not to user {own}; choose another one", found.uid())
    } else if found.mode() & 0o022 != 0 && !sticky {
        "other users can write to the directory; run: chmod go-w on it".to_owned()
    } else {
        return Ok(());
    };
    Err(ListenError::Unsafe { path: dir.to_owned(), reason })
}

/// Refuses peers that are neither this process's user nor root.
pub fn check_peer(stream: &UnixStream) -> io::Result<()> {
    let (peer, own) = (stream.peer_cred()?.uid(), rustix::process::geteuid().as_raw());
    if peer == own || peer == 0 {
        return Ok(());
    }
    let reason = format!("the other end belongs to user {peer}, not to user {own}");
    Err(io::Error::new(io::ErrorKind::PermissionDenied, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn rights_are_the_owners_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/engine.sock");
        let listener = listen(&path).await.unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        let client = UnixStream::connect(&path).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        check_peer(&server).unwrap();
        check_peer(&client).unwrap();
    }

    #[tokio::test]
    async fn a_dead_socket_is_replaced_and_a_live_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("engine.sock");
        drop(listen(&path).await.unwrap());
        assert!(path.exists(), "the test needs a stale socket");
        let _live = listen(&path).await.unwrap();
        assert!(matches!(listen(&path).await, Err(ListenError::InUse(_))));
    }

    #[tokio::test]
    async fn of_ten_at_once_one_wins() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("engine.sock");
        let tries: Vec<_> = (0..10)
            .map(|_| {
                let path = path.clone();
                tokio::spawn(async move { listen(&path).await })
            })
            .collect();
        let mut results = Vec::new();
        for attempt in tries {
            results.push(attempt.await.unwrap());
        }
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        UnixStream::connect(&path).await.unwrap();
    }

    #[tokio::test]
    async fn unsafe_places_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let open = dir.path().join("open");
        std::fs::create_dir(&open).unwrap();
        std::fs::set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(listen(&open.join("s")).await, Err(ListenError::Unsafe { .. })));
        std::fs::write(dir.path().join("file"), "precious").unwrap();
        assert!(matches!(listen(&dir.path().join("file")).await, Err(ListenError::Unsafe { .. })));
        assert!(matches!(listen(&dir.path().join("x".repeat(120))).await, Err(ListenError::Unsafe { .. })));
        assert!(matches!(listen(Path::new("relative.sock")).await, Err(ListenError::Unsafe { .. })));
    }
}
