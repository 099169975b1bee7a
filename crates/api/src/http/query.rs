//! `/query`, with `POST` or `GET`.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE};
use hyper::{HeaderMap, Method, Request as HttpRequest, StatusCode};
use kukri_engine::trace::{self, TraceHeaders};
use kukri_session::SESSION_HEADER;

use super::answer::{Answer, error_body, errors, typed};
use super::{Server, request};
use crate::Stage;
use crate::error::kinds;

const JSON: &str = "application/json";
const GRAPHQL: &str = "application/graphql-response+json";

/// The type of the answer: the first that both sides know.
fn negotiate(headers: &HeaderMap) -> &'static str {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    for entry in accepted.flat_map(|value| value.split(',')) {
        match entry.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            JSON | "*/*" | "application/*" => return JSON,
            GRAPHQL => return GRAPHQL,
            _ => {}
        }
    }
    JSON
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(JSON)
}

/// How long a refused request is read on before the answer.
const DRAIN: Duration = Duration::from_secs(10);

/// Takes the rest of a request that is refused whatever it says, keeping none of it. Who is still sending when the
/// connection ends might never see the answer: the proxy of a session tells its client of a broken connection then.
async fn drain(body: &mut Incoming) {
    // A body that takes longer or breaks off is nothing to answer differently.
    let rest = async { while let Some(Ok(_)) = body.frame().await {} };
    let _ = tokio::time::timeout(DRAIN, rest).await;
}

/// The body of a request of at most `limit` bytes.
async fn read_body(body: &mut Incoming, limit: usize) -> Result<Bytes, (StatusCode, String)> {
    match Limited::new(&mut *body, limit).collect().await {
        Ok(taken) => Ok(taken.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            drain(body).await;
            Err((
                kinds::TOO_LARGE.status,
                format!(
                    "the request is larger than {limit} bytes: pass large contents as files of the host instead of texts"
                ),
            ))
        }
        Err(error) => Err((kinds::BAD_REQUEST.status, format!("the request's body broke off: {error}"))),
    }
}

/// Answers a query.
pub(super) async fn answer(server: &Server, request: HttpRequest<Incoming>) -> Answer {
    let (head, mut body) = request.into_parts();
    let headers = &head.headers;
    let get = head.method == Method::GET;
    if !get && (head.method != Method::POST || !is_json(headers)) {
        drain(&mut body).await;
        return errors(
            kinds::BAD_REQUEST.status,
            "transport not supported: POST a JSON body as application/json, or GET /query?query=…",
        );
    }
    let content_type = negotiate(headers);
    if let Some(encoding) = headers
        .get(CONTENT_ENCODING)
        .filter(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        let message =
            format!("the body has the Content-Encoding {encoding:?}: send it as it is, without compression");
        drain(&mut body).await;
        return typed(kinds::ENCODED.status, content_type, error_body(&message));
    }
    let id = headers.get(SESSION_HEADER).and_then(|id| id.to_str().ok()).map(str::to_owned);
    let fail = |status, message: &str| typed(status, content_type, error_body(message));
    let Some(id) = id else {
        drain(&mut body).await;
        return fail(
            StatusCode::BAD_REQUEST,
            "the header Kukri-Session is missing: it names the session to ask in",
        );
    };
    let Some(seat) = server.table.find(&id).await else {
        let message =
            format!("the session {id:?} is not known: it has ended, or this engine was started after it");
        drain(&mut body).await;
        return fail(kinds::ENDED.status, &message);
    };
    let read = if get {
        drain(&mut body).await;
        request::from_parameters(head.uri.query().unwrap_or_default())
    } else {
        match read_body(&mut body, server.config.max_body).await {
            Ok(text) => request::from_body(&text),
            Err((status, message)) => return fail(status, &message),
        }
    };
    let request = match read {
        Ok(request) => request,
        Err(message) => return fail(kinds::BAD_REQUEST.status, &message),
    };
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let trace =
        TraceHeaders { parent: text("traceparent"), state: text("tracestate"), baggage: text("baggage") };
    let execution = server.api.execute(&seat.session, seat.view, &request);
    let response = tokio::select! {
        response = trace::of_request(&seat.session, trace, execution) => response,
        () = seat.ended.cancelled() => return fail(kinds::ENDED.status, "the session has ended"),
    };
    let status = match (response.failed, content_type) {
        (None, _) => StatusCode::OK,
        (Some(Stage::Execute), _) => kinds::FAILED.status,
        (Some(Stage::Parse | Stage::Validate), GRAPHQL) => StatusCode::BAD_REQUEST,
        (Some(Stage::Parse), _) => kinds::SYNTAX.status,
        (Some(Stage::Validate), _) => kinds::INVALID.status,
    };
    typed(status, content_type, response.body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_known_type_wins() {
        for (accept, expected) in [
            ("*/*", JSON),
            ("application/graphql-response+json, application/json", GRAPHQL),
            ("application/json, application/graphql-response+json", JSON),
            ("text/html;q=0.9, Application/GraphQL-Response+JSON; charset=utf-8", GRAPHQL),
            ("text/html", JSON),
            ("", JSON),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            assert_eq!(negotiate(&headers), expected, "{accept}");
        }
        assert_eq!(negotiate(&HeaderMap::new()), JSON);
    }
}
