//! From an HTTP request to a session.

use std::future::Future;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};

use super::SessionHandle;
use crate::{ClientHello, EngineHello, HelloError, SessionError};

/// The engine's end of one session connection.
pub struct EngineLink;

impl EngineLink {
    /// Begins a session on a connection that carries frames from now on. The driver must be polled (spawned); it ends
    /// with the session, and then all requests have failed and [`SessionHandle::closed`] returns.
    pub fn accept<I>(
        _io: I,
        _client: ClientHello,
        _engine: &EngineHello,
    ) -> Result<(SessionHandle, impl Future<Output = ()> + Send + 'static), HelloError>
    where
        I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        Ok((SessionHandle {}, async {}))
    }
}

/// What to do with a request for [`crate::SESSION_PATH`].
pub enum Upgrade {
    /// Send `response`; then `session` yields the handle and its driver, once the client has switched.
    Accepted {
        /// 101.
        response: Response<Full<Bytes>>,
        /// What the client said.
        hello: ClientHello,
        /// Await it in a task of its own, after the response was handed to the server.
        session: PendingSession,
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
pub struct PendingSession {}

impl PendingSession {
    /// Waits for the switch. Then as [`EngineLink::accept`].
    pub async fn start(self) -> Result<(SessionHandle, impl Future<Output = ()> + Send + 'static), SessionError> {
        Ok((SessionHandle {}, async {}))
    }
}

/// Reads the hello of a request for [`crate::SESSION_PATH`] and decides.
pub async fn upgrade(_request: Request<Incoming>, _engine: &EngineHello) -> Upgrade {
    unimplemented!()
}
