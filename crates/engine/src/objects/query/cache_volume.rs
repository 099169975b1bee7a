//! `Query.cacheVolume`: A cache volume: a directory for execs that outlives sessions and engines.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Query;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::cache_volume::CacheVolume;
use crate::operation::Run;

/// A cache volume: a directory for execs that outlives sessions and engines.
#[derive(Operation)]
#[operation(on = "Query", returns = "CacheVolume!", name = "cacheVolume")]
pub struct GetCacheVolume {
    /// Its name: the same key is the same volume.
    key: String,
}

impl Run for GetCacheVolume {
    type On = Query;
    type Output = CacheVolume;

    async fn run(self, _: Arc<Query>, _: &Cx) -> Result<CacheVolume, OpError> {
        Ok(CacheVolume { key: self.key.into() })
    }
}
