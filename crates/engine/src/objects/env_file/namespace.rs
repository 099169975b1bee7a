//! `EnvFile.namespace`: only the variables whose names start with a prefix, without the prefix.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::EnvFile;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Only the variables whose names start with a prefix, without the prefix.
///
/// Capitals and the way words are separated do not matter: `my-app` takes `MY_APP_TOKEN` and `myApp_token`.
/// References to variables that are left out are still replaced.
#[derive(Operation)]
#[operation(on = "EnvFile", returns = "EnvFile!")]
#[example(r#"envFile.withVariable(name: "APP_PORT", value: "80").withVariable(name: "DEBUG", value: "1").namespace(prefix: "app").variables.name"# => r#"["PORT"]"#)]
pub struct Namespace {
    /// The prefix; a `_` at its end can be left out.
    prefix: String,
}

impl Run for Namespace {
    type On = EnvFile;
    type Output = EnvFile;

    async fn run(self, on: Arc<EnvFile>, _: &Cx) -> Result<EnvFile, OpError> {
        Ok(on.namespace(&self.prefix))
    }
}
