//! Opening a session.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;

use crate::{ClientHello, EngineHello, HelloError};

/// How to open a session, and what of this machine the engine may see.
#[derive(Debug, Clone)]
pub struct ConnectConfig {
    /// The engine's unix socket.
    pub socket: PathBuf,
    /// Who this client is. `hello.workdir` must be absolute.
    pub hello: ClientHello,
    /// What `~` stands for; none: `~` is an error.
    pub home: Option<PathBuf>,
    /// Where stat caches are kept, so that unchanged files are not read again; none: nowhere.
    pub cache_dir: Option<PathBuf>,
    /// The environment for `env://` secrets.
    pub env: HashMap<OsString, OsString>,
    /// Where the engine's log is, for error texts; none: what the engine says.
    pub log_path: Option<PathBuf>,
    /// How long to wait for the engine's answer to the hello.
    pub timeout: Duration,
}

/// Why no session could be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No engine listens there.
    #[error("no engine is running at {}", socket.display())]
    NotRunning {
        /// The socket.
        socket: PathBuf,
    },
    /// The socket cannot be used.
    #[error("cannot connect to the engine at {}: {source}", socket.display())]
    Io {
        /// The socket.
        socket: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The two do not go together.
    #[error(transparent)]
    Hello(#[from] HelloError),
    /// The engine refused, or what listens there is no engine.
    #[error("the engine at {} refused the session: {reason}", socket.display())]
    Refused {
        /// The socket.
        socket: PathBuf,
        /// Its words.
        reason: String,
    },
    /// No answer in time.
    #[error("the engine at {} did not answer within {} s", socket.display(), timeout.as_secs_f32())]
    Timeout {
        /// The socket.
        socket: PathBuf,
        /// How long was waited.
        timeout: Duration,
    },
}

/// An open session. Dropping it ends the session.
pub struct Client {}

impl Client {
    /// What the engine said of itself.
    #[must_use]
    pub fn engine(&self) -> &EngineHello {
        unimplemented!()
    }

    /// The next progress event; none when the session has ended. Events wait (up to 8 MiB, at the engine) until they are
    /// taken.
    pub async fn next_event(&mut self) -> Option<Bytes> {
        None
    }

    /// Ends the session in order, and waits until the engine has ended it too, or for `timeout`.
    pub async fn close(self, _timeout: Duration) {}
}

/// Opens a session and serves the engine's requests in the background until it ends.
pub async fn connect(_config: ConnectConfig) -> Result<Client, ConnectError> {
    unimplemented!()
}
