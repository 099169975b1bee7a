//! `Query.envFile`: an empty environment file.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Query;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::env_file::EnvFile;
use crate::operation::Run;

/// An empty environment file.
#[derive(Operation)]
#[operation(on = "Query", returns = "EnvFile!", name = "envFile")]
#[example(r#"envFile.withVariable(name: "GREETING", value: "hello").asFile.contents"# => r#""GREETING=hello\n""#)]
pub struct GetEnvFile {
    /// Replace references to variables.
    #[arg(
        deprecated = "References are always replaced, unless a value is asked for as it is written.",
        no_effect = "references are always replaced"
    )]
    expand: Option<bool>,
}

impl Run for GetEnvFile {
    type On = Query;
    type Output = EnvFile;

    async fn run(self, _: Arc<Query>, _: &Cx) -> Result<EnvFile, OpError> {
        Ok(EnvFile::default())
    }
}
