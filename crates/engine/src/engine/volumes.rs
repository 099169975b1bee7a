//! Cache volumes that only one exec may use at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// Locks by volume.
#[derive(Default)]
pub struct VolumeLocks(Mutex<HashMap<String, Arc<AsyncMutex<()>>>>);

impl VolumeLocks {
    /// Waits until nobody else uses the volume. Callers that need several take them in the order of their keys.
    pub async fn lock(&self, key: &str) -> OwnedMutexGuard<()> {
        self.get(key).lock_owned().await
    }

    /// The lock, if nobody has it or waits for it.
    pub fn try_lock(&self, key: &str) -> Option<OwnedMutexGuard<()>> {
        self.get(key).try_lock_owned().ok()
    }

    fn get(&self, key: &str) -> Arc<AsyncMutex<()>> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        locks.retain(|known, lock| known == key || Arc::strong_count(lock) > 1);
        Arc::clone(locks.entry(key.to_owned()).or_default())
    }
}
