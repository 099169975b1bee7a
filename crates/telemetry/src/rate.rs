//! How quickly something goes on, of late.

use std::collections::VecDeque;

/// Time that is looked back on, nanoseconds: long enough to be steady, short enough to follow a change.
const WINDOW_NS: u64 = 4_000_000_000;
/// Least time between two samples, nanoseconds.
const STEP_NS: u64 = 250_000_000;
/// Time before which nothing is said, nanoseconds: the first moments would promise too much.
const EARLY_NS: u64 = 500_000_000;

/// A few amounts of the last seconds, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rate(VecDeque<(u64, u64)>);

impl Rate {
    /// So much is done at this time; times that are not known (0) are left out.
    pub(crate) fn sample(&mut self, done: u64, time_ns: u64) {
        if time_ns == 0 || self.0.back().is_some_and(|(last, _)| time_ns < last.saturating_add(STEP_NS)) {
            return;
        }
        self.0.push_back((time_ns, done));
        // One sample at or before the window's begin stays, so that the whole window is covered.
        while self.0.get(1).is_some_and(|(time, _)| time_ns.saturating_sub(*time) >= WINDOW_NS) {
            self.0.pop_front();
        }
    }

    /// Amount per second now that `done` is done.
    pub(crate) fn per_second(&self, done: u64, now_ns: u64) -> Option<u64> {
        let (since, before) = *self.0.front()?;
        let time = now_ns.checked_sub(since).filter(|time| *time >= EARLY_NS)?;
        let amount = u128::from(done.saturating_sub(before));
        u64::try_from(amount * 1_000_000_000 / u128::from(time)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    #[test]
    fn follows_what_happened_lately() {
        let mut rate = Rate::default();
        assert_eq!(rate.per_second(5, at(9.0)), None);
        for n in 0..=600 {
            rate.sample(n * 10, at(100.0 + n as f64 / 100.0));
        }
        assert!(rate.0.len() < 20, "{}", rate.0.len());
        let steady = rate.per_second(6_000, at(106.0)).unwrap();
        assert_eq!(steady, 1000);
        let stalled = rate.per_second(6_000, at(116.0)).unwrap();
        assert!(stalled < 300, "{stalled}");
        for n in 0..=60 {
            rate.sample(6_000 + n * 1000, at(106.0 + n as f64 / 10.0));
        }
        let fast = rate.per_second(66_000, at(112.0)).unwrap();
        assert!((9_500..=10_500).contains(&fast), "{fast}");
    }

    #[test]
    fn nothing_is_promised_early_or_without_times() {
        let mut rate = Rate::default();
        rate.sample(0, 0);
        rate.sample(0, at(1.0));
        assert_eq!(rate.per_second(1 << 30, at(1.2)), None);
        assert_eq!(rate.per_second(1 << 30, at(0.5)), None, "clocks may differ a little");
        assert_eq!(rate.per_second(1_000, at(2.0)), Some(1_000));
    }
}
