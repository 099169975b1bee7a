//! `EngineCache.prune`: drops what is not in use: everything, or what goes beyond limits.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::EngineCache;
use super::policy::Policy;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Drops what is not in use: everything, or what goes beyond limits.
///
/// Without arguments all results and all cache volumes go. With limits, results go that were not used for
/// longest, and volumes stay. What was made or used, volumes among it, since the first of the clients came that are connected,
/// this one among them, stays in any case, for a day at most: they may be about to use it. Its entry says that it is actively used.
#[derive(Operation)]
#[operation(on = "EngineCache", returns = "Void", cache = "never")]
#[example(r#"engine.localCache.prune(maxUsedSpace: "75GB")"# => r#"null"#)]
#[example(r#"engine.localCache.prune(maxUsedSpace: "much")"# => r#"raises "much""#)]
pub struct Prune {
    /// Keep to the limits that the engine was started with, as its collector does: results that were used within the last
    /// hour stay. Further arguments replace limits.
    #[arg(default = "false")]
    use_default_policy: bool,
    /// Drop results until the cache has at most this much. Bytes, with a unit (`10GB`, `512MiB`), or a part of
    /// the disk (`20%`). Empty or 0: no limit.
    #[arg(default = "\"\"")]
    max_used_space: String,
    /// Never drop below this. Alone it is what stays. Empty or 0: nothing is reserved.
    #[arg(default = "\"\"")]
    reserved_space: String,
    /// Drop results until the disk has this much free. Empty or 0: no limit.
    #[arg(default = "\"\"")]
    min_free_space: String,
    /// Where something has to go, drop until only this much is left. Empty or 0: no more than has to go.
    #[arg(default = "\"\"")]
    target_space: String,
}

impl Run for Prune {
    type On = EngineCache;
    type Output = ();

    async fn run(self, _: Arc<EngineCache>, cx: &Cx) -> Result<(), OpError> {
        let policy = Policy {
            use_default: self.use_default_policy,
            max_used: self.max_used_space,
            reserved: self.reserved_space,
            min_free: self.min_free_space,
            target: self.target_space,
        };
        let space = cx.engine.store_space().await?;
        let options = policy.options(&space)?;
        if let Some(options) = options {
            cx.engine.prune(options).await?;
        }
        Ok(())
    }
}
