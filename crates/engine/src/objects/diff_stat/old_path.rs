//! `DiffStat.oldPath`: the path before, of a renamed file; null for all others.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::DiffStat;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The path before, of a renamed file; null for all others.
#[derive(Operation)]
#[operation(on = "DiffStat", returns = "String")]
#[example(r#"directory.withNewFile(path: "new.txt", contents: "one\n").changes(from: directory.withNewFile(path: "old.txt", contents: "one\n")).diffStats.oldPath"# => r#"["old.txt"]"#)]
pub struct OldPath {}

impl Run for OldPath {
    type On = DiffStat;
    type Output = Option<String>;

    async fn run(self, on: Arc<DiffStat>, _: &Cx) -> Result<Option<String>, OpError> {
        Ok(on.stat.old_path.clone())
    }
}
