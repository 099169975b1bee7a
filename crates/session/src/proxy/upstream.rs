//! Pooled HTTP connections to the engine's unix socket.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HOST, HeaderName, HeaderValue};
use hyper::{Request, Response, Uri, Version};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use crate::SESSION_HEADER;

/// Most idle connections that are kept.
const MAX_IDLE: usize = 32;

/// Why the engine gave no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum UpstreamError {
    #[error("{}: {source}", socket.display())]
    Connect { socket: PathBuf, source: io::Error },
    #[error("the connection was lost: {0}")]
    Lost(#[from] hyper::Error),
}

type Idle = Arc<Mutex<Vec<SendRequest<Incoming>>>>;

/// The engine, over any number of connections.
pub(super) struct Upstream {
    socket: PathBuf,
    session: HeaderValue,
    idle: Idle,
}

impl Upstream {
    pub fn new(socket: &Path, session_id: &str) -> Self {
        // Ids are made by clients of this crate; one that cannot be a header value matches no session.
        let session = HeaderValue::from_str(session_id).unwrap_or(HeaderValue::from_static(""));
        Self { socket: socket.to_owned(), session, idle: Idle::default() }
    }

    /// Sends the request and returns the answer's head; the body streams. Dropping the future, or the body before its
    /// end, closes the connection.
    pub async fn send(&self, mut request: Request<Incoming>) -> Result<Response<Incoming>, UpstreamError> {
        // The engine is named by the socket; a path alone is what HTTP/1.1 wants.
        if let Some(path) = request.uri().path_and_query() {
            *request.uri_mut() = Uri::from(path.clone());
        }
        *request.version_mut() = Version::HTTP_11;
        request.headers_mut().insert(HOST, HeaderValue::from_static("kukri"));
        request.headers_mut().insert(HeaderName::from_static(SESSION_HEADER), self.session.clone());
        loop {
            let pooled = self.take_idle();
            let fresh = pooled.is_none();
            let mut sender = match pooled {
                Some(sender) => sender,
                None => self.connect().await?,
            };
            match sender.try_send_request(request).await {
                Ok(response) => {
                    self.give_back(sender);
                    return Ok(response);
                }
                // An idle connection may have been closed before the request was sent; then it comes back.
                Err(mut error) => match error.take_message() {
                    Some(unsent) if !fresh => request = unsent,
                    _ => return Err(error.into_error().into()),
                },
            }
        }
    }

    fn take_idle(&self) -> Option<SendRequest<Incoming>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(sender) = idle.pop() {
            if sender.is_ready() {
                return Some(sender);
            }
        }
        None
    }

    /// Keeps the connection once the answer was read to its end.
    fn give_back(&self, mut sender: SendRequest<Incoming>) {
        let idle = Arc::clone(&self.idle);
        tokio::spawn(async move {
            if sender.ready().await.is_ok() {
                let mut idle = idle.lock().unwrap_or_else(PoisonError::into_inner);
                if idle.len() < MAX_IDLE {
                    idle.push(sender);
                }
            }
        });
    }

    async fn connect(&self) -> Result<SendRequest<Incoming>, UpstreamError> {
        let failed = |source| UpstreamError::Connect { socket: self.socket.clone(), source };
        let stream = UnixStream::connect(&self.socket).await.map_err(failed)?;
        crate::socket::check_peer(&stream).map_err(failed)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::trace!(%error, "connection to the engine ended");
            }
        });
        Ok(sender)
    }
}
