//! Leave for pages of other origins: what a browser wants to hear before it lets them send a request.

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderName, HeaderValue,
};
use hyper::{Method, Request, Response, StatusCode};

use super::answer::Body;

/// The answer to a browser that asks first. It does so without the token, and learns nothing but that it may ask.
pub(super) fn preflight<T>(request: &Request<T>) -> Option<Response<Body>> {
    let wanted = |name: HeaderName| request.headers().get(name).cloned();
    if request.method() != Method::OPTIONS {
        return None;
    }
    let method = wanted(ACCESS_CONTROL_REQUEST_METHOD)?;
    let empty = Empty::<Bytes>::new().map_err(|never| match never {});
    let mut response = Response::new(empty.boxed());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_METHODS, method);
    // Named one by one: `*` does not include `Authorization`.
    if let Some(headers) = wanted(ACCESS_CONTROL_REQUEST_HEADERS) {
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_HEADERS, headers);
    }
    allow(&mut response);
    Some(response)
}

/// Lets the page read the answer.
pub(super) fn allow(response: &mut Response<Body>) {
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
}
