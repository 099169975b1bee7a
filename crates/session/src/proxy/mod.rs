//! The loopback HTTP server which SDKs talk to: checks the token, hands `/query` on to the engine.

use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::sync::watch;

/// What to serve, and where it goes.
#[derive(Debug, Clone)]
pub struct ProxyConfig {
    /// The session token: user name of HTTP Basic authentication, with an empty password.
    pub token: String,
    /// The engine's unix socket.
    pub engine_socket: PathBuf,
    /// Session to which all requests belong.
    pub session_id: String,
    /// Where the engine's log is, for error texts; empty: not known.
    pub log_path: String,
    /// Becomes true (or is dropped) when the engine has gone: from then on everything is answered with 502.
    pub engine_gone: watch::Receiver<bool>,
    /// Most connections served at a time; more wait. Each costs up to two open files. 400 is a good value.
    pub max_connections: usize,
}

/// The running server. Dropping it stops it, and drops running requests.
#[derive(Debug)]
pub struct LoopbackServer {
    address: SocketAddr,
}

impl LoopbackServer {
    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Stops accepting, and drops running requests, which cancels their work.
    pub async fn stop(self) {}
}

/// Listens on a free port of 127.0.0.1 and serves in the background.
pub async fn serve(_config: ProxyConfig) -> std::io::Result<LoopbackServer> {
    unimplemented!()
}
