//! The tree of all steps, when all is over.
//!
//! ```text
//! ✓ pull alpine:3.20  0.4s
//! ✓ withExec pip install pytest  cached
//! ✗ withExec pytest -q  3.1s  changed: mount /src
//!   │ 1 failed, 11 passed
//!   └ exit code 1
//! ```

use crate::event::Level;
use crate::steps::{failure, head, message, shows_failure};
use crate::style::Style;
use crate::view::{Limits, Span, SpanState, View};

/// What a view must keep so that the report has all steps: 100,000 of them, and 200 lines of each log.
pub const LIMITS: Limits = Limits { spans: 100_000, log_lines: 200, messages: 100 };

/// The lines of the report, cut to so many columns, without line ends.
#[must_use]
pub fn render(view: &View, width: usize, colour: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for (level, text) in view.messages().filter(|(level, _)| *level >= Level::Warning) {
        lines.push(message(level, text).render(width, colour));
    }
    let now = view.first_ns().unwrap_or(0) + view.elapsed_ns();
    // On a stack of our own: steps may be nested thousands deep.
    let mut todo: Vec<(&Span, String)> = view.roots().map(|span| (span, String::new())).rev().collect();
    while let Some((span, left)) = todo.pop() {
        let shown = if matches!(span.state, SpanState::Failed { .. }) && shows_failure(view, span) {
            failure(&left, span, usize::MAX)
        } else {
            let mut line = head(&left, span, now);
            if span.state == SpanState::Running {
                line.add(Style::Dim, "  unfinished");
            }
            vec![line]
        };
        let mut shown = shown.into_iter();
        if let Some(mut first) = shown.next() {
            // How a result was found is told by the mark; why a step ran is what people ask.
            if let Some(reason) = span.reason.as_ref().filter(|_| span.state != SpanState::Cached) {
                first.add(Style::Dim, &format!("  {reason}"));
            }
            lines.push(first.render(width, colour));
        }
        lines.extend(shown.map(|line| line.render(width, colour)));
        // Deeper than this there is nothing to see but indentation.
        let below = if left.len() < 100 { format!("{left}  ") } else { left };
        todo.extend(view.children(span).map(|child| (child, below.clone())).rev());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, SpanKind, SpanOutcome, Stream};
    use crate::testing::{cached, call, failure, finished, log, span, view};

    #[test]
    fn all_steps_with_what_became_of_them() {
        let mut events = vec![
            call(1, None, "stdout", 0.0),
            span(2, Some(1), "pull alpine:3.20", SpanKind::Pull, 0.0),
            finished(2, SpanOutcome::Ok, 0.4),
            span(3, Some(1), "withExec pip install pytest", SpanKind::Exec, 0.4),
            cached(3, "the same step ran 5 s ago", 9.0),
            finished(3, SpanOutcome::Cached, 0.4),
            span(4, Some(1), "withExec pytest -q", SpanKind::Exec, 0.4),
            Event::SpanNotCached { id: 4, reason: "changed: mount /src".into() },
        ];
        events.extend((0..30).map(|n| log(4, Stream::Stdout, &format!("line {n}\n"), 0.5)));
        events.extend([
            finished(4, failure("no", Some(1)), 3.5),
            finished(1, failure("no", Some(1)), 3.5),
            span(5, None, "export", SpanKind::Export, 3.5),
            finished(5, SpanOutcome::Cancelled, 3.6),
            span(6, None, "pull nope", SpanKind::Pull, 3.6),
            finished(6, failure("not found\n\ntry y", None), 4.6),
            span(7, None, "withExec sleep", SpanKind::Exec, 4.6),
            crate::testing::message(Level::Warning, "old client"),
        ]);
        let log: String = (0..30).map(|n| format!("    │ line {n}\n")).collect();
        assert_eq!(
            render(&view(&events), 80, false).join("\n") + "\n",
            format!(
                "\
warning: old client
✗ stdout  3.5s
  ✓ pull alpine:3.20  0.4s
  ✓ withExec pip install pytest  cached
  ✗ withExec pytest -q  3.1s  changed: mount /src
{log}    └ exit code 1
- export  0.1s  cancelled
✗ pull nope  1.0s
  │ not found
  └ try y
● withExec sleep  0.0s  unfinished
"
            )
        );
    }

    #[test]
    fn deep_and_long_runs_are_no_trouble() {
        let mut view = View::new(LIMITS);
        for id in 0..10_000 {
            view.apply(&call(id, id.checked_sub(1), "f", 0.0));
        }
        for id in 10_000..30_000 {
            view.apply(&span(id, None, "s", SpanKind::Exec, 0.0));
            view.apply(&finished(id, SpanOutcome::Ok, 0.0));
        }
        assert_eq!(render(&view, 80, true).len(), 30_000);
    }
}
