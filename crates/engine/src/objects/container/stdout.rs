//! `Container.stdout`: the standard output of the last exec, as it came.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The standard output of the last exec, as it came.
///
/// Runs the exec if that was not done yet. Without any exec it is an error.
#[derive(Operation)]
#[operation(on = "Container", returns = "String!")]
#[example(r#"container.from(address: "alpine").withExec(args: ["echo", "hello"]).stdout"# => r#""hello\n""#)]
#[example(r#"container.from(address: "alpine").stdout"# => r#"raises "no command has been set""#)]
pub struct Stdout {}

impl Run for Stdout {
    type On = Container;
    type Output = String;

    async fn run(self, on: Arc<Container>, cx: &Cx) -> Result<String, OpError> {
        let output = on.last_output(cx).await?;
        cx.engine.read_output(&output.stdout).await
    }
}
