//! `EnvFile.exists`: whether there is a variable of a name.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::EnvFile;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Whether there is a variable of a name.
#[derive(Operation)]
#[operation(on = "EnvFile", returns = "Boolean!")]
#[example(r#"host.file(path: ".env").asEnvFile.exists(name: "GREETING")"# => r#"true"#)]
#[example(r#"host.file(path: ".env").asEnvFile.exists(name: "MISSING")"# => r#"false"#)]
pub struct Exists {
    /// Which name.
    name: String,
}

impl Run for Exists {
    type On = EnvFile;
    type Output = bool;

    async fn run(self, on: Arc<EnvFile>, _: &Cx) -> Result<bool, OpError> {
        Ok(on.raw(&self.name).is_some())
    }
}
