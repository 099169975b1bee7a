//! The live tree that a terminal shows while things run.
//!
//! A pure function of the view, the size of the screen and the time. Whoever draws it replaces the lines drawn before.
//!
//! ```text
//! ✗ withExec ruff check .  3.1s
//!   │ src/x.py:1:1 F401 unused import
//!   └ exit code 1
//! ✓ sync /src  0.1s
//! ✓ withExec pip install pytest  cached
//! ● container.stdout  4.0s
//!   ├ ● withExec pytest -q  1.2s
//!   │   │ 12 passed
//!   └ ● pull alpine:3.20  0.4s
//!       download ████████░░░░  2.4 MB / 3.6 MB  6.0 MB/s  1s left
//!       extract  ████░░░░░░░░  1.2 MB / 3.6 MB  3.0 MB/s  1s left
//! 2 running, 14 cached, 1 failed of 21 steps  4.0s
//! ```

use crate::bars::bars;
use crate::event::Level;
use crate::format;
use crate::steps::{end, failure, head, log, message, shows_failure, why_failed};
use crate::style::{Style, Styled};
use crate::view::{Span, SpanState, View};

/// The screen to draw for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// Columns. Lines are cut to this.
    pub width: usize,
    /// Rows. No more lines than this are given back.
    pub height: usize,
    /// Whether to use ANSI colours. Without them, nothing that they say is lost.
    pub colour: bool,
    /// Lines of log shown below each running step.
    pub log_lines: usize,
}

impl Default for Screen {
    /// 80 by 24, with colours, 3 lines of log.
    fn default() -> Self {
        Self { width: 80, height: 24, colour: true, log_lines: 3 }
    }
}

/// Lines of log shown below a failed step while others run.
const FAILED_LOG_LINES: usize = 10;
/// Steps shown that have just ended.
const RECENT: usize = 5;

/// One line of the picture, and how readily it is given up when there is no room.
struct Line {
    text: Styled,
    expendable: Expendable,
}

/// Later ones go first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Expendable {
    Never,
    Head,
    Bar,
    FailedLog,
    Log,
    Recent,
}

/// The lines to show at `now_ns`, on the same clock as the events. Without line ends.
///
/// If there is not enough room, steps that are over go first, then logs of running steps, then failed steps' logs, then
/// bars, then the oldest lines. The last line, with the counts, always stays. The cost depends on the screen and on what
/// runs, not on how much is over.
#[must_use]
pub fn render(view: &View, screen: &Screen, now_ns: u64) -> Vec<String> {
    if screen.height == 0 || screen.width == 0 {
        return Vec::new();
    }
    let mut lines = Vec::new();
    let mut add = |text, expendable| lines.push(Line { text, expendable });
    for (level, text) in view.messages().rev().take(3).collect::<Vec<_>>().into_iter().rev() {
        if level >= Level::Warning {
            add(message(level, text), Expendable::Head);
        }
    }
    // The first failures are the causes.
    let most = screen.height.div_ceil(3);
    for span in view.failed().take(most).filter(|span| shows_failure(view, span)) {
        failed(&mut add, span);
    }
    more(&mut add, view.failed_count().saturating_sub(most), "failed");
    let recent: Vec<_> = view.recent().rev().take(RECENT).collect();
    for span in recent.into_iter().rev() {
        add(head("", span, now_ns), Expendable::Recent);
    }
    running(&mut add, view, screen, now_ns);
    fit(&mut lines, screen.height - 1);
    lines.push(Line { text: footer(view, now_ns), expendable: Expendable::Never });
    lines.into_iter().map(|line| line.text.render(screen.width, screen.colour)).collect()
}

/// The steps that failed, with the ends of their logs: what stays on the screen when all is over.
#[must_use]
pub fn failures(view: &View, width: usize, colour: bool) -> Vec<String> {
    let failed = view.failed().filter(|span| shows_failure(view, span));
    failed.flat_map(|span| failure("", span, usize::MAX)).map(|line| line.render(width, colour)).collect()
}

/// Most steps that were cancelled which stay on the screen.
const CANCELLED: usize = 10;

/// The steps that were cancelled, as far as they ended last: what they had got to.
#[must_use]
pub fn cancelled(view: &View, width: usize, colour: bool) -> Vec<String> {
    let cancelled = view.recent().filter(|span| span.state == SpanState::Cancelled).take(CANCELLED);
    cancelled.map(|span| head("", span, 0).render(width, colour)).collect()
}

fn more(add: &mut impl FnMut(Styled, Expendable), count: usize, what: &str) {
    if count > 0 {
        let mut line = Styled::default();
        line.add(Style::Dim, &format!("… {count} more {what}"));
        add(line, Expendable::Never);
    }
}

fn failed(add: &mut impl FnMut(Styled, Expendable), span: &Span) {
    let SpanState::Failed { message, exit_code } = &span.state else { return };
    add(head("", span, 0), Expendable::Never);
    for line in log(span, "  ", FAILED_LOG_LINES) {
        add(line, Expendable::FailedLog);
    }
    add(end("  ", &why_failed(message, *exit_code)), Expendable::Head);
}

/// The tree of what runs, without what is over.
fn running(add: &mut impl FnMut(Styled, Expendable), view: &View, screen: &Screen, now_ns: u64) {
    // On a stack of our own: calls may be nested thousands deep. Each entry has the lines drawn left of its children.
    let mut todo: Vec<(&Span, String, &str, &str)> = Vec::new();
    let mut shown = 0;
    push(&mut todo, view.running_roots(), screen.height, "", true);
    while let Some((span, left, branch, below)) = todo.pop() {
        if shown == screen.height {
            break;
        }
        shown += 1;
        add(head(&format!("{left}{branch}"), span, now_ns), Expendable::Head);
        let inner = format!("{left}{below}");
        let has_parts = view.running_children(span).next().is_some();
        let beside = format!("{inner}{}", if has_parts { "│ " } else { "  " });
        if let Some(progress) = &span.progress {
            for line in bars(progress, &beside, screen.width, now_ns) {
                add(line, Expendable::Bar);
            }
        }
        for line in log(span, &beside, screen.log_lines) {
            add(line, Expendable::Log);
        }
        // Deeper than the screen is wide there is nothing to see but indentation.
        let inner = if inner.chars().count() * 2 > screen.width { left } else { inner };
        push(&mut todo, view.running_children(span), screen.height, &inner, false);
    }
    more(add, view.running_count().saturating_sub(shown), "running");
}

/// The first few of the spans, so that the first comes out first.
fn push<'a>(
    todo: &mut Vec<(&'a Span, String, &'static str, &'static str)>,
    spans: impl Iterator<Item = &'a Span>,
    most: usize,
    left: &str,
    root: bool,
) {
    let first = todo.len();
    let mut spans = spans.peekable();
    while let Some(span) = spans.next() {
        let (branch, below) = match (root, spans.peek().is_none()) {
            (true, _) => ("", "  "),
            (false, true) => ("└ ", "  "),
            (false, false) => ("├ ", "│ "),
        };
        todo.push((span, left.to_owned(), branch, below));
        if todo.len() - first >= most {
            break;
        }
    }
    todo[first..].reverse();
}

/// Takes lines out, the most expendable and among these the oldest first, until `room` are left.
fn fit(lines: &mut Vec<Line>, room: usize) {
    use Expendable::{Bar, FailedLog, Head, Log, Never, Recent};
    for expendable in [Recent, Log, FailedLog, Bar, Head, Never] {
        let mut excess = lines.len().saturating_sub(room);
        lines.retain(|line| {
            let goes = excess > 0 && line.expendable == expendable;
            excess -= usize::from(goes);
            !goes
        });
    }
}

fn footer(view: &View, now_ns: u64) -> Styled {
    let counters = view.counters();
    let mut line = Styled::default();
    line.add(Style::Plain, &format!("{} running", counters.running));
    if counters.cached > 0 {
        line.add(Style::Plain, ", ").add(Style::Good, &format!("{} cached", counters.cached));
    }
    if counters.failed > 0 {
        line.add(Style::Plain, ", ").add(Style::Bad, &format!("{} failed", counters.failed));
    }
    let steps = counters.steps;
    line.add(Style::Plain, &format!(" of {steps} step{}", if steps == 1 { "" } else { "s" }));
    let transfers = counters.transfers;
    if transfers > 0 {
        line.add(Style::Plain, &format!(", {transfers} transfer{}", if transfers == 1 { "" } else { "s" }));
    }
    let elapsed = view.first_ns().map_or(0, |first| now_ns.saturating_sub(first));
    line.add(Style::Dim, &format!("  {}", format::duration(elapsed)));
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{SpanKind, SpanOutcome, Stream};
    use crate::testing::{at, call, failure, finished, log, progress, span, view};

    fn picture(view: &View, screen: Screen) -> String {
        let lines = render(view, &screen, at(5.0));
        assert!(lines.len() <= screen.height);
        lines.join("\n")
    }

    const PLAIN: Screen = Screen { width: 60, height: 24, colour: false, log_lines: 2 };

    fn busy() -> View {
        view(&[
            call(1, None, "container.stdout", 0.0),
            span(2, Some(1), "withExec make", SpanKind::Exec, 0.5),
            span(3, Some(1), "pull alpine:3.20", SpanKind::Pull, 0.5),
            span(4, Some(1), "withNewFile /x", SpanKind::Tree, 0.6),
            finished(4, SpanOutcome::Cached, 0.6),
            span(5, None, "withExec ruff check .", SpanKind::Exec, 1.0),
            log(2, Stream::Stdout, "one\ntwo\nthree\nfo", 1.5),
            progress(3, 1_000_000, 3_600_000, "bytes"),
            log(5, Stream::Stderr, "x.py:1:1 \u{1b}[31mF401\u{1b}[0m", 1.6),
            finished(5, failure("process failed", Some(1)), 2.0),
        ])
    }

    #[test]
    fn running_and_failed_steps() {
        assert_eq!(
            picture(&busy(), PLAIN),
            "\
✗ withExec ruff check .  1.0s
  │ x.py:1:1 F401
  └ exit code 1
✓ withNewFile /x  cached
● container.stdout  5.0s
  ├ ● withExec make  4.5s
  │   │ two
  │   │ three
  └ ● pull alpine:3.20  4.5s
      ████████░░░░░░░░░░░░░░░░░░░░░░  1.0 MB / 3.6 MB
2 running, 1 cached, 1 failed of 4 steps  5.0s"
        );
    }

    #[test]
    fn logs_go_first_when_there_is_no_room() {
        assert_eq!(
            picture(&busy(), Screen { height: 6, width: 30, ..PLAIN }),
            "\
✗ withExec ruff check .  1.0s
  └ exit code 1
● container.stdout  5.0s
  ├ ● withExec make  4.5s
  └ ● pull alpine:3.20  4.5s
2 running, 1 cached, 1 failed…"
        );
        for height in 0..12 {
            for width in [0, 1, 2, 7, 200] {
                let lines = render(&busy(), &Screen { height, width, ..PLAIN }, at(5.0));
                assert!(lines.len() <= height);
                assert!(lines.iter().all(|line| line.chars().count() <= width), "{lines:?}");
            }
        }
    }

    #[test]
    fn colours_add_nothing_but_colour() {
        let coloured = picture(&busy(), Screen { colour: true, ..PLAIN });
        assert!(coloured.contains("\u{1b}[1;31m✗ \u{1b}[0m"));
        let bare: Vec<_> = coloured.lines().map(crate::text::clean).collect();
        assert_eq!(bare.join("\n"), picture(&busy(), PLAIN));
    }

    #[test]
    fn a_failed_call_is_shown_by_its_step() {
        let view = view(&[
            call(1, None, "stdout", 0.0),
            span(2, Some(1), "withExec false", SpanKind::Exec, 0.0),
            finished(2, failure("no", Some(1)), 1.0),
            finished(1, failure("no", None), 1.0),
            call(3, None, "from", 1.0),
            finished(3, failure("bad reference\nmore", None), 1.0),
            crate::testing::message(Level::Warning, "old client"),
        ]);
        assert_eq!(
            picture(&view, PLAIN),
            "\
warning: old client
✗ withExec false  1.0s
  └ exit code 1
✗ from  0.0s
  └ bad reference
0 running, 1 failed of 1 step  5.0s"
        );
    }

    #[test]
    fn what_was_interrupted_stays() {
        let mut view = view(&[
            call(1, None, "stdout", 0.0),
            span(2, Some(1), "withExec make", SpanKind::Exec, 0.5),
            span(3, Some(1), "withExec old", SpanKind::Exec, 0.5),
            finished(3, SpanOutcome::Ok, 1.0),
        ]);
        for event in view.cancellations(at(4.0)) {
            view.apply(&event);
        }
        assert_eq!(view.running_count(), 0);
        assert_eq!(cancelled(&view, 60, false), ["- withExec make  3.5s  cancelled"]);
        assert_eq!(crate::Summary::of(&view).counts.cancelled, 1);
    }

    #[test]
    fn nothing_yet() {
        assert_eq!(picture(&View::default(), PLAIN), "0 running of 0 steps  0.0s");
    }

    /// Calls nested thousands deep, and thousands side by side.
    #[test]
    fn large_trees_are_drawn_quickly() {
        let mut view = View::default();
        for id in 0..3_000 {
            view.apply(&call(id, id.checked_sub(1), "f", 0.0));
        }
        for id in 3_000..6_000 {
            view.apply(&span(id, None, "s", SpanKind::Exec, 0.0));
        }
        let lines = render(&view, &PLAIN, at(1.0));
        assert_eq!(lines.len(), PLAIN.height);
        assert!(lines.last().is_some_and(|line| line.starts_with("3000 running of 3000 steps")));
        assert_eq!(lines[PLAIN.height - 2], "… 5976 more running");
    }
}
