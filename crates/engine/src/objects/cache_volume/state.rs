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
    /// What it holds when it is new.
    pub source: Option<Source>,
    /// Whether execs may use it at the same time.
    pub sharing: CacheSharingMode,
    /// Owner of its root; empty: root.
    pub owner: Arc<str>,
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
    /// A volume as a mount says it; what the mount leaves open is as the volume says. Seed, owner and sharing are part of
    /// the identity: other values, other volume.
    #[must_use]
    pub fn new(
        volume: &CacheVolume,
        seed: Option<Source>,
        sharing: CacheSharingMode,
        owner: &str,
        rootfs: &TreeHandle,
    ) -> Self {
        let seed = seed.or_else(|| volume.source.clone());
        let sharing = if sharing == CacheSharingMode::Shared { volume.sharing } else { sharing };
        let owner = if owner.is_empty() { &*volume.owner } else { owner };
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

#[cfg(test)]
mod tests {
    use super::*;

    fn key(volume: &CacheVolume, seed: Option<Source>, sharing: CacheSharingMode, owner: &str) -> String {
        VolumeUse::new(volume, seed, sharing, owner, &TreeHandle::empty()).key
    }

    #[test]
    fn what_is_said_of_a_volume_or_of_its_mount_is_the_same() {
        use CacheSharingMode::{Locked, Private, Shared};
        let seed = || Some(Source { tree: TreeHandle::empty(), path: "a".into() });
        let plain = CacheVolume { key: "k".into(), source: None, sharing: Shared, owner: "".into() };
        let full = CacheVolume { source: seed(), sharing: Locked, owner: "1000".into(), ..plain.clone() };
        assert_eq!(key(&full, None, Shared, ""), key(&plain, seed(), Locked, "1000"));
        let keys = [
            key(&plain, None, Shared, ""),
            key(&plain, None, Locked, ""),
            key(&plain, None, Private, ""),
            key(&plain, seed(), Shared, ""),
            key(&plain, None, Shared, "1000"),
            key(&CacheVolume { key: "l".into(), ..plain.clone() }, None, Shared, ""),
        ];
        let different: std::collections::HashSet<&String> = keys.iter().collect();
        assert_eq!(different.len(), keys.len());
        // A mount says more than its volume.
        assert_eq!(key(&full, None, Private, "0"), key(&plain, seed(), Private, "0"));
    }
}
