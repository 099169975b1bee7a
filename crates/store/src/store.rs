//! The handle.
use std::path::Path;
use std::sync::Arc;

use crate::{OpenError, StoreConfig};

/// A handle of an open store.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) config: StoreConfig,
}

impl Store {
    /// Opens the store, making it if it does not exist.
    pub fn open(config: StoreConfig) -> Result<Self, OpenError> {
        Ok(Self { inner: Arc::new(Inner { config }) })
    }
    /// Directory of the store.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.inner.config.root
    }
}
