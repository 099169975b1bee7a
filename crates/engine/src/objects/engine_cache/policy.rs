//! What a prune has to drop, from sizes as people write them.

use kukri_store::{PruneOptions, Space};

use crate::error::OpError;
use crate::size;

/// What is asked of a prune; empty texts say nothing.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Start from the limits of the engine.
    pub use_default: bool,
    /// Most that may stay.
    pub max_used: String,
    /// Least that stays.
    pub reserved: String,
    /// Least that is free on the disk afterwards.
    pub min_free: String,
    /// What stays where something has to go.
    pub target: String,
}

impl Policy {
    /// What the store has to do; nothing if all limits are kept.
    pub fn options(&self, space: &Space) -> Result<Option<PruneOptions>, OpError> {
        let read = |name: &str, text: &str| -> Result<Option<u64>, OpError> {
            if text.trim().is_empty() {
                return Ok(None);
            }
            size::parse(text, Some(space.disk_total))
                .map(|bytes| Some(bytes).filter(|bytes| *bytes > 0))
                .map_err(|error| OpError::new(format!("invalid {name} value: {error}")))
        };
        let (max_used, reserved) =
            (read("maxUsedSpace", &self.max_used)?, read("reservedSpace", &self.reserved)?);
        let (min_free, target) = (read("minFreeSpace", &self.min_free)?, read("targetSpace", &self.target)?);
        let default = |given: Option<u64>, default: u64| given.or(self.use_default.then_some(default));
        let max_used = default(max_used, space.budget.max_bytes);
        let min_free = default(min_free, space.budget.min_free_bytes);
        if max_used.is_none() && min_free.is_none() && reserved.is_none() && target.is_none() {
            return Ok(Some(PruneOptions { all: true, volumes: true, ..PruneOptions::default() }));
        }
        let keep_duration = space.budget.keep_duration.filter(|_| self.use_default);
        let lacking = min_free.unwrap_or(0).saturating_sub(space.disk_free);
        let for_free = (lacking > 0).then(|| space.used.saturating_sub(lacking));
        let reserved = reserved.unwrap_or(0);
        let keep = match (max_used, for_free) {
            (None, None) if min_free.is_some() => None,
            (None, None) => Some(target.unwrap_or(0)),
            (max_used, for_free) => Some(max_used.unwrap_or(u64::MAX).min(for_free.unwrap_or(u64::MAX))),
        };
        let keep = keep.map(|keep| keep.max(reserved)).filter(|keep| space.used > *keep);
        let max_bytes = keep.map(|keep| target.map_or(keep, |target| keep.min(target)).max(reserved));
        if max_bytes.is_none() && keep_duration.is_none() {
            return Ok(None);
        }
        // Like the collector, whose limits these are.
        let spare_recent = self.use_default;
        let limits = PruneOptions { max_bytes, reserved_bytes: reserved, ..PruneOptions::default() };
        Ok(Some(PruneOptions { keep_duration, spare_recent, ..limits }))
    }
}

#[cfg(test)]
mod tests {
    use kukri_store::Budget;

    use super::*;

    const GB: u64 = 1_000_000_000;

    fn max_bytes(policy: &[&str; 5], used: u64, free: u64) -> Option<u64> {
        let [default, max_used, reserved, min_free, target] = policy.map(str::to_owned);
        let budget = Budget { max_bytes: 50 * GB, min_free_bytes: 20 * GB, keep_duration: None };
        let space = Space { used, disk_total: 100 * GB, disk_free: free, budget };
        let policy = Policy { use_default: !default.is_empty(), max_used, reserved, min_free, target };
        policy.options(&space).unwrap().and_then(|options| {
            assert!(!options.all && !options.volumes);
            assert!(options.reserved_bytes <= options.max_bytes.unwrap_or(u64::MAX));
            options.max_bytes
        })
    }

    #[test]
    fn limits() {
        for (policy, used, free, expected) in [
            // Under the limit, and over it.
            (["", "10GB", "", "", ""], 9 * GB, 90 * GB, None),
            (["", "10GB", "", "", ""], 11 * GB, 90 * GB, Some(10 * GB)),
            (["", "10%", "0", "0", "2GB"], 11 * GB, 90 * GB, Some(2 * GB)),
            (["", "10%", "0", "0", "2GB"], 9 * GB, 90 * GB, None),
            (["", "10GB", "5GB", "", "2GB"], 11 * GB, 90 * GB, Some(5 * GB)),
            (["", "10GB", "12GB", "", ""], 11 * GB, 90 * GB, None),
            // Only what is reserved stays, or what is aimed at.
            (["", "", "3GB", "", ""], 4 * GB, 90 * GB, Some(3 * GB)),
            (["", "", "", "", "3GB"], 4 * GB, 90 * GB, Some(3 * GB)),
            // Room on the disk.
            (["", "", "", "10GB", ""], 30 * GB, 4 * GB, Some(24 * GB)),
            (["", "", "", "10GB", ""], 30 * GB, 40 * GB, None),
            (["", "", "29GB", "100%", ""], 30 * GB, 40 * GB, Some(29 * GB)),
            (["", "20GB", "", "10GB", ""], 30 * GB, 9 * GB, Some(20 * GB)),
            // The limits of the engine, and others in their place.
            (["yes", "", "", "", ""], 51 * GB, 40 * GB, Some(50 * GB)),
            (["yes", "", "", "", ""], 49 * GB, 40 * GB, None),
            (["yes", "", "", "", ""], 49 * GB, 19 * GB, Some(48 * GB)),
            (["yes", "80GB", "", "", ""], 51 * GB, 40 * GB, None),
        ] {
            assert_eq!(max_bytes(&policy, used, free), expected, "{policy:?} {used} {free}");
        }
    }

    #[test]
    fn nothing_said_is_everything() {
        let budget = Budget { max_bytes: 50, min_free_bytes: 20, keep_duration: None };
        let space = Space { used: 0, disk_total: 100, disk_free: 1, budget };
        for max_used in ["", "  ", "0"] {
            let policy = Policy { max_used: max_used.to_owned(), ..Policy::default() };
            let options = policy.options(&space).unwrap().unwrap();
            assert!(options.all && options.volumes);
        }
        let policy = Policy { reserved: "not-a-size".to_owned(), ..Policy::default() };
        let error = policy.options(&space).unwrap_err().to_string();
        assert!(error.starts_with("invalid reservedSpace value") && error.contains("not-a-size"), "{error}");
    }
}
