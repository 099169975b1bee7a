//! `Query.directory`: an empty directory.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Query;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects;
use crate::operation::Run;

/// An empty directory.
#[derive(Operation)]
#[operation(on = "Query", returns = "Directory!")]
#[example(r##"directory.withNewFile(path: "README.md", contents: "# Hello\n").entries"## => r#"["README.md"]"#)]
pub struct Directory {}

impl Run for Directory {
    type On = Query;
    type Output = objects::directory::Directory;

    async fn run(self, _: Arc<Query>, _: &Cx) -> Result<objects::directory::Directory, OpError> {
        Ok(objects::directory::Directory::of_handle(crate::vertex::TreeHandle::empty()))
    }
}
