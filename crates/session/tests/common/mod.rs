//! A small engine: sessions, and a `/query` that does what the body says.

#![allow(dead_code, reason = "each test binary uses its part")]

pub mod pair;
pub mod store;

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use kukri_session::engine::{SessionHandle, Upgrade, upgrade};
use kukri_session::{EngineHello, SESSION_HEADER, SESSION_PATH, socket};
use tokio::net::UnixListener;
use tokio::sync::watch;

/// Sessions by id.
pub type Sessions = Arc<Mutex<HashMap<String, SessionHandle>>>;

/// A running engine, in this process.
pub struct ToyEngine {
    pub sessions: Sessions,
    pub opened: watch::Receiver<usize>,
    pub task: tokio::task::JoinHandle<()>,
}

/// Serves until the task is aborted.
pub async fn toy_engine(path: &Path, hello: EngineHello) -> ToyEngine {
    let listener = socket::listen(path).await.unwrap();
    let sessions = Sessions::default();
    let (opened_in, opened) = watch::channel(0);
    let task = tokio::spawn(accept(listener, Arc::clone(&sessions), hello, Arc::new(opened_in)));
    ToyEngine { sessions, opened, task }
}

impl ToyEngine {
    /// The session with this id, once it is open.
    pub async fn session(&mut self, id: &str) -> SessionHandle {
        loop {
            if let Some(handle) = self.sessions.lock().unwrap().get(id) {
                return handle.clone();
            }
            self.opened.changed().await.unwrap();
        }
    }
}

async fn accept(
    listener: UnixListener,
    sessions: Sessions,
    hello: EngineHello,
    opened: Arc<watch::Sender<usize>>,
) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        socket::check_peer(&stream).unwrap();
        let (sessions, hello, opened) = (Arc::clone(&sessions), hello.clone(), Arc::clone(&opened));
        connections.spawn(async move {
            let service = service_fn(|request| {
                let (sessions, hello, opened) = (Arc::clone(&sessions), hello.clone(), Arc::clone(&opened));
                async move { Ok::<_, Infallible>(answer(request, sessions, hello, opened).await) }
            });
            let connection =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            let _ = connection.with_upgrades().await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    sessions: Sessions,
    hello: EngineHello,
    opened: Arc<watch::Sender<usize>>,
) -> Response<Full<Bytes>> {
    if request.uri().path() == SESSION_PATH {
        return match upgrade(request, &hello).await {
            Upgrade::Accepted { response, hello, session } => {
                tokio::spawn(async move {
                    let (handle, driver) = session.start().await.unwrap();
                    sessions.lock().unwrap().insert(hello.session_id.clone(), handle);
                    opened.send_modify(|count| *count += 1);
                    driver.await;
                    sessions.lock().unwrap().remove(&hello.session_id);
                });
                response
            }
            Upgrade::Refused { response, .. } => response,
        };
    }
    let session =
        request.headers().get(SESSION_HEADER).and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let handle = sessions.lock().unwrap().get(&session).cloned();
    let Some(handle) = handle else {
        return Response::builder().status(503).body(Full::from("no such session")).unwrap();
    };
    let text = String::from_utf8(body.to_vec()).unwrap();
    let answer = match text.split_once(' ').unwrap_or((&text, "")) {
        ("pid", _) => std::process::id().to_string(),
        ("secret", uri) => match handle.read_secret(uri).await {
            Ok(value) => String::from_utf8(value.to_vec()).unwrap(),
            Err(error) => error.to_string(),
        },
        ("die", _) => std::process::abort(),
        ("hang", _) => std::future::pending().await,
        _ => text,
    };
    Response::new(Full::from(answer))
}
