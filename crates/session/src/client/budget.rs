//! Keeps threads that produce from running ahead of what is sent.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// So many bytes may be on their way.
pub(super) struct Budget {
    total: usize,
    used: Mutex<usize>,
    changed: Condvar,
    closed: AtomicBool,
}

/// Closes the budget when dropped.
pub(super) struct CloseBudget(Arc<Budget>);

impl Budget {
    pub fn new(total: usize) -> Self {
        Self { total, used: Mutex::new(0), changed: Condvar::new(), closed: AtomicBool::new(false) }
    }

    /// Waits for room and takes it; false when closed. What is larger than everything waits until nothing else is on
    /// its way.
    pub fn take(&self, bytes: usize) -> bool {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        while *used > 0 && *used + bytes > self.total && !self.closed.load(Ordering::Relaxed) {
            used = self.changed.wait(used).unwrap_or_else(PoisonError::into_inner);
        }
        *used += bytes;
        !self.closed.load(Ordering::Relaxed)
    }

    pub fn give_back(&self, bytes: usize) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        *used = used.saturating_sub(bytes);
        self.changed.notify_all();
    }

    /// True when nobody wants the result any more.
    pub fn closed_flag(&self) -> &AtomicBool {
        &self.closed
    }

    pub fn close_on_drop(self: &Arc<Self>) -> CloseBudget {
        CloseBudget(Arc::clone(self))
    }
}

impl Drop for CloseBudget {
    fn drop(&mut self) {
        // Under the lock, so that no thread is between looking and waiting.
        let _used = self.0.used.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.closed.store(true, Ordering::Relaxed);
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiting_thread_is_woken_by_room_and_by_the_end() {
        let budget = Arc::new(Budget::new(10));
        assert!(budget.take(100), "larger than everything, alone");
        let other = Arc::clone(&budget);
        let waiting = std::thread::spawn(move || (other.take(5), other.take(6)));
        budget.give_back(100);
        drop(budget.close_on_drop());
        let (_, second) = waiting.join().unwrap();
        assert!(!second);
    }
}
