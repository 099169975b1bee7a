//! `DiffStat.path`: the path; of a directory with a trailing `/`.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::DiffStat;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The path; of a directory with a trailing `/`.
#[derive(Operation)]
#[operation(on = "DiffStat", returns = "String!")]
#[example(r#"directory.withNewFile(path: "a.txt", contents: "one\n").changes(from: directory).diffStats.path"# => r#"["a.txt"]"#)]
pub struct Path {}

impl Run for Path {
    type On = DiffStat;
    type Output = String;

    async fn run(self, on: Arc<DiffStat>, _: &Cx) -> Result<String, OpError> {
        Ok(on.stat.path.clone())
    }
}
