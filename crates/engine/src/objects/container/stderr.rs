//! `Container.stderr`: the standard error of the last exec, as it came.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The standard error of the last exec, as it came.
#[derive(Operation)]
#[operation(on = "Container", returns = "String!")]
#[example(r#"container.from(address: "alpine").withExec(args: ["sh", "-c", "echo oh no >&2"]).stderr"# => r#""oh no\n""#)]
pub struct Stderr {}

impl Run for Stderr {
    type On = Container;
    type Output = String;

    async fn run(self, on: Arc<Container>, cx: &Cx) -> Result<String, OpError> {
        let output = on.last_output(cx).await?;
        cx.engine.read_output(&output.stderr).await
    }
}
