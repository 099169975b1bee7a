//! What the engine keeps.

use kukri_model::schema::ObjectDef;

use crate::value::ObjectType;

/// Description of the type.
pub const DEF: ObjectDef = ObjectDef {
    name: "EngineCache",
    doc: "What the engine keeps on its machine: results of operations and cache volumes.",
    interfaces: &[],
};

/// The store of the engine.
pub struct EngineCache;

impl ObjectType for EngineCache {
    const NAME: &'static str = "EngineCache";
}

/// Bytes as a number of the API.
#[must_use]
pub fn space(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
