//! Network namespaces for containers: bridge, NAT, DNS and a pool.

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {}
