//! `File.sync`: computes the file, and gives its ID.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::File;
use crate::call::Call;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects;
use crate::operation::Run;

/// Computes the file, and gives its ID.
#[derive(Operation)]
#[operation(on = "File", returns = "ID!", expected = "File")]
#[example(r#"container.from(address: "alpine").withExec(args: ["sh", "-c", "echo done > /log"]).file(path: "/log").sync.contents"# => r#""done\n""#)]
pub struct Sync {}

impl Run for Sync {
    type On = File;
    type Output = Arc<Call>;

    async fn run(self, on: Arc<File>, cx: &Cx) -> Result<Arc<Call>, OpError> {
        objects::file_entry(cx, &on.source).await?;
        cx.receiver()
    }
}
