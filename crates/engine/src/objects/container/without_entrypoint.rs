//! `Container.withoutEntrypoint`: removes the entrypoint.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Removes the entrypoint.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.withEntrypoint(args: ["/app"]).withoutEntrypoint.entrypoint"# => r#"[]"#)]
#[example(r#"container.withDefaultArgs(args: ["--help"]).withoutEntrypoint(keepDefaultArgs: true).defaultArgs"# => r#"["--help"]"#)]
pub struct WithoutEntrypoint {
    /// Do not remove the default arguments.
    #[arg(default = "false")]
    keep_default_args: bool,
}

impl Run for WithoutEntrypoint {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        Ok(on.configured(|config| {
            config.entrypoint = None;
            if !self.keep_default_args {
                config.cmd = None;
            }
        }))
    }
}
