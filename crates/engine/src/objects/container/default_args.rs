//! `Container.defaultArgs`: the default arguments.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The default arguments.
#[derive(Operation)]
#[operation(on = "Container", returns = "[String!]!")]
#[example(r#"container.withDefaultArgs(args: ["serve", "--port", "80"]).defaultArgs"# => r#"["serve", "--port", "80"]"#)]
pub struct DefaultArgs {}

impl Run for DefaultArgs {
    type On = Container;
    type Output = Vec<String>;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Vec<String>, OpError> {
        Ok(on.config.cmd.clone().unwrap_or_default())
    }
}
