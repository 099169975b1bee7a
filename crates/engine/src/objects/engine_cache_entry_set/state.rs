//! What the cache held at one moment.

use std::sync::Arc;

use kukri_model::schema::ObjectDef;
use kukri_store::Entry;

use crate::value::ObjectType;

/// Description of the type.
pub const DEF: ObjectDef =
    ObjectDef { name: "EngineCacheEntrySet", doc: "What the cache held at one moment.", interfaces: &[] };

/// A list of entries.
pub struct EngineCacheEntrySet {
    /// The entries.
    pub entries: Vec<Arc<Entry>>,
}

impl ObjectType for EngineCacheEntrySet {
    const NAME: &'static str = "EngineCacheEntrySet";
}

impl EngineCacheEntrySet {
    /// Bytes of all entries.
    #[must_use]
    pub fn bytes(&self) -> i64 {
        i64::try_from(self.entries.iter().map(|entry| entry.bytes).sum::<u64>()).unwrap_or(i64::MAX)
    }
}
