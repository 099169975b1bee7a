//! Asks a running engine over its socket.

use std::io::ErrorKind;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use kukri_session::client::ConnectError;
use serde_json::Value as Json;
use tokio::net::UnixStream;
use tokio::task::JoinHandle;

use crate::commands::open::{self, HELLO_TIMEOUT, no_engine};
use crate::fail::Failure;
use crate::settings::Places;

/// How often an engine is looked for that is not just ending.
const ATTEMPTS: u32 = 5;
/// Between two of them: the socket of an engine that was killed is there until its memory is given back.
const PAUSE: Duration = Duration::from_millis(50);

/// A connection to an engine that answers. What is asked on it may take its time.
pub struct Connection<'a> {
    places: &'a Places,
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<hyper::Result<()>>,
}

impl Drop for Connection<'_> {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

fn lost(places: &Places, error: &hyper::Error) -> Failure {
    Failure::new(format!("the engine at {} gave no answer: {error}", places.socket.display()))
        .hint(format!("its log is {}", places.log.display()))
}

/// Connects, and waits for a first sign of life. None where no engine is, or one that is just ending.
pub async fn connect(places: &Places) -> Result<Option<Connection<'_>>, Failure> {
    let stream = match UnixStream::connect(&places.socket).await {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(source) => {
            return Err(no_engine(&ConnectError::Io { socket: places.socket.clone(), source }, places));
        }
    };
    let Ok((mut sender, driver)) = handshake(TokioIo::new(stream)).await else { return Ok(None) };
    let driver = tokio::spawn(driver);
    let ping = Request::get("/v1/ping").header("host", "kukri").body(Full::default())?;
    // One that is stopped, or no engine at all, accepts connections as well.
    let answer = tokio::time::timeout(HELLO_TIMEOUT, async {
        sender.send_request(ping).await?.into_body().collect().await
    });
    match answer.await {
        Ok(Ok(_)) => {}
        Ok(Err(_)) => return Ok(None),
        Err(_) => {
            driver.abort();
            let silent = ConnectError::Timeout { socket: places.socket.clone(), timeout: HELLO_TIMEOUT };
            return Err(no_engine(&silent, places));
        }
    };
    Ok(Some(Connection { places, sender, driver }))
}

/// Sends a verb with its arguments to the engine that runs; gives its answer.
pub async fn ask(places: &Places, verb: &str, body: &Json) -> Result<Json, Failure> {
    match connect(places).await? {
        Some(mut connection) => connection.ask(verb, body).await,
        None => Err(nobody(places)),
    }
}

/// The same where an engine is started if none runs.
pub async fn ask_any(places: &Places, verb: &str, body: &Json) -> Result<Json, Failure> {
    for _ in 0..ATTEMPTS {
        open::engine(places).await?;
        if let Some(mut connection) = connect(places).await? {
            return connection.ask(verb, body).await;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(nobody(places))
}

fn nobody(places: &Places) -> Failure {
    Failure::new(format!("no engine answers at {}", places.socket.display())).hint(format!(
        "one starts when a pipeline needs it; how the last one ended is in its log, {}",
        places.log.display()
    ))
}

impl Connection<'_> {
    /// Sends a verb with its arguments; gives the engine's answer.
    pub async fn ask(&mut self, verb: &str, body: &Json) -> Result<Json, Failure> {
        let lost = |error| lost(self.places, &error);
        let request = Request::post(format!("/v1/admin/{verb}"))
            .header("host", "kukri")
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.to_string())))?;
        // The answer to the question before has come, but the connection may not be ready yet.
        self.sender.ready().await.map_err(lost)?;
        let response = self.sender.send_request(request).await.map_err(lost)?;
        let ok = response.status().is_success();
        let bytes = response.into_body().collect().await.map_err(lost)?.to_bytes();
        let answer: Json = serde_json::from_slice(&bytes)
            .map_err(|_| Failure::new(format!("the engine answered: {}", String::from_utf8_lossy(&bytes))))?;
        if ok {
            return Ok(answer);
        }
        let message =
            answer.get("error").and_then(Json::as_str).map_or_else(|| answer.to_string(), str::to_owned);
        Err(Failure::new(message))
    }
}
