//! `Directory.sync`: computes the directory, and gives its ID.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Directory;
use crate::call::Call;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects;
use crate::operation::Run;

/// Computes the directory, and gives its ID.
#[derive(Operation)]
#[operation(on = "Directory", returns = "ID!", expected = "Directory")]
#[example(r#"directory.withNewFile(path: "hello.txt", contents: "hello").sync.entries"# => r#"["hello.txt"]"#)]
pub struct Sync {}

impl Run for Sync {
    type On = Directory;
    type Output = Arc<Call>;

    async fn run(self, on: Arc<Directory>, cx: &Cx) -> Result<Arc<Call>, OpError> {
        objects::read_directory(cx, &on.source, |_, _| Ok(())).await?;
        cx.receiver()
    }
}
