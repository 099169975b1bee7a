//! `Secret.name`: the name of a secret made by `setSecret`; empty for others.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Secret;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The name of a secret made by `setSecret`; empty for others.
#[derive(Operation)]
#[operation(on = "Secret", returns = "String!")]
#[example(r#"setSecret(name: "token", plaintext: "s3cr3t").name"# => r#""token""#)]
pub struct Name {}

impl Run for Name {
    type On = Secret;
    type Output = String;

    async fn run(self, on: Arc<Secret>, _: &Cx) -> Result<String, OpError> {
        Ok(on.name.to_string())
    }
}
