//! `EnvFile.variables`: all variables, in order; of several with one name only the last.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::EnvFile;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::env_variable::EnvVariable;
use crate::operation::Run;

/// All variables, in order; of several with one name only the last.
#[derive(Operation)]
#[operation(on = "EnvFile", returns = "[EnvVariable!]!", cache = "session")]
#[example(r#"host.file(path: ".env").asEnvFile.variables.value"# => r#"["hello", "world"]"#)]
#[example(r#"file(name: ".env", contents: "NAME='world'\n").asEnvFile.variables(raw: true).value"# => r#"["'world'"]"#)]
pub struct Variables {
    /// Give values as they are written: with their quotes, and with references in place.
    raw: Option<bool>,
}

impl Run for Variables {
    type On = EnvFile;
    type Output = Vec<EnvVariable>;

    async fn run(self, on: Arc<EnvFile>, cx: &Cx) -> Result<Vec<EnvVariable>, OpError> {
        let variables = on.variables();
        let variable = |name: &str, value: String| EnvVariable { name: name.to_owned(), value };
        if self.raw == Some(true) {
            return Ok(variables.iter().map(|(name, raw)| variable(name, raw.to_string())).collect());
        }
        let names: Vec<Arc<str>> = variables.into_iter().map(|(name, _)| name).collect();
        let values = on.values(&names, cx).await?;
        Ok(values.into_iter().map(|(name, value)| variable(&name, value)).collect())
    }
}
