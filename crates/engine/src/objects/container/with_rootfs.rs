//! `Container.withRootfs`: replaces the root file system; configuration and mounts stay.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::args::Ref;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::directory::Directory;
use crate::operation::Run;

/// Replaces the root file system; configuration and mounts stay.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.withEnvVariable(name: "CI", value: "true").withRootfs(directory: directory.withNewFile(path: "a", contents: "")).rootfs.entries"# => r#"["a"]"#)]
pub struct WithRootfs {
    /// The new root.
    directory: Ref<Directory>,
}

impl Run for WithRootfs {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        let mut next = on.changed();
        next.rootfs = self.directory.object.source.root();
        next.rootfs_given = true;
        Ok(next)
    }
}
