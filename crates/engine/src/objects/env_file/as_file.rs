//! `EnvFile.asFile`: the environment file as a file called `.env`, with values as they are written.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::EnvFile;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::file::File;
use crate::operation::Run;
use crate::vertex::TreeHandle;
use crate::vertex::edit::{Source, Step, edit};

/// The environment file as a file called `.env`, with values as they are written.
#[derive(Operation)]
#[operation(on = "EnvFile", returns = "File!")]
#[example(r#"envFile.withVariable(name: "GREETING", value: "hello").withVariable(name: "NAME", value: "world").asFile.contents"# => r#""GREETING=hello\nNAME=world\n""#)]
pub struct AsFile {}

impl Run for AsFile {
    type On = EnvFile;
    type Output = File;

    async fn run(self, on: Arc<EnvFile>, _: &Cx) -> Result<File, OpError> {
        let step = Step::NewFile {
            path: ".env".into(),
            content: Arc::from(on.text().into_bytes()),
            mode: 0o644,
            owner: None,
        };
        Ok(File { source: Source { tree: edit(TreeHandle::empty(), step), path: ".env".into() } })
    }
}
