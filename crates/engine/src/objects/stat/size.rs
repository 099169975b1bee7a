//! `Stat.size`: length in bytes; 4096 for a directory.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Stat;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Length in bytes; 4096 for a directory.
#[derive(Operation)]
#[operation(on = "Stat", returns = "Int!")]
#[example(r#"directory.withNewFile(path: "hello.txt", contents: "hello").stat(path: "hello.txt").size"# => r#"5"#)]
pub struct Size {}

impl Run for Size {
    type On = Stat;
    type Output = i64;

    async fn run(self, on: Arc<Stat>, _: &Cx) -> Result<i64, OpError> {
        Ok(i64::try_from(on.stat.size).unwrap_or(i64::MAX))
    }
}
