//! Opening a session.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, UPGRADE};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::serve::Host;
use crate::hello::negotiate;
use crate::link::frame::{self, Header};
use crate::link::{self, Link, Peer};
use crate::{ClientHello, EngineHello, HelloError, SESSION_PATH, TelemetrySink, UPGRADE_TOKEN, socket};

/// Events taken before the engine is told, in bytes.
const EVENT_BATCH: usize = 64 << 10;
const MAX_REFUSAL: usize = 64 << 10;

/// How to open a session, and what of this machine the engine may see.
#[derive(Clone)]
pub struct ConnectConfig {
    /// The engine's unix socket.
    pub socket: PathBuf,
    /// Who this client is.
    pub hello: ClientHello,
    /// Absolute directory to which paths are relative. It need not be text, as `hello.workdir` is, which only tells of it.
    pub workdir: PathBuf,
    /// What `~` stands for; none: `~` is an error.
    pub home: Option<PathBuf>,
    /// Where stat caches are kept, so that unchanged files are not read again; none: nowhere.
    pub cache_dir: Option<PathBuf>,
    /// The environment for `env://` and `cmd://` secrets.
    pub env: HashMap<OsString, OsString>,
    /// Whether the engine may use this machine at all: files, secrets, programs. Without, all of that is refused.
    pub host_access: bool,
    /// How long to wait for the engine's answer to the hello.
    pub timeout: Duration,
    /// Takes telemetry of programs in containers; none: it is dropped.
    pub telemetry: Option<TelemetrySink>,
}

/// Leaves out the environment, which has secrets.
impl std::fmt::Debug for ConnectConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectConfig")
            .field("socket", &self.socket)
            .field("hello", &self.hello)
            .finish_non_exhaustive()
    }
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
        source: io::Error,
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
#[derive(Debug)]
pub struct Client {
    link: LinkGuard,
    engine: EngineHello,
    events: mpsc::UnboundedReceiver<(Bytes, usize)>,
    own_events: OwnEvents,
    taken: usize,
}

/// Adds events of the client's own to those of the engine.
#[derive(Clone, Debug)]
pub struct OwnEvents(mpsc::WeakUnboundedSender<(Bytes, usize)>);

impl OwnEvents {
    /// Adds one; nothing happens if the session has ended.
    pub fn tell(&self, event: Bytes) {
        if let Some(events) = self.0.upgrade() {
            // Only the engine's events are waited for by somebody who counts their bytes.
            let _ = events.send((event, 0));
        }
    }
}

struct LinkGuard {
    link: Link,
    driver: JoinHandle<()>,
}

impl std::fmt::Debug for LinkGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Link")
    }
}

impl Drop for LinkGuard {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Client {
    /// What the engine said of itself.
    #[must_use]
    pub fn engine(&self) -> &EngineHello {
        &self.engine
    }

    /// Is cancelled when the session has ended, for whatever reason.
    #[must_use]
    pub fn ended(&self) -> CancellationToken {
        self.link.link.closed_token()
    }

    /// A way to add events that [`Client::next_event`] gives.
    #[must_use]
    pub fn own_events(&self) -> OwnEvents {
        self.own_events.clone()
    }

    /// The next progress event; none when the session has ended. Events wait (up to 8 MiB, at the engine) until they are
    /// taken.
    pub async fn next_event(&mut self) -> Option<Bytes> {
        let event = self.events.recv().await?;
        Some(self.take(event))
    }

    /// An event that has come already. Whoever looks now and then is not woken for each.
    pub fn waiting_event(&mut self) -> Option<Bytes> {
        let event = self.events.try_recv().ok()?;
        Some(self.take(event))
    }

    fn take(&mut self, (event, size): (Bytes, usize)) -> Bytes {
        self.taken += size;
        if self.taken >= EVENT_BATCH {
            self.link.link.took_event(std::mem::take(&mut self.taken));
        }
        event
    }

    /// Begins to end the session: the engine sees the end, sends its last events and ends too; then
    /// [`Client::next_event`] gives none.
    pub fn finish(&self) {
        self.link.link.finish();
    }

    /// Ends the session in order, and waits until the engine has ended it too, or for `timeout`.
    pub async fn close(mut self, timeout: Duration) {
        self.finish();
        let _ = tokio::time::timeout(timeout, async { while self.next_event().await.is_some() {} }).await;
    }
}

/// Opens a session and serves the engine's requests in the background until it ends.
pub async fn connect(config: ConnectConfig) -> Result<Client, ConnectError> {
    let socket = config.socket.clone();
    let io_error = |source| ConnectError::Io { socket: socket.clone(), source };
    let refused = |reason: String| ConnectError::Refused { socket: socket.clone(), reason };
    let opening = async {
        let stream = UnixStream::connect(&config.socket).await.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                ConnectError::NotRunning { socket: socket.clone() }
            }
            _ => io_error(error),
        })?;
        socket::check_peer(&stream).map_err(io_error)?;
        let lost = |error: hyper::Error| io_error(io::Error::other(error));
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(lost)?;
        let connection = tokio::spawn(connection.with_upgrades());
        let response = sender.send_request(request(&config.hello)).await.map_err(lost);
        let response = match response {
            Ok(response) if response.status() == StatusCode::SWITCHING_PROTOCOLS => response,
            Ok(response) => {
                let error = refusal(response, &config.hello).await;
                connection.abort();
                return Err(error.map_or_else(refused, ConnectError::Hello));
            }
            Err(error) => {
                connection.abort();
                return Err(error);
            }
        };
        let mut io = TokioIo::new(hyper::upgrade::on(response).await.map_err(lost)?);
        match frame::read(&mut io).await {
            Ok(Some(frame::Frame { header: Header::Hello { engine }, .. })) => Ok((io, engine)),
            Ok(_) => Err(refused("it did not say hello".to_owned())),
            Err(error) => Err(refused(error.to_string())),
        }
    };
    let timeout = config.timeout;
    let (io, engine) = tokio::time::timeout(timeout, opening)
        .await
        .map_err(|_| ConnectError::Timeout { socket: socket.clone(), timeout })??;
    negotiate(&config.hello, &engine)?;

    let (events_in, events) = mpsc::unbounded_channel();
    let own_events = OwnEvents(events_in.downgrade());
    let (link, driver) = link::drive(io, Peer::Client { events: events_in }, Arc::new(Host::new(&config)));
    let driver = tokio::spawn(driver);
    Ok(Client { link: LinkGuard { link, driver }, engine, events, own_events, taken: 0 })
}

fn request(hello: &ClientHello) -> Request<Full<Bytes>> {
    let body = serde_json::to_vec(hello).unwrap_or_default();
    let mut request = Request::new(Full::from(body));
    *request.method_mut() = hyper::Method::POST;
    *request.uri_mut() = hyper::Uri::from_static(SESSION_PATH);
    let headers = request.headers_mut();
    let value = hyper::header::HeaderValue::from_static;
    headers.insert(HOST, value("kukri"));
    headers.insert(CONNECTION, value("Upgrade"));
    headers.insert(UPGRADE, value(UPGRADE_TOKEN));
    headers.insert(CONTENT_TYPE, value("application/json"));
    request
}

/// What the engine's refusal means: a mismatch of versions, or other words.
async fn refusal(
    response: Response<hyper::body::Incoming>,
    hello: &ClientHello,
) -> Result<HelloError, String> {
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
        engine: EngineHello,
    }
    let status = response.status();
    let body = Limited::new(response.into_body(), MAX_REFUSAL).collect().await;
    let body = body.map(|body| body.to_bytes()).map_err(|error| error.to_string())?;
    match serde_json::from_slice::<Refusal>(&body) {
        Ok(refusal) => match negotiate(hello, &refusal.engine) {
            Err(mismatch) => Ok(mismatch),
            Ok(_) => Err(refusal.error),
        },
        Err(_) => Err(format!("HTTP {status}: {}", String::from_utf8_lossy(&body[..body.len().min(200)]))),
    }
}
