//! How much telemetry of containers one session takes.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::Semaphore;

/// Bytes that may come at once.
const BURST: f64 = 32e6;
/// Bytes for each second.
const RATE: f64 = 4e6;
/// Requests that are read and passed on at a time: so many bodies are in memory.
const AT_ONCE: usize = 4;

/// Shared by all containers of a session.
pub(crate) struct Limits {
    /// Of requests that are read and passed on.
    pub places: Semaphore,
    bucket: Mutex<Bucket>,
}

struct Bucket {
    left: f64,
    filled: Instant,
}

impl Default for Limits {
    fn default() -> Self {
        let bucket = Bucket { left: BURST, filled: Instant::now() };
        Self { places: Semaphore::new(AT_ONCE), bucket: Mutex::new(bucket) }
    }
}

impl Limits {
    /// Counts a request. False if it is too much.
    pub fn take(&self, bytes: usize) -> bool {
        self.take_at(bytes, Instant::now())
    }

    fn take_at(&self, bytes: usize, now: Instant) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now.saturating_duration_since(bucket.filled).as_secs_f64();
        bucket.filled = now;
        bucket.left = (bucket.left + passed * RATE).min(BURST);
        // Each costs something, however small it is.
        let cost = bytes.max(1000) as f64;
        if bucket.left < cost {
            return false;
        }
        bucket.left -= cost;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_flood_is_stopped_and_the_rest_goes_on() {
        let limits = Limits::default();
        let now = Instant::now();
        let taken = (0..100).filter(|_| limits.take_at(1_000_000, now)).count();
        assert_eq!(taken, 32);
        assert!(!limits.take_at(1, now));
        assert!(limits.take_at(3_000_000, now + Duration::from_secs(1)));
        assert!(!limits.take_at(40_000_000, now + Duration::from_secs(100)), "more than ever fits");
        assert_eq!(
            (0..100_000).filter(|_| limits.take_at(0, now + Duration::from_secs(100))).count(),
            32_000
        );
    }
}
