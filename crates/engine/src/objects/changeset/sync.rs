//! `Changeset.sync`: computes both states, and gives the ID of the changeset.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Changeset;
use crate::call::Call;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Computes both states, and gives the ID of the changeset.
#[derive(Operation)]
#[operation(on = "Changeset", returns = "ID!", expected = "Changeset")]
#[example(r#"directory.withNewFile(path: "a.txt", contents: "").changes(from: directory).sync.addedPaths"# => r#"["a.txt"]"#)]
pub struct Sync {}

impl Run for Sync {
    type On = Changeset;
    type Output = Arc<Call>;

    async fn run(self, on: Arc<Changeset>, cx: &Cx) -> Result<Arc<Call>, OpError> {
        on.compare(cx, |_, _, _| Ok(())).await?;
        cx.receiver()
    }
}
