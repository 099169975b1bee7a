//! Which request gets which answer.

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{
    AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    WWW_AUTHENTICATE,
};
use hyper::{Request, Response, StatusCode};

use super::{
    ProxyConfig, auth, cors, source,
    upstream::{Upstream, UpstreamError},
};
use crate::telemetry::too_large;
use crate::{OtlpRequest, answers};

pub(super) type Body = BoxBody<Bytes, hyper::Error>;

const REALM: HeaderValue = HeaderValue::from_static("Basic realm=\"Access to the Dagger engine session\"");

pub(super) async fn answer(
    request: Request<Incoming>,
    config: &ProxyConfig,
    upstream: &Upstream,
) -> Response<Body> {
    if !config.allow_cors {
        return allowed(request, config, upstream).await;
    }
    if let Some(response) = cors::preflight(&request) {
        return response;
    }
    let mut response = allowed(request, config, upstream).await;
    cors::allow(&mut response);
    response
}

async fn allowed(request: Request<Incoming>, config: &ProxyConfig, upstream: &Upstream) -> Response<Body> {
    if !auth::is_allowed(request.headers().get(AUTHORIZATION), &config.token) {
        let mut response =
            text(answers::UNAUTHORIZED.status, "unauthorized: the session token is missing or wrong\n");
        response.headers_mut().insert(WWW_AUTHENTICATE, REALM);
        return response;
    }
    match request.uri().path() {
        "/query" => forward(request, config, upstream).await,
        "/v1/traces" | "/v1/logs" | "/v1/metrics" => take_telemetry(request, config).await,
        "/v1/source" => source::take(request, config).await,
        _ => text(answers::NO_PATH.status, "404 page not found\n"),
    }
}

/// Largest request of OTLP that is taken, bytes.
const TELEMETRY: usize = 16 << 20;
/// The same without its compression.
const UNPACKED: usize = 64 << 20;

/// Telemetry of SDKs goes to the user's collector where there is one, else it is dropped, so that their exporters stay
/// quiet.
async fn take_telemetry(request: Request<Incoming>, config: &ProxyConfig) -> Response<Body> {
    let signal = request.uri().path().trim_start_matches("/v1/").to_owned();
    let header = |name: HeaderName| {
        let value = request.headers().get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let (content_type, encoding) = (header(CONTENT_TYPE), header(CONTENT_ENCODING));
    let mut incoming = request.into_body();
    let mut body = Vec::new();
    let mut size = 0;
    // Read to its end in any case: who is still sending might never see the answer.
    while let Some(Ok(frame)) = incoming.frame().await {
        let Ok(chunk) = frame.into_data() else { continue };
        size += chunk.len();
        if config.telemetry.is_some() && size <= TELEMETRY {
            body.extend_from_slice(&chunk);
        }
    }
    let Some(sink) = &config.telemetry else { return text(StatusCode::CREATED, "") };
    if size > TELEMETRY {
        return text(StatusCode::PAYLOAD_TOO_LARGE, format!("{}\n", too_large(TELEMETRY)));
    }
    match sink(OtlpRequest { signal, content_type, encoding, body: body.into(), limit: UNPACKED }) {
        Ok(()) => text(StatusCode::CREATED, ""),
        Err(reason) => text(StatusCode::BAD_REQUEST, format!("{reason}\n")),
    }
}

async fn forward(
    mut request: Request<Incoming>,
    config: &ProxyConfig,
    upstream: &Upstream,
) -> Response<Body> {
    request.headers_mut().remove(AUTHORIZATION);
    drop_hop_by_hop(request.headers_mut());
    // Dropping the future of `send` closes the engine's connection, and with it cancels the work.
    let answered = tokio::select! {
        biased;
        () = config.engine_gone.cancelled() => None,
        answered = upstream.send(request) => Some(answered),
    };
    match answered {
        Some(Ok(mut response)) => {
            drop_hop_by_hop(response.headers_mut());
            response.map(BodyExt::boxed)
        }
        Some(Err(UpstreamError::Lost(error))) if error.is_user() => {
            let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            failed(StatusCode::BAD_REQUEST, &format!("the body of the request cannot be read: {source}"))
        }
        // The connection of the session tells a moment later whether the engine is gone for good.
        Some(Err(error)) => bad_gateway(&format!("cannot reach the engine: {error}"), config),
        None => bad_gateway("the engine has ended, and the session with it", config),
    }
}

/// As an answer of the API: clients take its message, while some ask again and again where they get a plain text.
fn bad_gateway(reason: &str, config: &ProxyConfig) -> Response<Body> {
    let log = if config.log_path.is_empty() {
        String::new()
    } else {
        format!("; the engine's log is {}", config.log_path)
    };
    failed(answers::NO_ENGINE.status, &format!("{reason}{log}"))
}

fn failed(status: StatusCode, message: &str) -> Response<Body> {
    let answer = serde_json::json!({ "data": null, "errors": [{ "message": message }] });
    let mut response = text(status, format!("{answer}\n"));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// These belong to one connection, not to the message. (Bodies are framed anew.)
fn drop_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "expect",
    ] {
        headers.remove(name);
    }
}

pub(super) fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::new(body.into()).map_err(|never| match never {}).boxed());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
