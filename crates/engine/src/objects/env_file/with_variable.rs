//! `EnvFile.withVariable`: sets a variable.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::EnvFile;
use super::parse::is_name;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Sets a variable.
///
/// The value is text of an environment file, not the value that comes out: quotes and references are looked at when the
/// variable is read, so `it's fine` is an error there. Quote what is to be taken as it is (`"it's fine"`, `'costs $5'`), or
/// write a backslash before the character (`it\'s fine`). `get` with `raw` gives the text as it was given.
#[derive(Operation)]
#[operation(on = "EnvFile", returns = "EnvFile!")]
#[example(r#"host.file(path: ".env").asEnvFile.withVariable(name: "NAME", value: "moon").variables.value"# => r#"["hello", "moon"]"#)]
#[example(r#"envFile.withVariable(name: "TEXT", value: "\"it's fine\"").get(name: "TEXT")"# => r#""it's fine""#)]
#[example(r#"envFile.withVariable(name: "TEXT", value: "it's fine").get(name: "TEXT")"# => r#"raises "without its end""#)]
#[example(r#"envFile.withVariable(name: "TEXT", value: "it's fine").get(name: "TEXT", raw: true)"# => r#""it's fine""#)]
pub struct WithVariable {
    /// Its name.
    name: String,
    /// Its value as it is written in a file: quotes and references mean what they mean there.
    value: String,
}

impl Run for WithVariable {
    type On = EnvFile;
    type Output = EnvFile;

    async fn run(self, on: Arc<EnvFile>, _: &Cx) -> Result<EnvFile, OpError> {
        if !is_name(&self.name) {
            return Err(OpError::new(format!("{:?} cannot be the name of a variable", self.name)));
        }
        Ok(on.with(&self.name, &self.value))
    }
}
