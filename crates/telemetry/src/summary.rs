//! What is said at the end of a run.

use std::fmt;

use crate::format;
use crate::view::View;

/// The outcome of a run in numbers. `Display` gives one to five lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Steps that were started.
    pub steps: u64,
    /// Of these, how many needed no run.
    pub cached: u64,
    /// How many failed.
    pub failed: u64,
    /// How many nobody wanted any more, or had not ended.
    pub cancelled: u64,
    /// Bytes moved.
    pub bytes: u64,
    /// From the first to the latest event, nanoseconds.
    pub total_ns: u64,
    /// The slowest steps, slowest first: nanoseconds and label.
    pub slowest: Vec<(u64, String)>,
}

impl Summary {
    /// A step that takes less, in nanoseconds, is never called slow.
    pub const SLOW_NS: u64 = 100_000_000;

    /// Sums up what the view has seen.
    #[must_use]
    pub fn of(view: &View) -> Self {
        let counters = view.counters();
        Self {
            steps: counters.steps,
            cached: counters.cached,
            failed: counters.failed,
            cancelled: counters.cancelled + counters.running,
            bytes: counters.bytes,
            total_ns: view.elapsed_ns(),
            slowest: view.slowest().iter().filter(|(ns, _)| *ns >= Self::SLOW_NS).cloned().collect(),
        }
    }

    /// How many of the steps needed no run, in whole per cent, rounded down; 0 if there were none.
    #[must_use]
    pub const fn cached_percent(&self) -> u64 {
        match (self.cached * 100).checked_div(self.steps) {
            Some(percent) => percent,
            None => 0,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.steps == 1 { "" } else { "s" };
        write!(f, "{} step{plural}", self.steps)?;
        if self.cached > 0 {
            write!(f, ", {} cached ({}%)", self.cached, self.cached_percent())?;
        }
        if self.failed > 0 {
            write!(f, ", {} failed", self.failed)?;
        }
        if self.cancelled > 0 {
            write!(f, ", {} cancelled", self.cancelled)?;
        }
        if self.bytes > 0 {
            write!(f, ", {} moved", format::bytes(self.bytes))?;
        }
        writeln!(f, " in {}", format::duration(self.total_ns))?;
        if !self.slowest.is_empty() {
            writeln!(f, "slowest:")?;
        }
        for (ns, label) in &self.slowest {
            writeln!(f, "{:>8}  {label}", format::duration(*ns))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{SpanKind, SpanOutcome};
    use crate::testing::{call, failure, finished, progress, span, view};

    #[test]
    fn a_run_in_numbers() {
        let mut events = vec![call(0, None, "f", 0.0)];
        for (id, seconds) in [(1, 0.5), (2, 61.0), (3, 0.01), (4, 2.0), (5, 1.0)] {
            events.push(span(id, Some(0), &format!("step {id}"), SpanKind::Exec, 1.0));
            events.push(finished(id, SpanOutcome::Ok, 1.0 + seconds));
        }
        events.push(span(6, None, "cached", SpanKind::Exec, 1.0));
        events.push(finished(6, SpanOutcome::Cached, 300.0));
        events.push(span(7, None, "failed", SpanKind::Pull, 1.0));
        events.push(progress(7, 1_500, 3_000, "bytes"));
        events.push(finished(7, failure("m", None), 1.0));
        events.push(span(8, None, "never ended", SpanKind::Exec, 1.0));
        let summary = Summary::of(&view(&events));
        assert_eq!(summary.cached_percent(), 12);
        assert_eq!(
            summary.to_string(),
            "\
8 steps, 1 cached (12%), 1 failed, 1 cancelled, 1.5 kB moved in 5m00s
slowest:
   1m01s  step 2
    2.0s  step 4
    1.0s  step 5
"
        );
    }

    #[test]
    fn a_run_of_nothing() {
        let summary = Summary::of(&View::default());
        assert_eq!(summary.cached_percent(), 0);
        assert_eq!(summary.to_string(), "0 steps in 0.0s\n");
    }
}
