//! `Secret.uri`: where a secret is looked up; empty for one made by `setSecret`.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Secret;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Where a secret is looked up; empty for one made by `setSecret`.
#[derive(Operation)]
#[operation(on = "Secret", returns = "String!")]
#[example(r#"secret(uri: "env://HOME").uri"# => r#""env://HOME""#)]
pub struct Uri {}

impl Run for Uri {
    type On = Secret;
    type Output = String;

    async fn run(self, on: Arc<Secret>, _: &Cx) -> Result<String, OpError> {
        Ok(on.uri.to_string())
    }
}
