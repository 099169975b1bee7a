//! `Container.withUser`: sets the user of later execs.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Sets the user of later execs.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.from(address: "alpine").withUser(name: "nobody").withExec(args: ["id", "-un"]).stdout"# => r#""nobody\n""#)]
#[example(r#"container.from(address: "alpine").withUser(name: "1000:100").withExec(args: ["sh", "-c", "echo $(id -u):$(id -g)"]).stdout"# => r#""1000:100\n""#)]
pub struct WithUser {
    /// `user`, `uid`, `user:group` or `uid:gid`; names are looked up in the container when an exec starts.
    name: String,
}

impl Run for WithUser {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        Ok(on.configured(|config| config.user = self.name))
    }
}
