//! `Query.container`: an empty container.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Query;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects;
use crate::operation::Run;

/// An empty container.
#[derive(Operation)]
#[operation(on = "Query", returns = "Container!")]
#[example(r#"container.from(address: "alpine").withExec(args: ["echo", "hello"]).stdout"# => r#""hello\n""#)]
#[example(r#"container(platform: "linux/arm64").platform"# => r#""linux/arm64""#)]
pub struct Container {
    /// What images are taken for, and what the container is. Default: that of the engine.
    platform: Option<kukri_model::Platform>,
}

impl Run for Container {
    type On = Query;
    type Output = objects::container::Container;

    async fn run(self, _: Arc<Query>, _: &Cx) -> Result<objects::container::Container, OpError> {
        Ok(objects::container::Container::scratch(self.platform.unwrap_or_else(kukri_model::Platform::host)))
    }
}
