//! Cache volumes.

use std::sync::Arc;

use kukri_engine_macros::ApiEnum;
use kukri_model::Encoder;
use kukri_model::schema::ObjectDef;

use crate::value::ObjectType;
use crate::vertex::TreeHandle;
use crate::vertex::edit::Source;

/// Description of the type.
pub const DEF: ObjectDef = ObjectDef {
    name: "CacheVolume",
    doc: "A directory for execs that outlives sessions and engines.",
    interfaces: &[],
};

/// A cache volume.
#[derive(Clone, Debug)]
pub struct CacheVolume {
    /// Its name.
    pub key: Arc<str>,
}

impl ObjectType for CacheVolume {
    const NAME: &'static str = "CacheVolume";
}

/// Whether execs may use a cache volume at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ApiEnum)]
pub enum CacheSharingMode {
    /// All at the same time.
    #[member(name = "SHARED")]
    Shared,
    /// One after the other.
    #[member(name = "PRIVATE")]
    Private,
    /// One after the other.
    #[member(name = "LOCKED")]
    Locked,
}

/// A volume as it is mounted.
#[derive(Debug)]
pub struct VolumeUse {
    /// Identity in the store.
    pub key: String,
    /// What to show for it.
    pub label: Arc<str>,
    /// What it holds when it is new.
    pub seed: Option<Source>,
    /// Whether execs may use it at the same time.
    pub sharing: CacheSharingMode,
    /// Owner of its root: a spec, and the tree that knows the names.
    pub owner: Option<(String, TreeHandle)>,
}

impl VolumeUse {
    /// Seed, owner and sharing are part of the identity where they are given: other values, other volume.
    #[must_use]
    pub fn new(
        volume: &CacheVolume,
        seed: Option<Source>,
        sharing: CacheSharingMode,
        owner: &str,
        rootfs: &TreeHandle,
    ) -> Self {
        let mut key = Encoder::new("kukri.volume.v1");
        key.str(&volume.key).str(crate::args::ApiEnum::name(sharing)).str(owner);
        if let Some(seed) = &seed {
            seed.tree.encode(&mut key);
            key.str(&seed.path);
        }
        Self {
            key: key.finish().hex(),
            label: Arc::clone(&volume.key),
            seed,
            sharing,
            owner: (!owner.is_empty()).then(|| (owner.to_owned(), rootfs.clone())),
        }
    }
}
