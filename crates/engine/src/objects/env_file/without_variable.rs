//! `EnvFile.withoutVariable`: removes a variable.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::EnvFile;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Removes a variable.
#[derive(Operation)]
#[operation(on = "EnvFile", returns = "EnvFile!")]
#[example(r#"host.file(path: ".env").asEnvFile.withoutVariable(name: "NAME").variables.name"# => r#"["GREETING"]"#)]
pub struct WithoutVariable {
    /// Its name.
    name: String,
}

impl Run for WithoutVariable {
    type On = EnvFile;
    type Output = EnvFile;

    async fn run(self, on: Arc<EnvFile>, _: &Cx) -> Result<EnvFile, OpError> {
        Ok(on.without(&self.name))
    }
}
