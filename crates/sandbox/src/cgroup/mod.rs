//! Control groups of runs, v2 and v1.

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CgroupError {}
