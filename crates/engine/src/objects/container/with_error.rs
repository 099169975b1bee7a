//! `Container.withError`: makes whatever is asked of the container from here on fail with a message. An empty message changes
//! nothing.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Makes whatever is asked of the container from here on fail with a message. An empty message changes nothing.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.from(address: "alpine").withError(err: "the tests need a database").withExec(args: ["true"]).exitCode"# => r#"raises "the tests need a database""#)]
#[example(r#"container.from(address: "alpine").withError(err: "").withExec(args: ["true"]).exitCode"# => r#"0"#)]
pub struct WithError {
    /// The message.
    err: String,
}

impl Run for WithError {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        if self.err.is_empty() {
            return Ok(Container::clone(&on));
        }
        Ok(Container { error: Some(self.err.into()), ..on.changed() })
    }
}
