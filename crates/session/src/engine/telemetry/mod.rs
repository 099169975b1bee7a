//! Takes the telemetry of programs in a container, by OTLP, and passes it on to the client.
//!
//! A container gets a port and a token of its own. With the token it can send, and nothing else: there is nothing to be
//! read. What it sends is trusted by nobody: it is bounded here, and read by the client whose collector it is for.
//! Nothing is kept: when the client has gone, it is taken and dropped, so that exporters do not try again and again.

mod answer;
mod form;
mod limits;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::SessionHandle;
use crate::command::random_token;
use crate::link::{CHUNK, Step};
use crate::telemetry::OtlpRequest;
use crate::wire::{ExportDown, TELEMETRY, TelemetryBody};
use crate::{SessionError, link::Link};

pub(super) use limits::Limits;

/// Header with the token. Its name and its value need no escapes in `OTEL_EXPORTER_OTLP_HEADERS`.
pub const TELEMETRY_TOKEN_HEADER: &str = "kukri-token";

/// Connections of one container that are served at a time; more wait.
const CONNECTIONS: usize = 16;
/// Requests at a time on one connection of HTTP/2.
const STREAMS: u32 = 16;
/// Most time for the head of a request, and between two requests.
const HEAD_TIME: Duration = Duration::from_secs(60);
/// Most time for what is on its way when the container has ended.
const FINISH: Duration = Duration::from_millis(500);

/// Changes what a container sends, before it is passed on; an error says why it is not.
pub type TelemetryFilter = Arc<dyn Fn(OtlpRequest) -> Result<OtlpRequest, String> + Send + Sync>;

/// Serves one container. Dropping it ends that at once.
pub struct TelemetryServer {
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

struct Shared {
    link: Link,
    token: String,
    signals: Vec<String>,
    limits: Arc<Limits>,
    filter: Option<TelemetryFilter>,
    dropped: AtomicU64,
}

impl SessionHandle {
    /// Takes telemetry on this listener (which must not block) for the client. Must be called inside a runtime.
    ///
    /// # Errors
    /// When the listener cannot be used, or there are no random numbers for a token.
    pub fn take_telemetry(
        &self,
        listener: std::net::TcpListener,
        filter: Option<TelemetryFilter>,
    ) -> io::Result<TelemetryServer> {
        let signals = self.hello.telemetry.as_ref().map(|hello| hello.signals.clone()).unwrap_or_default();
        let shared = Arc::new(Shared {
            link: self.link.clone(),
            token: random_token()?,
            signals,
            limits: Arc::clone(&self.telemetry),
            filter,
            dropped: AtomicU64::new(0),
        });
        let address = listener.local_addr()?;
        let listener = TcpListener::from_std(listener)?;
        let stop = CancellationToken::new();
        let task = tokio::spawn(serve(listener, Arc::clone(&shared), stop.clone()));
        Ok(TelemetryServer { shared, address, stop, task })
    }
}

impl TelemetryServer {
    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What each request must have in [`TELEMETRY_TOKEN_HEADER`].
    #[must_use]
    pub fn token(&self) -> &str {
        &self.shared.token
    }

    /// Ends it when the container has ended: what the container has sent is still passed on, for half a second. Gives the
    /// number of requests that were dropped because they were too much.
    pub async fn finish(mut self) -> u64 {
        self.stop.cancel();
        let _ = tokio::time::timeout(FINISH, &mut self.task).await;
        self.shared.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for TelemetryServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    // Dropped with this task, and all connections with it.
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, place)) => {
                connections.spawn(connection(stream, Some(place), Arc::clone(&shared)));
            }
            Err(error) => {
                // Out of open files, in practice: some will be closed.
                tracing::warn!(%error, "cannot accept a connection of a container");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
    // Who connected before the end, and was not looked at yet.
    if let Ok(listener) = listener.into_std() {
        while let Ok((stream, _)) = listener.accept() {
            if stream.set_nonblocking(true).is_ok()
                && let Ok(stream) = TcpStream::from_std(stream)
            {
                connections.spawn(connection(stream, None, Arc::clone(&shared)));
            }
        }
    }
    while connections.join_next().await.is_some() {}
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    Ok((listener.accept().await?.0, place))
}

async fn connection(stream: TcpStream, _place: Option<OwnedSemaphorePermit>, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(answer::answer(request, &shared).await) }
    });
    // Exporters choose between HTTP/1.1 and gRPC themselves.
    let mut builder = Builder::new(TokioExecutor::new());
    // A program that ends may close its side as soon as all is sent.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).half_close(true);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(STREAMS);
    if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).await {
        tracing::trace!(%error, "a connection of a container ended");
    }
}

impl Shared {
    /// Hands a request to the client.
    async fn pass_on(&self, request: OtlpRequest) -> Result<(), SessionError> {
        let OtlpRequest { signal, content_type, encoding, mut body, .. } = request;
        let mut call = self.link.call(TELEMETRY, &TelemetryBody { signal, content_type, encoding })?;
        loop {
            let part = body.split_to(body.len().min(CHUNK));
            let last = body.is_empty();
            let sent = call.send(&ExportDown::Part { last }, part).await;
            super::export::prefer_reply(sent, &mut call).await?;
            if last {
                break;
            }
        }
        match call.next().await? {
            Step::Reply(_) => Ok(()),
            Step::Message(_) => Err(SessionError::protocol("a message where telemetry was sent")),
        }
    }
}
