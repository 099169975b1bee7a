//! `EngineCacheEntry.dagqlCall`: the call that made the entry: always empty.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::EngineCacheEntry;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The call that made the entry: always empty.
#[derive(Operation)]
#[operation(
    on = "EngineCacheEntry",
    returns = "String!",
    no_effect = "entries are known by what they were made from, which several calls may lead to"
)]
#[example(r#"engine.localCache.entrySet.entries.dagqlCall"# => r#"like [""]"#)]
pub struct DagqlCall {}

impl Run for DagqlCall {
    type On = EngineCacheEntry;
    type Output = &'static str;

    async fn run(self, _: Arc<EngineCacheEntry>, _: &Cx) -> Result<&'static str, OpError> {
        Ok("")
    }
}
