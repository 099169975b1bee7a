//! `DiffStat.addedLines`: lines that are new; 0 for binary files.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::DiffStat;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Lines that are new; 0 for binary files.
#[derive(Operation)]
#[operation(on = "DiffStat", returns = "Int!")]
#[example(r#"directory.withNewFile(path: "a.txt", contents: "one\ntwo\n").changes(from: directory.withNewFile(path: "a.txt", contents: "one\n")).diffStats.addedLines"# => r#"[1]"#)]
pub struct AddedLines {}

impl Run for AddedLines {
    type On = DiffStat;
    type Output = i64;

    async fn run(self, on: Arc<DiffStat>, _: &Cx) -> Result<i64, OpError> {
        Ok(i64::try_from(on.stat.added).unwrap_or(i64::MAX))
    }
}
