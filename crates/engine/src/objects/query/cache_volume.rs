//! `Query.cacheVolume`: A cache volume: a directory for execs that outlives sessions and engines.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Query;
use crate::args::Ref;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::cache_volume::{CacheSharingMode, CacheVolume};
use crate::objects::directory::Directory;
use crate::operation::Run;

/// A cache volume: a directory for execs that outlives sessions and engines.
///
/// Other first contents, sharing or owner make another volume, though the key is the same.
#[derive(Operation)]
#[operation(on = "Query", returns = "CacheVolume!", name = "cacheVolume")]
#[example(r#"container.from(address: "alpine").withMountedCache(path: "/cache", cache: cacheVolume(key: "pip")).withExec(args: ["touch", "/cache/wheel"]).sync; container.from(address: "alpine").withMountedCache(path: "/cache", cache: cacheVolume(key: "pip")).withExec(args: ["ls", "/cache"]).stdout"# => r#""wheel\n""#)]
pub struct GetCacheVolume {
    /// Its name: the same key is the same volume.
    key: String,
    /// What the volume holds when it is used for the first time. Default: nothing.
    source: Option<Ref<Directory>>,
    /// Whether execs may use it at the same time.
    #[arg(default = "SHARED")]
    sharing: CacheSharingMode,
    /// `user[:group]` of the volume's root; names are looked up in the container that uses it first. Empty: root.
    #[arg(default = "\"\"")]
    owner: String,
}

impl Run for GetCacheVolume {
    type On = Query;
    type Output = CacheVolume;

    async fn run(self, _: Arc<Query>, _: &Cx) -> Result<CacheVolume, OpError> {
        Ok(CacheVolume {
            key: self.key.into(),
            source: self.source.map(|source| source.object.source.clone()),
            sharing: self.sharing,
            owner: self.owner.into(),
        })
    }
}
