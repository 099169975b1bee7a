//! Requests against the engine's own registry.
use std::sync::Arc;

use kukri_engine::{Engine, Session};

use crate::{Api, ApiConfig, Request, View};

#[tokio::test]
async fn version() {
    let api = Api::new(Engine::new(), &ApiConfig::default());
    let session = Arc::new(Session::new("s".to_owned()));
    let request = Request { query: "{ version }".to_owned(), ..Request::default() };
    let answer = api.execute(&session, View::DEFAULT, &request).await;
    assert_eq!(answer.body, "{\"data\":{\"version\":\"v0.21.8\"}}");
}
