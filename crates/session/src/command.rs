//! The life of `kukri session`, except printing and signals.

use std::time::Duration;

use bytes::Bytes;

use crate::client::{ConnectConfig, ConnectError};
use crate::launch::{LaunchConfig, LaunchError};

/// What `kukri session` needs.
#[derive(Debug, Clone)]
pub struct SessionConfig {
    /// How to start an engine; none: there must be one.
    pub launch: Option<LaunchConfig>,
    /// How to open the session. Its socket must be that of `launch`.
    pub connect: ConnectConfig,
    /// Most connections of SDKs at a time.
    pub max_connections: usize,
}

/// Why the session could not begin.
#[derive(Debug, thiserror::Error)]
pub enum SessionCommandError {
    /// No engine.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// No session.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// No loopback server, or no random bytes.
    #[error("cannot serve on 127.0.0.1: {0}")]
    Serve(#[from] std::io::Error),
}

/// A session that SDKs can use.
pub struct RunningSession {}

impl RunningSession {
    /// Finds or starts the engine, opens the session, serves `/query` on loopback.
    pub async fn start(_config: SessionConfig) -> Result<Self, SessionCommandError> {
        unimplemented!()
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        0
    }

    /// The token SDKs must present.
    #[must_use]
    pub fn token(&self) -> &str {
        ""
    }

    /// The next progress event; none when the engine has gone.
    pub async fn next_event(&mut self) -> Option<Bytes> {
        None
    }

    /// Stops serving, ends the engine's session and waits for it, at most `timeout`.
    pub async fn shutdown(self, _timeout: Duration) {}
}
