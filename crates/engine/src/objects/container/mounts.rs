//! `Container.mounts`: the paths where something is mounted, in order.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The paths where something is mounted, in order.
#[derive(Operation)]
#[operation(on = "Container", returns = "[String!]!")]
#[example(r#"container.withMountedTemp(path: "/tmp").withMountedCache(path: "/cache", cache: cacheVolume(key: "pip")).mounts"# => r#"["/tmp", "/cache"]"#)]
pub struct Mounts {}

impl Run for Mounts {
    type On = Container;
    type Output = Vec<String>;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Vec<String>, OpError> {
        Ok(on.mounts.iter().map(|mount| mount.path.to_string()).collect())
    }
}
