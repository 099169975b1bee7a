//! `Container.withDefaultArgs`: sets the arguments of execs that have none.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Sets the arguments of execs that have none.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.from(address: "alpine").withDefaultArgs(args: ["echo", "hello"]).withExec(args: []).stdout"# => r#""hello\n""#)]
pub struct WithDefaultArgs {
    /// The arguments; an empty list means none.
    args: Vec<String>,
}

impl Run for WithDefaultArgs {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        Ok(on.configured(|config| config.cmd = Some(self.args)))
    }
}
