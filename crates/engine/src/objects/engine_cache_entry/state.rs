//! One thing in the cache.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kukri_model::schema::ObjectDef;
use kukri_store::{Entry, EntryKind};

use crate::value::ObjectType;

/// Description of the type.
pub const DEF: ObjectDef = ObjectDef {
    name: "EngineCacheEntry",
    doc: "One thing in the cache: the result of an operation, or a cache volume.",
    interfaces: &[],
};

/// An entry.
pub struct EngineCacheEntry {
    /// What the store says of it.
    pub entry: Arc<Entry>,
}

impl ObjectType for EngineCacheEntry {
    const NAME: &'static str = "EngineCacheEntry";
}

impl EngineCacheEntry {
    /// What to show for it.
    #[must_use]
    pub fn description(&self) -> String {
        if self.entry.label.is_empty() { "recipe of a result".to_owned() } else { self.entry.label.clone() }
    }

    /// What kind of record it is, in the words of the API.
    #[must_use]
    pub fn record_type(&self) -> &'static str {
        match self.entry.kind {
            EntryKind::Volume => "exec.cachemount",
            // What leads from a recipe to a result has no label.
            EntryKind::Result if self.entry.label.is_empty() => "internal",
            EntryKind::Internal => "internal",
            EntryKind::Result => "regular",
        }
    }
}

/// A time as a number of the API.
#[must_use]
pub fn nanoseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
