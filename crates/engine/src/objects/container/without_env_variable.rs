//! `Container.withoutEnvVariable`: removes an environment variable. One that is not set is no error.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Removes an environment variable. One that is not set is no error.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.withEnvVariable(name: "DEBUG", value: "1").withoutEnvVariable(name: "DEBUG").envVariable(name: "DEBUG")"# => r#"null"#)]
pub struct WithoutEnvVariable {
    /// Name of the variable.
    name: String,
}

impl Run for WithoutEnvVariable {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        Ok(on.configured(|config| config.env.retain(|(name, _)| *name != self.name)))
    }
}
