//! `EnvFile.get`: the value of a variable; empty if there is none.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::EnvFile;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The value of a variable; empty if there is none.
///
/// References are replaced by other variables of the file, or else by those of the client's environment; one
/// that is in neither is an error.
#[derive(Operation)]
#[operation(on = "EnvFile", returns = "String!", cache = "session")]
#[example(r#"host.file(path: ".env").asEnvFile.get(name: "GREETING")"# => r#""hello""#)]
#[example(r#"envFile.withVariable(name: "NAME", value: "world").withVariable(name: "TEXT", value: "hello ${NAME}").get(name: "TEXT")"# => r#""hello world""#)]
#[example(r#"envFile.withVariable(name: "NAME", value: "world").withVariable(name: "TEXT", value: "hello ${NAME}").get(name: "TEXT", raw: true)"# => r#""hello ${NAME}""#)]
#[example(r#"envFile.get(name: "MISSING")"# => r#""""#)]
pub struct Get {
    /// Which variable.
    name: String,
    /// Give the value as it is written: with its quotes, and with references in place.
    raw: Option<bool>,
}

impl Run for Get {
    type On = EnvFile;
    type Output = String;

    async fn run(self, on: Arc<EnvFile>, cx: &Cx) -> Result<String, OpError> {
        if self.raw == Some(true) {
            return Ok(on.raw(&self.name).unwrap_or_default().to_string());
        }
        if on.raw(&self.name).is_none() {
            return Ok(String::new());
        }
        let values = on.values(&[self.name.into()], cx).await?;
        Ok(values.into_iter().next().map(|(_, value)| value).unwrap_or_default())
    }
}
