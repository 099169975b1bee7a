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
    /// How long the chain of steps took, each with the result of the one before, that determined how long everything took,
    /// nanoseconds.
    pub critical_ns: u64,
    /// The longest [`Summary::PATH`] of these steps, in their order, without those that are not slow; empty if only one
    /// step ran: it would be told twice. Nanoseconds and label.
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
            critical_ns: view.critical_path().iter().map(|(ns, _)| ns).sum(),
            critical_path: critical_path(view),
            slowest: view.slowest().iter().filter(|(ns, _)| *ns >= Self::SLOW_NS).cloned().collect(),
        }
    }
}

fn critical_path(view: &View) -> Vec<(u64, String)> {
    let counts = view.counters();
    if counts.steps + counts.transfers - counts.cached < 2 {
        return Vec::new();
    }
    let path = view.critical_path().into_iter().filter(|(ns, _)| *ns >= Summary::SLOW_NS);
    let mut path: Vec<_> = path.enumerate().collect();
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
            writeln!(f, "critical path: {}", format::duration(self.critical_ns))?;
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
8 steps, 1 cached (12%), 1 failed, 1 unfinished, 1.5 kB moved in 5m00s
slowest:
   1m01s  step 2
    2.0s  step 4
    1.0s  step 5
critical path: 1m01s
   1m01s  step 2
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

    /// Also where one step takes nearly all of the time; the time of all is told where only the longest are.
    #[test]
    fn the_path_is_told_wherever_steps_could_be_on_it() {
        let pull = [after(1, &[], "pull", 0.0), finished(1, SpanOutcome::Ok, 18.6)];
        let ends = |events: &[Event]| Summary::of(&view(events)).to_string();
        assert_eq!(ends(&pull), "1 step in 18.6s\nslowest:\n   18.6s  pull\n");
        let mut events = pull.to_vec();
        events.extend([after(2, &[1], "true", 18.6), finished(2, SpanOutcome::Ok, 18.61)]);
        let text = "2 steps in 18.6s\nslowest:\n   18.6s  pull\ncritical path: 18.6s\n   18.6s  pull\n";
        assert_eq!(ends(&events), text);
        for id in 3..9_u32 {
            let (from, to) = (20.0 + f64::from(id), 21.0 + f64::from(id));
            let id = u64::from(id);
            events.extend([after(id, &[id - 1], &format!("s{id}"), from), finished(id, SpanOutcome::Ok, to)]);
        }
        let text = ends(&events);
        assert!(text.contains("critical path: 24.6s\n   18.6s  pull\n    1.0s  s3\n"), "{text}");
        assert_eq!(text.lines().count(), 1 + 4 + 1 + Summary::PATH, "{text}");
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
