//! From an HTTP request to a session.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_TYPE, UPGRADE};
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};

use super::SessionHandle;
use crate::hello::negotiate;
use crate::link::{self, Answer, Handler, Peer};
use crate::{ClientHello, EngineHello, ErrorCode, HelloError, RemoteError, SessionError, UPGRADE_TOKEN};

const MAX_HELLO: usize = 1 << 20;

/// The engine's end of one session connection.
pub struct EngineLink;

impl EngineLink {
    /// Begins a session on a connection that carries frames from now on. The driver must be polled (spawned); it ends
    /// with the session, and then all requests have failed and [`SessionHandle::closed`] returns. Dropping it ends the
    /// session too.
    pub fn accept<I>(
        io: I,
        client: ClientHello,
        engine: &EngineHello,
    ) -> Result<(SessionHandle, impl Future<Output = ()> + Send + 'static + use<I>), HelloError>
    where
        I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        negotiate(&client, engine)?;
        let (link, driver) = link::drive(io, Peer::Engine(engine.clone()), Arc::new(NoRequests));
        Ok((SessionHandle::new(link, client), driver))
    }
}

/// In protocol 1 clients ask nothing over the link; they use HTTP.
struct NoRequests;

impl Handler for NoRequests {
    fn handle(&self, request: link::Request) -> Answer {
        let message =
            format!("the engine does not know the request {:?}: it is older than the client", request.kind);
        Box::pin(std::future::ready(Err(RemoteError::new(ErrorCode::Unsupported, message))))
    }
}

/// What to do with a request for [`crate::SESSION_PATH`].
pub enum Upgrade {
    /// Send `response`; then `session` yields the handle and its driver, once the client has switched.
    Accepted {
        /// 101.
        response: Response<Full<Bytes>>,
        /// What the client said.
        hello: Box<ClientHello>,
        /// Await it in a task of its own, after the response was handed to the server.
        session: Box<PendingSession>,
    },
    /// Send `response`: it tells the client why.
    Refused {
        /// 4xx with JSON.
        response: Response<Full<Bytes>>,
        /// For the log.
        reason: HelloError,
    },
}

/// A session whose connection is about to switch from HTTP to frames.
pub struct PendingSession {
    upgrade: OnUpgrade,
    client: ClientHello,
    engine: EngineHello,
}

impl PendingSession {
    /// Waits for the switch. Then as [`EngineLink::accept`].
    pub async fn start(
        self,
    ) -> Result<(SessionHandle, impl Future<Output = ()> + Send + 'static), SessionError> {
        let io = self.upgrade.await.map_err(|error| SessionError::protocol(error.to_string()))?;
        EngineLink::accept(TokioIo::new(io), self.client, &self.engine)
            .map_err(|error| SessionError::protocol(error.to_string()))
    }
}

/// Reads the hello of a request for [`crate::SESSION_PATH`] and decides. The connection must be served with upgrades.
pub async fn upgrade(mut request: Request<Incoming>, engine: &EngineHello) -> Upgrade {
    let wanted =
        request.headers().get(UPGRADE).is_some_and(|value| value.as_bytes() == UPGRADE_TOKEN.as_bytes());
    let upgrade = hyper::upgrade::on(&mut request);
    if request.method() != Method::POST || !wanted {
        let reason = format!("POST with Upgrade: {UPGRADE_TOKEN} is needed");
        return refuse(StatusCode::UPGRADE_REQUIRED, engine, HelloError::Malformed(reason));
    }
    let client: ClientHello = match read_hello(request.into_body()).await {
        Ok(client) => client,
        Err(reason) => return refuse(StatusCode::BAD_REQUEST, engine, HelloError::Malformed(reason)),
    };
    if let Err(reason) = negotiate(&client, engine) {
        return refuse(StatusCode::CONFLICT, engine, reason);
    }
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, hyper::header::HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, hyper::header::HeaderValue::from_static(UPGRADE_TOKEN));
    let session = Box::new(PendingSession { upgrade, client: client.clone(), engine: engine.clone() });
    Upgrade::Accepted { response, hello: Box::new(client), session }
}

async fn read_hello(body: Incoming) -> Result<ClientHello, String> {
    let body = Limited::new(body, MAX_HELLO).collect().await.map_err(|error| error.to_string())?.to_bytes();
    let hello: ClientHello = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
    if hello.client_id.is_empty() || hello.session_id.is_empty() {
        return Err("client_id and session_id must not be empty".to_owned());
    }
    Ok(hello)
}

fn refuse(status: StatusCode, engine: &EngineHello, reason: HelloError) -> Upgrade {
    let body = json!({ "error": reason.to_string(), "engine": engine }).to_string();
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let json = hyper::header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    Upgrade::Refused { response, reason }
}
