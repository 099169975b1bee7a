//! `Container.withoutDefaultArgs`: removes the default arguments.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Removes the default arguments.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.withDefaultArgs(args: ["--help"]).withoutDefaultArgs.defaultArgs"# => r#"[]"#)]
pub struct WithoutDefaultArgs {}

impl Run for WithoutDefaultArgs {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        Ok(on.configured(|config| config.cmd = None))
    }
}
