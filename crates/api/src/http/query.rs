//! `POST /query`.

use std::time::Duration;

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONTENT_TYPE};
use hyper::{HeaderMap, Method, Request as HttpRequest, StatusCode};
use kukri_session::SESSION_HEADER;
use serde_json::{Map, Value as Json};

use super::Server;
use super::answer::{Answer, error_body, errors, typed};
use crate::{Request, Stage};

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

/// Reads the body of a request.
fn parse(body: &[u8]) -> Result<Request, String> {
    let value: Json = serde_json::from_slice(body)
        .map_err(|error| format!("json request body could not be decoded: {error}"))?;
    let mut map = match value {
        Json::Object(map) => map,
        Json::Array(_) => return Err("batches are not supported: send one request at a time".to_owned()),
        _ => return Err("the body must be a JSON object with \"query\"".to_owned()),
    };
    let text = |map: &mut Map<String, Json>, key: &str| match map.remove(key) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("{key:?} must be a text")),
    };
    Ok(Request {
        query: text(&mut map, "query")?.ok_or("\"query\" is missing")?,
        operation: text(&mut map, "operationName")?,
        variables: match map.remove("variables") {
            None | Some(Json::Null) => Map::new(),
            Some(Json::Object(variables)) => variables,
            Some(_) => return Err("\"variables\" must be an object".to_owned()),
        },
    })
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

/// Answers a query.
pub(super) async fn answer(server: &Server, request: HttpRequest<Incoming>) -> Answer {
    let (head, mut body) = request.into_parts();
    let headers = &head.headers;
    if head.method != Method::POST || !is_json(headers) {
        drain(&mut body).await;
        return errors(
            StatusCode::BAD_REQUEST,
            "transport not supported: POST a JSON body as application/json",
        );
    }
    let content_type = negotiate(headers);
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
        return fail(StatusCode::SERVICE_UNAVAILABLE, &message);
    };
    let limit = server.config.max_body;
    let text = match Limited::new(&mut body, limit).collect().await {
        Ok(taken) => taken.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            let message = format!(
                "the request is larger than {limit} bytes: pass large contents as files of the host instead of texts"
            );
            drain(&mut body).await;
            return fail(StatusCode::PAYLOAD_TOO_LARGE, &message);
        }
        Err(error) => {
            return fail(StatusCode::BAD_REQUEST, &format!("the request's body broke off: {error}"));
        }
    };
    let request = match parse(&text) {
        Ok(request) => request,
        Err(message) => return fail(StatusCode::BAD_REQUEST, &message),
    };
    drop(text);
    let response = tokio::select! {
        response = server.api.execute(&seat.session, seat.view, &request) => response,
        () = seat.ended.cancelled() => return fail(StatusCode::SERVICE_UNAVAILABLE, "the session has ended"),
    };
    let status = match (response.failed, content_type) {
        (None | Some(Stage::Execute), _) => StatusCode::OK,
        (Some(Stage::Parse | Stage::Validate), GRAPHQL) => StatusCode::BAD_REQUEST,
        (Some(Stage::Parse | Stage::Validate), _) => StatusCode::UNPROCESSABLE_ENTITY,
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

    #[test]
    fn bodies() {
        for body in [
            r#"{"query":"{a}"}"#,
            r#"{"query":"{a}","variables":null}"#,
            r#"{"query":"{a}","variables":{},"operationName":"","extensions":{}}"#,
        ] {
            let request = parse(body.as_bytes()).unwrap();
            assert_eq!((request.query.as_str(), request.variables.len()), ("{a}", 0), "{body}");
        }
        let deep = "[".repeat(100_000);
        for body in ["", "{", "[]", "1", r#"{"query":1}"#, r#"{"query":"a","variables":[]}"#, "{}", &deep] {
            assert!(parse(body.as_bytes()).is_err(), "{body:.20}");
        }
    }
}
