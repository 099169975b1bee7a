//! `Changeset.isEmpty`: whether nothing changed. Modification times do not count.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Changeset;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Whether nothing changed. Modification times do not count.
#[derive(Operation)]
#[operation(on = "Changeset", returns = "Boolean!")]
#[example(r#"directory.withNewFile(path: "a.txt", contents: "").changes(from: directory).isEmpty"# => r#"false"#)]
#[example(r#"directory.changes(from: directory).isEmpty"# => r#"true"#)]
pub struct IsEmpty {}

impl Run for IsEmpty {
    type On = Changeset;
    type Output = bool;

    async fn run(self, on: Arc<Changeset>, cx: &Cx) -> Result<bool, OpError> {
        on.compare(cx, |_, before, after| Ok(before.content == after.content)).await
    }
}
