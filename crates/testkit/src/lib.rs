//! Helpers for tests: temporary engines, registries and images. Developer-only.
#![forbid(unsafe_code)]
