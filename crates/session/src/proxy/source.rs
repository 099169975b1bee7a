//! `POST /v1/source`: a client says which line of its program made the step that failed. It becomes a progress event.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::ProxyConfig;
use super::answer::{Body, text};

/// Largest body, bytes: a path and two numbers.
const MAX_BODY: usize = 64 << 10;

/// What the client sends.
#[derive(Deserialize)]
struct Source {
    /// `step` of the failed answer's extensions.
    step: u64,
    /// Path of the file, absolute.
    file: String,
    /// Number of the line, from 1.
    line: u32,
}

/// The same as an event, as `kukri-telemetry` reads it.
#[derive(Serialize)]
struct Told<'a> {
    event: &'static str,
    id: u64,
    file: &'a str,
    line: u32,
}

pub(super) async fn take(request: Request<Incoming>, config: &ProxyConfig) -> Response<Body> {
    let refuse = |reason: String| text(StatusCode::BAD_REQUEST, format!("{reason}\n"));
    let mut incoming = request.into_body();
    let mut body = Vec::new();
    // Read to its end in any case: who is still sending might never see the answer.
    while let Some(Ok(frame)) = incoming.frame().await {
        let Ok(chunk) = frame.into_data() else { continue };
        if body.len() <= MAX_BODY {
            body.extend_from_slice(&chunk);
        }
    }
    if body.len() > MAX_BODY {
        return refuse(format!("more than {MAX_BODY} bytes"));
    }
    let source: Source = match serde_json::from_slice(&body) {
        Ok(source) => source,
        Err(error) => return refuse(format!("expected step, file and line: {error}")),
    };
    let told = Told { event: "span_source", id: source.step, file: &source.file, line: source.line };
    if let (Some(events), Ok(event)) = (&config.events, serde_json::to_vec(&told)) {
        events.tell(Bytes::from(event));
    }
    text(StatusCode::CREATED, "")
}
