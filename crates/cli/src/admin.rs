//! Asks a running engine over its socket.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::rt::TokioIo;
use serde_json::Value as Json;
use tokio::net::UnixStream;

use crate::fail::Failure;
use crate::settings::Places;

/// Sends a verb with its arguments; gives the engine's answer.
pub async fn ask(places: &Places, verb: &str, body: &Json) -> Result<Json, Failure> {
    let log = places.log.display();
    let stream = UnixStream::connect(&places.socket).await.map_err(|error| {
        Failure::new(format!("no engine answers at {}: {error}", places.socket.display()))
            .hint(format!("one starts when a pipeline needs it; how the last one ended is in its log, {log}"))
    })?;
    let lost = |error: hyper::Error| {
        Failure::new(format!("the engine at {} gave no answer: {error}", places.socket.display()))
            .hint(format!("its log is {log}"))
    };
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(lost)?;
    let connection = tokio::spawn(connection);
    let request = Request::post(format!("/v1/admin/{verb}"))
        .header("host", "kukri")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_string())))?;
    let response = sender.send_request(request).await.map_err(lost)?;
    let ok = response.status().is_success();
    let bytes = response.into_body().collect().await.map_err(lost)?.to_bytes();
    connection.abort();
    let answer: Json = serde_json::from_slice(&bytes)
        .map_err(|_| Failure::new(format!("the engine answered: {}", String::from_utf8_lossy(&bytes))))?;
    if ok {
        return Ok(answer);
    }
    let message =
        answer.get("error").and_then(Json::as_str).map_or_else(|| answer.to_string(), str::to_owned);
    Err(Failure::new(message))
}
