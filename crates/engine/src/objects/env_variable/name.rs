//! `EnvVariable.name`: its name.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::EnvVariable;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Its name.
#[derive(Operation)]
#[operation(on = "EnvVariable", returns = "String!")]
#[example(r#"container.withEnvVariable(name: "DEBUG", value: "1").withEnvVariable(name: "CI", value: "true").envVariables.name"# => r#"["DEBUG", "CI"]"#)]
pub struct Name {}

impl Run for Name {
    type On = EnvVariable;
    type Output = String;

    async fn run(self, on: Arc<EnvVariable>, _: &Cx) -> Result<String, OpError> {
        Ok(on.name.clone())
    }
}
