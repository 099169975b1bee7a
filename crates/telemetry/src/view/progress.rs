//! How far a span has got, as it has told.

use crate::event::Event;
use crate::rate::Rate;

/// How far a span has got.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// How much there is to do, if known.
    pub total: Option<u64>,
    /// What is counted.
    pub unit: String,
    /// What is done, where it is not a transfer: `pack`.
    pub phase: String,
    /// What has been moved or done.
    pub transfer: Phase,
    /// What of it has been unpacked, where something is unpacked.
    pub extraction: Option<Phase>,
    /// How much was there already, so that it need not be moved.
    pub present: u64,
    /// How many files it is, as far as that is known.
    pub files: Option<u64>,
    /// Bytes that transfers have moved.
    pub moved: u64,
}

/// One of the things that are done to all that a span has to do.
#[derive(Clone, Debug, Default)]
pub struct Phase {
    /// How much is done.
    pub done: u64,
    /// How much of it took time.
    own: u64,
    rate: Rate,
}

impl Progress {
    /// It has got so far; other events change nothing. Gives the bytes that have been moved since the last time.
    pub(crate) fn apply(&mut self, event: &Event) -> u64 {
        let Event::SpanProgress { current, total, unit, extracted, present, files, phase, time_ns, .. } =
            event
        else {
            return 0;
        };
        if self.phase != *phase {
            *self = Self { phase: phase.clone(), moved: self.moved, files: self.files, ..Self::default() };
        }
        let own = current.saturating_sub(*present);
        let more = own.saturating_sub(self.transfer.own);
        (self.total, self.present) = (*total, *present);
        if self.unit != *unit {
            self.unit.clone_from(unit);
        }
        self.files = files.or(self.files);
        self.transfer.reach(*current, own, *time_ns);
        if let Some(extracted) = extracted {
            self.extraction.get_or_insert_default().reach(*extracted, *extracted, *time_ns);
        }
        if unit != "bytes" || !phase.is_empty() {
            return 0;
        }
        self.moved += more;
        more
    }
}

impl Phase {
    /// How much is done in a second, of late; none while that is not known.
    #[must_use]
    pub fn per_second(&self, now_ns: u64) -> Option<u64> {
        self.rate.per_second(self.own, now_ns)
    }

    /// How long the rest will take at that rate, nanoseconds; none while that is not known.
    #[must_use]
    pub fn left_ns(&self, total: u64, now_ns: u64) -> Option<u64> {
        let rate = u128::from(self.per_second(now_ns).filter(|rate| *rate > 0)?);
        let left = u128::from(total.saturating_sub(self.done));
        u64::try_from(left * 1_000_000_000 / rate).ok()
    }

    fn reach(&mut self, done: u64, own: u64, time_ns: u64) {
        (self.done, self.own) = (done, own);
        self.rate.sample(own, time_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, so_far, with};

    #[test]
    fn what_was_there_is_not_moved_and_makes_no_rate() {
        let mut progress = Progress::default();
        let reached = |current, time| so_far(1, current, Some(1_000), "bytes", time);
        assert_eq!(progress.apply(&reached(100, 1.0)), 100);
        assert_eq!(progress.apply(&with(reached(800, 2.0), 600, None, "")), 100);
        assert_eq!((progress.moved, progress.transfer.done), (200, 800));
        assert_eq!(progress.transfer.per_second(at(2.0)), Some(100));
        assert_eq!(progress.transfer.left_ns(1_000, at(2.0)), Some(at(2.0)));
        // An upload that begins anew moves the same bytes once more, and is no negative amount.
        assert_eq!(progress.apply(&with(reached(700, 3.0), 600, None, "")), 0);
        assert_eq!(progress.apply(&with(reached(1_000, 4.0), 600, None, "")), 300);
    }

    #[test]
    fn what_is_no_transfer_moves_nothing() {
        let mut progress = Progress::default();
        let packed = |current, time| with(so_far(1, current, None, "bytes", time), 0, Some(7), "pack");
        assert_eq!(progress.apply(&packed(1_000, 1.0)), 0);
        assert_eq!(progress.apply(&packed(3_000, 2.0)), 0);
        assert_eq!(progress.transfer.per_second(at(2.0)), Some(2_000));
        assert_eq!(progress.apply(&so_far(1, 500, Some(900), "bytes", 2.0)), 500);
        assert_eq!((progress.moved, progress.transfer.done, progress.files), (500, 500, Some(7)));
        assert_eq!(progress.transfer.per_second(at(2.2)), None, "another rate");
        assert_eq!(progress.apply(&so_far(1, 12, None, "files", 2.0)), 0);
    }
}
