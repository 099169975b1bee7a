//! `Container.envVariables`: the environment variables, in order. Those set from secrets are left out.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::env_variable::EnvVariable;
use crate::operation::Run;

/// The environment variables, in order. Those set from secrets are left out.
#[derive(Operation)]
#[operation(on = "Container", returns = "[EnvVariable!]!")]
#[example(r#"container.withEnvVariable(name: "DEBUG", value: "1").withEnvVariable(name: "CI", value: "true").envVariables.name"# => r#"["DEBUG", "CI"]"#)]
pub struct EnvVariables {}

impl Run for EnvVariables {
    type On = Container;
    type Output = Vec<EnvVariable>;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Vec<EnvVariable>, OpError> {
        let variable =
            |(name, value): &(String, String)| EnvVariable { name: name.clone(), value: value.clone() };
        Ok(on.config.env.iter().map(variable).collect())
    }
}
