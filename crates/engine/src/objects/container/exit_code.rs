//! `Container.exitCode`: the exit status of the last exec.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The exit status of the last exec.
#[derive(Operation)]
#[operation(on = "Container", returns = "Int!")]
#[example(r#"container.from(address: "alpine").withExec(args: ["grep", "-q", "bash", "/etc/passwd"], expect: ANY).exitCode"# => r#"1"#)]
pub struct ExitCode {}

impl Run for ExitCode {
    type On = Container;
    type Output = i64;

    async fn run(self, on: Arc<Container>, cx: &Cx) -> Result<i64, OpError> {
        Ok(i64::from(on.last_output(cx).await?.exit_code))
    }
}
