//! `EngineCacheEntry.recordType`: `regular` for the result of an operation, `internal` for a way that leads to one and for the index, `exec.cachemount` for a cache volume.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::EngineCacheEntry;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// `regular` for the result of an operation, `internal` for a way that leads to one and for the index,
/// `exec.cachemount` for a cache volume.
#[derive(Operation)]
#[operation(on = "EngineCacheEntry", returns = "String!")]
#[example(r#"engine.localCache.entrySet.entries.recordType"# => r#"like ["regular", "exec.cachemount"]"#)]
pub struct RecordType {}

impl Run for RecordType {
    type On = EngineCacheEntry;
    type Output = &'static str;

    async fn run(self, on: Arc<EngineCacheEntry>, _: &Cx) -> Result<&'static str, OpError> {
        Ok(on.record_type())
    }
}
