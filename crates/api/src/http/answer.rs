//! HTTP answers: always a JSON type, because clients lose the message of anything else.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};

use crate::error::GraphqlError;

/// What every request gets.
pub(super) type Answer = Response<Full<Bytes>>;

/// An answer with a JSON body.
pub(super) fn json(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    typed(status, "application/json", body)
}

/// An answer with a type of its own.
pub(super) fn typed(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// An error outside of any document, in the form of a GraphQL error.
pub(super) fn errors(status: StatusCode, message: &str) -> Answer {
    json(status, error_body(message))
}

pub(super) fn error_body(message: &str) -> Vec<u8> {
    let mut error = GraphqlError::invalid(message, None);
    error.extensions = None;
    error.to_body()
}
