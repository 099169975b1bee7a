//! The HTTP server which SDKs talk to, on loopback unless it is asked to listen elsewhere: checks the token, hands `/query`
//! on to the engine.

mod answer;
mod auth;
mod cors;
mod source;
mod upstream;
mod usage;

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{self, HeaderValue};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::TelemetrySink;
use crate::client::OwnEvents;
use upstream::Upstream;
use usage::{InUse, Usage};

/// What to serve, and where it goes.
#[derive(Clone)]
pub struct ProxyConfig {
    /// The session token: user name of HTTP Basic authentication, with an empty password.
    pub token: String,
    /// The engine's unix socket.
    pub engine_socket: PathBuf,
    /// Session to which all requests belong.
    pub session_id: String,
    /// Where the engine's log is, for error texts; empty: not known.
    pub log_path: String,
    /// Is cancelled when the engine has gone: from then on everything is answered with 502. See
    /// [`crate::client::Client::ended`].
    pub engine_gone: CancellationToken,
    /// Most connections served at a time; more wait. Each costs up to two open files. 400 is a good value.
    pub max_connections: usize,
    /// How long a connection may be without a request while others wait for its place. 10 s is a good value.
    pub patience: Duration,
    /// Takes telemetry of clients; none: it is dropped.
    pub telemetry: Option<TelemetrySink>,
    /// Takes what clients say of their progress; none: it is dropped.
    pub events: Option<OwnEvents>,
    /// Whether pages of any origin may use it from a browser. They need the token like everybody else.
    pub allow_cors: bool,
}

/// Leaves out the token.
impl std::fmt::Debug for ProxyConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProxyConfig").field("engine_socket", &self.engine_socket).finish_non_exhaustive()
    }
}

/// The running server. Dropping it stops it, and drops running requests.
#[derive(Debug)]
pub struct ProxyServer {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl ProxyServer {
    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting, and drops running requests, which cancels their work.
    pub async fn stop(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for ProxyServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Most connections that wait to be served; the kernel may allow fewer. Those beyond are told nothing for minutes.
const MOST_WAITING: u32 = 4096;

/// Listens on a free port of 127.0.0.1.
pub async fn loopback() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    socket.listen(MOST_WAITING)
}

/// Serves in the background whoever connects.
pub fn serve(listener: TcpListener, config: ProxyConfig) -> io::Result<ProxyServer> {
    let address = listener.local_addr()?;
    let task = tokio::spawn(accept(listener, config));
    Ok(ProxyServer { address, task })
}

async fn accept(listener: TcpListener, config: ProxyConfig) {
    let places = Arc::new(Semaphore::new(config.max_connections.max(1)));
    let upstream = Arc::new(Upstream::new(&config.engine_socket, &config.session_id));
    let config = Arc::new(config);
    // Dropped with this task, and all connections with it.
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        while connections.try_join_next().is_some() {}
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of open files, in practice: some will be closed.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let (config, upstream, places) = (Arc::clone(&config), Arc::clone(&upstream), Arc::clone(&places));
        connections.spawn(async move {
            let _place = place;
            let usage = Arc::new(Usage::default());
            let service = service_fn(|request| async {
                let busy = Usage::begin(&usage);
                let mut answer = answer::answer(request, &config, &upstream).await;
                // Connections that are kept open without use must leave room for others.
                if places.available_permits() < config.max_connections / 2 {
                    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(answer.map(|body| InUse { body, _busy: busy }))
            });
            // No timeouts: an answer may take as long as a build.
            let served =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::select! {
                served = served => if let Err(error) = served {
                    tracing::trace!(%error, "connection of an SDK ended");
                },
                () = usage.wasted(&places, config.patience) => {
                    tracing::debug!("a connection without a request gives its place to others");
                }
            }
        });
    }
}

#[cfg(test)]
mod tests;
