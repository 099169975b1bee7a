//! `Secret.plaintext`: the value. Nothing that the engine keeps or shows has it.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Secret;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The value, looked up anew where the client has it. Nothing that the engine keeps or shows has it.
#[derive(Operation)]
#[operation(on = "Secret", returns = "String!", cache = "never")]
#[example(r#"setSecret(name: "token", plaintext: "s3cr3t").plaintext"# => r#""s3cr3t""#)]
pub struct Plaintext {}

impl Run for Plaintext {
    type On = Secret;
    type Output = String;

    async fn run(self, on: Arc<Secret>, cx: &Cx) -> Result<String, OpError> {
        let value = cx.session.secret_of_now(&on).await?;
        String::from_utf8(value.to_vec())
            .map_err(|_| OpError::new("the secret is not text; mount it as a file instead"))
    }
}
