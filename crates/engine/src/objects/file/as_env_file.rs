//! `File.asEnvFile`: the file as an environment file.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::File;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::env_file::EnvFile;
use crate::objects::env_file::parse::parse;
use crate::objects::file_text;
use crate::operation::Run;

/// The file as an environment file.
///
/// Lines are `NAME=value`, with or without `export` before them; empty ones and those that start with `#`
/// mean nothing. A value that begins with a quote may have several lines.
#[derive(Operation)]
#[operation(on = "File", returns = "EnvFile!")]
#[example(r#"host.file(path: ".env").asEnvFile.get(name: "NAME")"# => r#""world""#)]
pub struct AsEnvFile {
    /// Replace references to variables.
    #[arg(
        deprecated = "References are always replaced, unless a value is asked for as it is written.",
        no_effect = "references are always replaced"
    )]
    expand: Option<bool>,
}

impl Run for AsEnvFile {
    type On = File;
    type Output = EnvFile;

    async fn run(self, on: Arc<File>, cx: &Cx) -> Result<EnvFile, OpError> {
        let text = file_text(cx, &on.source).await?;
        parse(&text).map_err(|error| OpError::new(format!("{}: {error}", on.source.path)))
    }
}
