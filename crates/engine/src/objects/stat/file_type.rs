//! `Stat.fileType`: what it is.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Stat;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// What it is.
#[derive(Operation)]
#[operation(on = "Stat", returns = "FileType")]
#[example(r#"directory.withNewFile(path: "src/main.py", contents: "").stat(path: "src").fileType"# => r#""DIRECTORY""#)]
pub struct FileType {}

impl Run for FileType {
    type On = Stat;
    type Output = super::FileType;

    async fn run(self, on: Arc<Stat>, _: &Cx) -> Result<super::FileType, OpError> {
        Ok(super::FileType::of(on.stat.kind))
    }
}
