//! `File.size`: length in bytes.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::File;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects;
use crate::operation::Run;

/// Length in bytes.
#[derive(Operation)]
#[operation(on = "File", returns = "Int!")]
#[example(r#"file(name: "hello.txt", contents: "hello").size"# => r#"5"#)]
pub struct Size {}

impl Run for Size {
    type On = File;
    type Output = i64;

    async fn run(self, on: Arc<File>, cx: &Cx) -> Result<i64, OpError> {
        let (_, _, size) = objects::file_entry(cx, &on.source).await?;
        Ok(i64::try_from(size).unwrap_or(i64::MAX))
    }
}
