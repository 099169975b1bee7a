//! `DiffStat.removedLines`: lines that are gone; 0 for binary files.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::DiffStat;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Lines that are gone; 0 for binary files.
#[derive(Operation)]
#[operation(on = "DiffStat", returns = "Int!")]
#[example(r#"directory.withNewFile(path: "a.txt", contents: "one\n").changes(from: directory.withNewFile(path: "a.txt", contents: "one\ntwo\n")).diffStats.removedLines"# => r#"[1]"#)]
pub struct RemovedLines {}

impl Run for RemovedLines {
    type On = DiffStat;
    type Output = i64;

    async fn run(self, on: Arc<DiffStat>, _: &Cx) -> Result<i64, OpError> {
        Ok(i64::try_from(on.stat.removed).unwrap_or(i64::MAX))
    }
}
