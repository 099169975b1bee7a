//! `Container.withMountedCache`: mounts a cache volume: a directory that outlives execs, sessions and engines.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::args::Ref;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::cache_volume::{CacheSharingMode, CacheVolume, VolumeUse};
use crate::objects::directory::Directory;
use crate::operation::Run;
use crate::vertex::exec::{ExecMount, MountKind};

/// Mounts a cache volume: a directory that outlives execs, sessions and engines.
///
/// Its contents are part of no cache key and of no image.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.from(address: "alpine").withMountedCache(path: "/root/.npm", cache: cacheVolume(key: "npm")).withExec(args: ["touch", "/root/.npm/left-pad"]).sync; container.from(address: "alpine").withMountedCache(path: "/root/.npm", cache: cacheVolume(key: "npm")).withExec(args: ["ls", "/root/.npm"]).stdout"# => r#""left-pad\n""#)]
#[example(r#"container.from(address: "alpine").withMountedCache(path: "/src", cache: cacheVolume(key: "seeded"), source: host.directory(path: "src"), sharing: LOCKED, owner: "nobody").withExec(args: ["stat", "-c", "%U", "/src"]).stdout"# => r#""nobody\n""#)]
pub struct WithMountedCache {
    /// Where, in the container.
    path: String,
    /// The volume.
    cache: Ref<CacheVolume>,
    /// What the volume holds when it is used for the first time. Part of the volume's identity.
    source: Option<Ref<Directory>>,
    /// Whether execs may use it at the same time.
    #[arg(default = "SHARED")]
    sharing: CacheSharingMode,
    /// `user[:group]` of the volume's root. Empty: root. Part of the volume's identity.
    #[arg(default = "\"\"")]
    owner: String,
    /// Replace `$NAME` and `${NAME}` in the path by the container's variables.
    #[arg(default = "false")]
    expand: bool,
}

impl Run for WithMountedCache {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        let path = on.path(&self.path, self.expand)?;
        let volume = VolumeUse::new(
            &self.cache.object,
            self.source.map(|source| source.object.source.clone()),
            self.sharing,
            &self.owner,
            &on.rootfs,
        );
        Ok(on.mounted(ExecMount { path: path.into(), kind: MountKind::Cache(Arc::new(volume)) }))
    }
}
