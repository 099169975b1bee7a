//! `POST /v1/admin/<verb>`: what the command line asks of a running engine.

use std::sync::Arc;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use kukri_engine::operation::BoxFuture;
use serde_json::Value as Json;

use super::answer::{Answer, json};

/// Where the verbs are.
pub(super) const PREFIX: &str = "/v1/admin/";

/// Largest body, in bytes.
const MAX_BODY: usize = 1 << 20;

/// Answers a verb with its JSON.
pub type AdminHandler =
    Arc<dyn Fn(String, Json) -> BoxFuture<'static, Result<Json, AdminError>> + Send + Sync>;

/// Why a verb failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdminError {
    /// 404.
    #[error("this engine does not know {0:?}: it may be older than the command that asks")]
    UnknownVerb(String),
    /// 400.
    #[error("{0}")]
    BadRequest(String),
    /// 500.
    #[error("{0}")]
    Failed(String),
}

pub(super) async fn answer(handler: Option<&AdminHandler>, request: Request<Incoming>) -> Answer {
    let verb = request.uri().path()[PREFIX.len()..].to_owned();
    if request.method() != Method::POST {
        return refuse(StatusCode::METHOD_NOT_ALLOWED, "ask with POST");
    }
    let body = match Limited::new(request.into_body(), MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return refuse(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let body = if body.is_empty() { Ok(Json::Null) } else { serde_json::from_slice(&body) };
    let body = match body {
        Ok(body) => body,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, &format!("the body is not JSON: {error}")),
    };
    let result = match handler {
        Some(handler) => handler(verb, body).await,
        None => Err(AdminError::UnknownVerb(verb)),
    };
    match result {
        Ok(answer) => json(StatusCode::OK, answer.to_string()),
        Err(error) => {
            let status = match &error {
                AdminError::UnknownVerb(_) => StatusCode::NOT_FOUND,
                AdminError::BadRequest(_) => StatusCode::BAD_REQUEST,
                AdminError::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
            };
            refuse(status, &error.to_string())
        }
    }
}

fn refuse(status: StatusCode, error: &str) -> Answer {
    json(status, serde_json::json!({ "error": error }).to_string())
}
