//! `Container.withoutUser`: sets the user of later execs back to root.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Sets the user of later execs back to root.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.from(address: "alpine").withUser(name: "nobody").withoutUser.withExec(args: ["id", "-un"]).stdout"# => r#""root\n""#)]
pub struct WithoutUser {}

impl Run for WithoutUser {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        Ok(on.configured(|config| config.user.clear()))
    }
}
