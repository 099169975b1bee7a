//! Something that is found out once, by one for all who wait for it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

use crate::error::OpError;

/// A value that is found out once. Where that fails, all who wait at that moment get the same error, as with steps; who comes
/// later tries anew.
#[derive(Debug)]
pub struct Once<T> {
    cell: OnceCell<T>,
    failures: Mutex<Failures>,
}

#[derive(Debug, Default)]
struct Failures {
    count: u64,
    latest: Option<OpError>,
}

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self { cell: OnceCell::new(), failures: Mutex::default() }
    }
}

impl<T> Once<T> {
    fn failures(&self) -> MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value, found out by `find` if nobody has done that yet.
    pub async fn get_or_try_init<F>(&self, find: impl FnOnce() -> F) -> Result<&T, OpError>
    where
        F: Future<Output = Result<T, OpError>>,
    {
        let before = self.failures().count;
        let find = async || {
            let shared = {
                let failures = self.failures();
                failures.latest.clone().filter(|_| failures.count > before)
            };
            if let Some(error) = shared {
                return Err(error);
            }
            let found = find().await;
            if let Err(error) = &found
                && !matches!(error, OpError::Cancelled)
            {
                let mut failures = self.failures();
                failures.count += 1;
                failures.latest = Some(error.clone());
            }
            found
        };
        self.cell.get_or_try_init(find).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn who_waits_shares_a_failure_and_who_comes_later_tries_anew() {
        let (once, tries) = (Arc::new(Once::<usize>::default()), Arc::<AtomicUsize>::default());
        let ask = |result: fn(usize) -> Result<usize, OpError>| {
            let (once, tries) = (Arc::clone(&once), Arc::clone(&tries));
            async move {
                let find = || async {
                    let number = tries.fetch_add(1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    result(number)
                };
                once.get_or_try_init(find).await.copied().map_err(|error| error.to_string())
            }
        };
        let fails = |number| Err(OpError::new(format!("failure {number}")));
        let first = futures_util::future::join_all((0..5).map(|_| ask(fails))).await;
        assert_eq!(first, vec![Err("failure 0".to_owned()); 5]);
        assert_eq!(ask(fails).await, Err("failure 1".to_owned()));
        // One that is given up is no failure of the others.
        let cancelled = futures_util::future::join(ask(|_| Err(OpError::Cancelled)), ask(Ok)).await;
        assert_eq!(cancelled, (Err("cancelled".to_owned()), Ok(3)));
        assert_eq!(ask(fails).await, Ok(3));
        assert_eq!(tries.load(Ordering::SeqCst), 4);
    }
}
