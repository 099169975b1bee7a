//! `EngineCacheEntry.recordTypes`: the same as `recordType`, in a list.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::EngineCacheEntry;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The same as `recordType`, in a list.
#[derive(Operation)]
#[operation(on = "EngineCacheEntry", returns = "[String!]!")]
#[example(r#"engine.localCache.entrySet.entries.recordTypes"# => r#"like [["regular"], ["exec.cachemount"]]"#)]
pub struct RecordTypes {}

impl Run for RecordTypes {
    type On = EngineCacheEntry;
    type Output = Vec<&'static str>;

    async fn run(self, on: Arc<EngineCacheEntry>, _: &Cx) -> Result<Vec<&'static str>, OpError> {
        Ok(vec![on.record_type()])
    }
}
