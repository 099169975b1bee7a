//! `DiffStat.kind`: what happened.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::DiffStat;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// What happened.
#[derive(Operation)]
#[operation(on = "DiffStat", returns = "DiffStatKind!")]
#[example(r#"directory.withNewFile(path: "a.txt", contents: "one\n").changes(from: directory).diffStats.kind"# => r#"["ADDED"]"#)]
pub struct Kind {}

impl Run for Kind {
    type On = DiffStat;
    type Output = super::DiffStatKind;

    async fn run(self, on: Arc<DiffStat>, _: &Cx) -> Result<super::DiffStatKind, OpError> {
        Ok(super::DiffStatKind::of(on.stat.kind))
    }
}
