//! `Query.changeset`: a changeset without changes.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Query;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects;
use crate::operation::Run;
use crate::vertex::TreeHandle;
use crate::vertex::edit::Source;

/// A changeset without changes.
#[derive(Operation)]
#[operation(on = "Query", returns = "Changeset!")]
#[example(r#"changeset.isEmpty"# => r#"true"#)]
#[example(r#"changeset.withChangeset(changes: directory.withNewFile(path: "a.txt", contents: "").changes(from: directory)).addedPaths"# => r#"["a.txt"]"#)]
pub struct Changeset {}

impl Run for Changeset {
    type On = Query;
    type Output = objects::changeset::Changeset;

    async fn run(self, _: Arc<Query>, _: &Cx) -> Result<objects::changeset::Changeset, OpError> {
        let empty = Source { tree: TreeHandle::empty(), path: "".into() };
        Ok(objects::changeset::Changeset { before: empty.clone(), after: empty })
    }
}
