//! `EngineCacheEntry.dagqlCall`: empty: entries are known by what they were made from, which several calls may lead to.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::EngineCacheEntry;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Empty: entries are known by what they were made from, which several calls may lead to.
#[derive(Operation)]
#[operation(on = "EngineCacheEntry", returns = "String!")]
pub struct DagqlCall {}

impl Run for DagqlCall {
    type On = EngineCacheEntry;
    type Output = &'static str;

    async fn run(self, _: Arc<EngineCacheEntry>, _: &Cx) -> Result<&'static str, OpError> {
        Ok("")
    }
}
