//! `Container.withEntrypoint`: sets the entrypoint, which is put before the arguments of execs that ask for it.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Sets the entrypoint, which is put before the arguments of execs that ask for it.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.from(address: "alpine").withEntrypoint(args: ["echo", "hello"]).withExec(args: ["world"], useEntrypoint: true).stdout"# => r#""hello world\n""#)]
#[example(r#"container.withDefaultArgs(args: ["--help"]).withEntrypoint(args: ["/app"]).defaultArgs"# => r#"[]"#)]
#[example(r#"container.withDefaultArgs(args: ["--help"]).withEntrypoint(args: ["/app"], keepDefaultArgs: true).defaultArgs"# => r#"["--help"]"#)]
pub struct WithEntrypoint {
    /// The entrypoint.
    args: Vec<String>,
    /// Do not remove the default arguments.
    #[arg(default = "false")]
    keep_default_args: bool,
}

impl Run for WithEntrypoint {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        Ok(on.configured(|config| {
            config.entrypoint = Some(self.args);
            if !self.keep_default_args {
                config.cmd = None;
            }
        }))
    }
}
