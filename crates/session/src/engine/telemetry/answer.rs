//! Which request of a container gets which answer.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Request, Response, StatusCode};

use super::form::{Body, Form, Outcome};
use super::{Shared, TELEMETRY_TOKEN_HEADER};
use crate::telemetry::{FROM_CONTAINER, FROM_CONTAINER_UNPACKED, OtlpRequest, too_large};
use crate::{ErrorCode, SessionError};

/// Most time for a request to arrive, and to be passed on, with its turn.
const REQUEST_TIME: Duration = Duration::from_secs(10);

/// Codes of gRPC.
const INVALID: u8 = 3;
const DEADLINE: u8 = 4;
const EXHAUSTED: u8 = 8;
const UNIMPLEMENTED: u8 = 12;
const UNAUTHENTICATED: u8 = 16;

pub(super) async fn answer(request: Request<Incoming>, shared: &Shared) -> Response<Body> {
    let form = Form::of(&request);
    let outcome = match tokio::time::timeout(REQUEST_TIME, take(request, form, shared)).await {
        Ok(outcome) => outcome,
        Err(_) => {
            let reason = format!("the request did not arrive within {} s", REQUEST_TIME.as_secs());
            Outcome::Refused(StatusCode::REQUEST_TIMEOUT, DEADLINE, reason)
        }
    };
    form.answer(&outcome)
}

async fn take(request: Request<Incoming>, form: Form, shared: &Shared) -> Outcome {
    let refused = |status, code, reason: &str| Outcome::Refused(status, code, reason.to_owned());
    let token = request.headers().get(TELEMETRY_TOKEN_HEADER).map(|value| value.as_bytes());
    // Hashes are compared in constant time, so the time tells nothing about the token.
    let allowed = token.is_some_and(|token| blake3::hash(token) == blake3::hash(shared.token.as_bytes()));
    if !allowed {
        let reason = "unauthorized: send the headers in OTEL_EXPORTER_OTLP_HEADERS with each request";
        return refused(StatusCode::UNAUTHORIZED, UNAUTHENTICATED, reason);
    }
    let Some(signal) = form.signal(request.uri().path()) else {
        let reason = "there is nothing at this path: send OTLP to /v1/traces, /v1/logs or /v1/metrics";
        return refused(StatusCode::NOT_FOUND, UNIMPLEMENTED, reason);
    };
    if request.method() != Method::POST {
        return refused(StatusCode::METHOD_NOT_ALLOWED, UNIMPLEMENTED, "send OTLP with POST");
    }
    let content_type = match form {
        Form::Grpc => "application/x-protobuf".to_owned(),
        _ => request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .into(),
    };
    let encoding = form.encoding(request.headers()).to_owned();
    // Its turn first: what is not read yet takes no memory.
    let Ok(_place) = shared.limits.places.acquire().await else { return Outcome::Taken };
    let body = match read(request.into_body()).await {
        Ok(body) => body,
        Err(outcome) => return outcome,
    };
    if !shared.signals.iter().any(|wanted| wanted == signal) {
        return Outcome::Taken;
    }
    let Some(message) = form.message(body) else {
        return refused(StatusCode::BAD_REQUEST, INVALID, "the request is no message of gRPC");
    };
    if !shared.limits.take(message.content.len()) {
        shared.dropped.fetch_add(1, Ordering::Relaxed);
        return Outcome::Dropped("dropped: this is more telemetry than a session takes");
    }
    let request = OtlpRequest {
        signal: signal.to_owned(),
        content_type,
        encoding: if message.compressed { encoding } else { String::new() },
        body: message.content,
        limit: FROM_CONTAINER_UNPACKED,
    };
    let request = match &shared.filter {
        Some(filter) => match filter(request) {
            Ok(request) => request,
            Err(reason) => return refused(StatusCode::BAD_REQUEST, INVALID, &reason),
        },
        None => request,
    };
    match shared.pass_on(request).await {
        Err(SessionError::Remote(error)) if error.code == ErrorCode::Invalid => {
            refused(StatusCode::BAD_REQUEST, INVALID, &error.message)
        }
        // The client has gone, or cannot: nobody gets it, and to try again would not help.
        Ok(()) | Err(_) => Outcome::Taken,
    }
}

/// Read to its end in any case: who is still sending might never see the answer.
async fn read(mut incoming: Incoming) -> Result<Bytes, Outcome> {
    let mut body = BytesMut::new();
    let mut size = 0;
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|error| {
            Outcome::Refused(StatusCode::BAD_REQUEST, INVALID, format!("the request broke off: {error}"))
        })?;
        let Ok(chunk) = frame.into_data() else { continue };
        size += chunk.len();
        if size <= FROM_CONTAINER {
            body.extend_from_slice(&chunk);
        }
    }
    if size > FROM_CONTAINER {
        let reason = too_large(FROM_CONTAINER);
        return Err(Outcome::Refused(StatusCode::PAYLOAD_TOO_LARGE, EXHAUSTED, reason));
    }
    Ok(body.freeze())
}
