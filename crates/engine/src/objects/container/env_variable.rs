//! `Container.envVariable`: the value of an environment variable; null if it is not set.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The value of an environment variable; null if it is not set.
#[derive(Operation)]
#[operation(on = "Container", returns = "String")]
#[example(r#"container.withEnvVariable(name: "DEBUG", value: "1").envVariable(name: "DEBUG")"# => r#""1""#)]
#[example(r#"container.envVariable(name: "DEBUG")"# => r#"null"#)]
pub struct EnvVariable {
    /// Name of the variable.
    name: String,
}

impl Run for EnvVariable {
    type On = Container;
    type Output = Option<String>;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Option<String>, OpError> {
        Ok(on.config.env_var(&self.name).map(str::to_owned))
    }
}
