//! What is said at the end of a run.

use std::fmt;

use crate::counters::Counters;
use crate::format;
use crate::style::cut;
use crate::view::View;

/// The outcome of a run in numbers. `Display` gives one to eleven lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// How many steps and transfers, and how they ended.
    pub counts: Counters,
    /// From the first to the latest event, nanoseconds.
    pub total_ns: u64,
    /// The slowest steps, slowest first: nanoseconds and label.
    pub slowest: Vec<(u64, String)>,
    /// The steps that determined how long it took, each with the result of the one before; empty if there is no such
    /// chain of two or more that are worth it. Nanoseconds and label.
    pub critical_path: Vec<(u64, String)>,
}

impl Summary {
    /// A step that takes less, in nanoseconds, is never called slow.
    pub const SLOW_NS: u64 = 100_000_000;

    /// Most steps of the critical path that are shown.
    pub const PATH: usize = 5;

    /// Sums up what the view has seen.
    #[must_use]
    pub fn of(view: &View) -> Self {
        Self {
            counts: view.counters(),
            total_ns: view.elapsed_ns(),
            critical_path: critical_path(view),
            slowest: view.slowest().iter().filter(|(ns, _)| *ns >= Self::SLOW_NS).cloned().collect(),
        }
    }
}

/// Where one chain of steps is worth showing: those of its steps that take their time, the longest few.
fn critical_path(view: &View) -> Vec<(u64, String)> {
    let mut path: Vec<_> =
        view.critical_path().into_iter().filter(|(ns, _)| *ns >= Summary::SLOW_NS).enumerate().collect();
    if path.len() < 2 {
        return Vec::new();
    }
    path.sort_unstable_by_key(|(_, (ns, _))| std::cmp::Reverse(*ns));
    path.truncate(Summary::PATH);
    path.sort_unstable_by_key(|(place, _)| *place);
    path.into_iter().map(|(_, (ns, label))| (ns, label.to_owned())).collect()
}

impl Summary {
    /// The lines of `Display` for so many columns, without line ends: names are cut, the numbers of the whole run go on in the
    /// next line.
    #[must_use]
    pub fn lines(&self, width: usize) -> Vec<String> {
        let text = self.to_string();
        let (numbers, rest) = text.split_once('\n').unwrap_or_default();
        let mut lines = vec![String::new()];
        for word in numbers.split(' ') {
            let Some(line) = lines.last_mut() else { continue };
            if line.is_empty() {
                line.push_str(word);
            } else if line.len() + 1 + word.len() <= width {
                line.push(' ');
                line.push_str(word);
            } else {
                lines.push(format!("  {word}"));
            }
        }
        lines.extend(rest.lines().map(|line| cut(line, width).into_owned()));
        lines
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.counts)?;
        if self.counts.bytes > 0 {
            write!(f, ", {} moved", format::bytes(self.counts.bytes))?;
        }
        write!(f, " in {}", format::duration(self.total_ns))?;
        if self.counts.saved_ns >= Self::SLOW_NS {
            write!(f, ", {} saved", format::duration(self.counts.saved_ns))?;
        }
        writeln!(f)?;
        if !self.slowest.is_empty() {
            writeln!(f, "slowest:")?;
        }
        for (ns, label) in &self.slowest {
            writeln!(f, "{:>8}  {label}", format::duration(*ns))?;
        }
        if !self.critical_path.is_empty() {
            let total = self.critical_path.iter().map(|(ns, _)| ns).sum();
            writeln!(f, "critical path: {}", format::duration(total))?;
        }
        for (ns, label) in &self.critical_path {
            writeln!(f, "{:>8}  {label}", format::duration(*ns))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, SpanKind, SpanOutcome};
    use crate::testing::{after, cached, call, failure, finished, progress, span, view};

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
        assert_eq!(summary.counts.cached_percent(), 12);
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
    fn the_path_that_took_longest_and_what_was_saved() {
        let mut events = vec![after(1, &[], "pull", 0.0), finished(1, SpanOutcome::Ok, 1.0)];
        events.extend([
            after(2, &[1], "old", 1.0),
            cached(2, "same", 75.0),
            finished(2, SpanOutcome::Ok, 1.0),
            // Told when it has ended.
            Event::SpanSpared { id: 2, spared_ns: 5_000_000_000 },
        ]);
        events.extend([after(3, &[2], "test", 1.0), finished(3, SpanOutcome::Ok, 3.0)]);
        events.extend([after(4, &[], "lint", 0.0), finished(4, SpanOutcome::Ok, 2.5)]);
        assert_eq!(
            Summary::of(&view(&events)).to_string(),
            "\
4 steps, 1 cached (25%) in 3.0s, 1m20s saved
slowest:
    2.5s  lint
    2.0s  test
    1.0s  pull
critical path: 3.0s
    1.0s  pull
    2.0s  test
"
        );
    }

    /// What happens every time does not make a run look less cached than it is.
    #[test]
    fn transfers_are_counted_apart() {
        let mut view = view(&[
            span(1, None, "sync /src", SpanKind::Sync, 0.0),
            finished(1, SpanOutcome::Ok, 1.0),
            span(2, None, "withExec make", SpanKind::Exec, 1.0),
            finished(2, SpanOutcome::Cached, 1.0),
        ]);
        assert_eq!(
            Summary::of(&view).to_string().lines().next(),
            Some("1 step, 1 cached (100%), 1 transfer in 1.0s")
        );
        view.apply(&span(3, None, "export file to out", SpanKind::Export, 1.0));
        view.apply(&finished(3, failure("no space", None), 2.0));
        assert_eq!(
            Summary::of(&view).to_string().lines().next(),
            Some("1 step, 1 cached (100%), 1 failed, 2 transfers in 2.0s")
        );
    }

    #[test]
    fn lines_fit_a_terminal() {
        let view = view(&[
            span(1, None, &format!("withExec {}", "字".repeat(60)), SpanKind::Exec, 0.0),
            finished(1, SpanOutcome::Ok, 1.0),
        ]);
        let lines = Summary::of(&view).lines(20);
        assert_eq!(lines, ["1 step in 1.0s", "slowest:", "    1.0s  withExec …"]);
        assert_eq!(Summary::of(&view).lines(10)[..2], ["1 step in", "  1.0s"], "no number is cut off");
        assert_eq!(Summary::of(&view).lines(usize::MAX)[0], "1 step in 1.0s");
    }

    #[test]
    fn a_run_of_nothing() {
        let summary = Summary::of(&View::default());
        assert_eq!(summary.counts.cached_percent(), 0);
        assert_eq!(summary.to_string(), "0 steps in 0.0s\n");
    }
}
