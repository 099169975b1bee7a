//! `EnvVariable.value`: its value.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::EnvVariable;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Its value.
#[derive(Operation)]
#[operation(on = "EnvVariable", returns = "String!")]
#[example(r#"container.withEnvVariable(name: "DEBUG", value: "1").withEnvVariable(name: "CI", value: "true").envVariables.value"# => r#"["1", "true"]"#)]
pub struct Value {}

impl Run for Value {
    type On = EnvVariable;
    type Output = String;

    async fn run(self, on: Arc<EnvVariable>, _: &Cx) -> Result<String, OpError> {
        Ok(on.value.clone())
    }
}
