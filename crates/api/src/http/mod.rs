//! The engine's HTTP/1.1 server: queries, sessions, administration, over a unix socket.
//!
//! | request | answer |
//! |---|---|
//! | `POST /query`, header `Kukri-Session` | GraphQL, in that session |
//! | `GET /query?query=…`, the same header | the same |
//! | `POST /v1/session`, upgrade | a session, as long as the connection lives |
//! | `POST /v1/admin/<verb>` | JSON in, JSON out |
//! | `GET /v1/ping` | who answers |
//!
//! There are no read or write timeouts: a query is open as long as its work lasts. A client that goes away takes its
//! query's work with it.

mod admin;
mod answer;
mod query;
mod request;
mod sessions;
#[cfg(test)]
mod tests;

pub use admin::{AdminError, AdminHandler};
pub use sessions::{Activity, SessionTable};

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use kukri_engine::operation::BoxFuture;
use kukri_engine::{Engine, Session};
use kukri_session::engine::{PendingSession, SessionHandle, Upgrade, upgrade};
use kukri_session::{EngineHello, SESSION_PATH};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::error::kinds;
use crate::{Api, ApiConfig, View};
use answer::{Answer, errors, json};
use sessions::Place;

/// Makes the engine's session for a client that has just connected. An error ends the session; its text is logged.
pub type SessionFactory =
    Arc<dyn Fn(SessionHandle) -> BoxFuture<'static, Result<Arc<Session>, String>> + Send + Sync>;

/// Settings of the server.
#[derive(Clone)]
pub struct ServerConfig {
    /// What the engine says of itself.
    pub hello: EngineHello,
    /// Makes sessions.
    pub sessions: SessionFactory,
    /// Answers `/v1/admin/<verb>`; `None`: there is no administration.
    pub admin: Option<AdminHandler>,
    /// Largest body of a query, in bytes. 64 MiB is usual.
    pub max_body: usize,
    /// How long a shutdown waits for connections to end by themselves.
    pub grace: Duration,
    /// Settings of the API.
    pub api: ApiConfig,
}

impl ServerConfig {
    /// The usual settings.
    #[must_use]
    pub fn new(hello: EngineHello, sessions: SessionFactory) -> Self {
        Self {
            hello,
            sessions,
            admin: None,
            max_body: 64 << 20,
            grace: Duration::from_secs(5),
            api: ApiConfig::default(),
        }
    }
}

/// The server. Serves any number of listeners.
pub struct Server {
    api: Api,
    table: Arc<SessionTable>,
    config: ServerConfig,
}

/// Serves one listener until `shutdown` is cancelled: [`Server::new`] and [`Server::serve`] in one.
pub async fn serve(
    listener: UnixListener,
    engine: Arc<Engine>,
    config: ServerConfig,
    shutdown: CancellationToken,
) {
    Server::new(engine, config).serve(listener, shutdown).await;
}

impl Server {
    /// A server without listeners.
    #[must_use]
    pub fn new(engine: Arc<Engine>, config: ServerConfig) -> Arc<Self> {
        let api = Api::new(engine, &config.api);
        Self::with_api(api, config)
    }

    /// A server for an API made before.
    #[must_use]
    pub fn with_api(api: Api, config: ServerConfig) -> Arc<Self> {
        Arc::new(Self { api, table: Arc::default(), config })
    }

    /// The API that answers queries.
    #[must_use]
    pub const fn api(&self) -> &Api {
        &self.api
    }

    /// The sessions of now.
    #[must_use]
    pub const fn sessions(&self) -> &Arc<SessionTable> {
        &self.table
    }

    /// Gives memory back whenever there was no session and no request for `time`. Never returns.
    pub async fn trim_when_idle(&self, time: Duration) {
        loop {
            self.table.idle(time).await;
            let idle = self.table.activity();
            if let Err(error) = self.api.trim().await {
                tracing::warn!(%error, "memory cannot be given back");
            }
            tracing::debug!("nobody is here: memory was given back");
            self.table.used_since(idle).await;
        }
    }

    /// Serves a listener until `shutdown` is cancelled. Then no more connections are taken, all sessions end, and
    /// connections get [`ServerConfig::grace`] to end.
    pub async fn serve(self: Arc<Self>, listener: UnixListener, shutdown: CancellationToken) {
        let connections = TaskTracker::new();
        let drop_all = CancellationToken::new();
        let _drop_all = drop_all.clone().drop_guard();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = shutdown.cancelled() => break,
            };
            match accepted {
                Ok((stream, _)) => {
                    let connection =
                        Arc::clone(&self).connection(stream, shutdown.clone(), connections.clone());
                    let dropped = drop_all.clone();
                    connections.spawn(async move { dropped.run_until_cancelled(connection).await });
                }
                Err(error) => {
                    // Out of file descriptors, usually: waiting lets others be closed.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        self.table.end_all();
        connections.close();
        if tokio::time::timeout(self.config.grace, connections.wait()).await.is_err() {
            tracing::warn!(connections = connections.len(), "connections did not end in time");
        }
    }

    async fn connection(
        self: Arc<Self>,
        stream: UnixStream,
        shutdown: CancellationToken,
        tasks: TaskTracker,
    ) {
        let server = Arc::clone(&self);
        let ending = shutdown.clone();
        let service = service_fn(move |request| {
            let (server, ending, tasks) = (Arc::clone(&server), ending.clone(), tasks.clone());
            async move { Ok::<_, Infallible>(server.answer(request, ending, &tasks).await) }
        });
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(None);
        let connection = builder.serve_connection(TokioIo::new(stream), service).with_upgrades();
        tokio::pin!(connection);
        let result = tokio::select! {
            result = &mut connection => result,
            () = shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = result {
            tracing::debug!(%error, "a connection ended early");
        }
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        shutdown: CancellationToken,
        tasks: &TaskTracker,
    ) -> Answer {
        let _busy = self.table.busy();
        let path = request.uri().path();
        match (request.method(), path) {
            (_, "/query") => tokio::select! {
                answer = query::answer(&self, request) => answer,
                () = shutdown.cancelled() => errors(kinds::ENDED.status, "the engine is shutting down"),
            },
            (_, SESSION_PATH) => self.open(request, tasks).await,
            (&Method::GET, "/v1/ping") => self.ping(),
            (_, "/v1/ping") => errors(StatusCode::METHOD_NOT_ALLOWED, "ask with GET"),
            _ if path.starts_with(admin::PREFIX) => admin::answer(self.config.admin.as_ref(), request).await,
            _ => errors(StatusCode::NOT_FOUND, "there is nothing at this path"),
        }
    }

    fn ping(&self) -> Answer {
        let hello = &self.config.hello;
        let body = serde_json::json!({
            "version": hello.version,
            "pid": hello.pid,
            "protocol": hello.protocol,
            "sessions": self.table.activity().sessions,
        });
        json(StatusCode::OK, body.to_string())
    }

    /// Opens a session.
    async fn open(self: Arc<Self>, request: Request<Incoming>, tasks: &TaskTracker) -> Answer {
        match upgrade(request, &self.config.hello).await {
            Upgrade::Refused { response, reason } => {
                tracing::warn!(%reason, "refused a session");
                response
            }
            Upgrade::Accepted { response, hello, session } => {
                // The place is taken before the client hears of it: its first query may come at once.
                let id = hello.session_id.clone();
                let Some(place) = self.table.reserve(&id, View::of(&hello.schema_version)) else {
                    return errors(StatusCode::CONFLICT, &format!("there is a session {id:?} already"));
                };
                tasks.spawn(Arc::clone(&self).session(*session, place));
                response
            }
        }
    }

    /// The life of a session.
    async fn session(self: Arc<Self>, pending: PendingSession, place: Place) {
        let ended = place.ended().clone();
        let (handle, driver) = match pending.start().await {
            Ok(started) => started,
            Err(error) => {
                tracing::warn!(session = place.id(), %error, "a session did not start");
                return;
            }
        };
        let make = (self.config.sessions)(handle);
        let life = async {
            tokio::pin!(driver);
            tokio::select! {
                () = &mut driver => return,
                made = make => match made {
                    Ok(session) => place.fill(session),
                    Err(error) => {
                        tracing::warn!(session = place.id(), error, "a session could not be set up");
                        return;
                    }
                },
            }
            driver.await;
        };
        let _ = ended.run_until_cancelled(life).await;
        tracing::debug!(session = place.id(), "a session ended");
        // Dropping the place takes the session off the table and ends its queries.
    }
}
