//! `EngineCacheEntry.description`: what the entry is: the command of an exec, the reference of an image, the key of a volume.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::EngineCacheEntry;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// What the entry is: the command of an exec, the reference of an image, the key of a volume.
#[derive(Operation)]
#[operation(on = "EngineCacheEntry", returns = "String!")]
#[example(r#"engine.localCache.entrySet.entries.description"# => r#"like ["uname -a", "docker.io/library/alpine:3.20"]"#)]
pub struct Description {}

impl Run for Description {
    type On = EngineCacheEntry;
    type Output = String;

    async fn run(self, on: Arc<EngineCacheEntry>, _: &Cx) -> Result<String, OpError> {
        Ok(on.description())
    }
}
