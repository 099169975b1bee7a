//! `Container.rootfs`: the root file system, without mounts.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::directory::Directory;
use crate::operation::Run;
use crate::vertex::edit::Source;

/// The root file system, without mounts.
#[derive(Operation)]
#[operation(on = "Container", returns = "Directory!")]
#[example(r#"container.withNewFile(path: "/etc/motd", contents: "hi").withMountedTemp(path: "/tmp").rootfs.glob(pattern: "**")"# => r#"["etc/", "etc/motd"]"#)]
pub struct Rootfs {}

impl Run for Rootfs {
    type On = Container;
    type Output = Directory;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Directory, OpError> {
        Ok(Directory { source: Source { tree: on.rootfs.clone(), path: "".into() } })
    }
}
