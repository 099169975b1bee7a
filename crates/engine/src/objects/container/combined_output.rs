//! `Container.combinedOutput`: both outputs of the last exec, in the order in which they came.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Both outputs of the last exec, in the order in which they were read. They come through two pipes, so what is written to
/// both within the same millisecond may be swapped.
#[derive(Operation)]
#[operation(on = "Container", returns = "String!")]
#[example(r#"container.from(address: "alpine").withExec(args: ["sh", "-c", "echo out; sleep 0.2; echo err >&2"]).combinedOutput"# => r#""out\nerr\n""#)]
pub struct CombinedOutput {}

impl Run for CombinedOutput {
    type On = Container;
    type Output = String;

    async fn run(self, on: Arc<Container>, cx: &Cx) -> Result<String, OpError> {
        let output = on.last_output(cx).await?;
        cx.engine.read_output(&output.combined).await
    }
}
