//! Runs containers through an OCI runtime such as crun or runc.

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OciRuntimeError {}
