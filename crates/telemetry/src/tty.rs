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
/// Lines in which there is no room for logs of steps that run, if there are as many steps.
const FEW: usize = 6;
/// Steps shown that have just ended.
const RECENT: usize = 5;

/// One line of the picture, and how readily it is given up when there is no room.
struct Line {
    text: Styled,
    expendable: Expendable,
}

/// Later ones go first. Lines of a log have their distance from its end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Expendable {
    Never,
    Head,
    Bar,
    Log(usize),
    Recent,
}

/// The lines to show at `now_ns`, on the same clock as the events. Without line ends.
///
/// If there is not enough room, steps that are over go first, then the logs line by line, the longest first, so that as many
/// steps as possible show the end of theirs; then bars. Among equals the first are those that are waited for, or the causes:
/// they stay. A part of the room is kept for logs and bars: of more steps than there are lines, fewer are shown. The last line,
/// with the counts, always stays. The cost depends on the screen and on what runs, not on how much is over.
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
    let most = screen.height.div_ceil(4);
    for span in view.failed().take(most).filter(|span| shows_failure(view, span)) {
        failed(&mut add, span);
    }
    more(&mut add, view.failed_count().saturating_sub(most), "failed");
    let recent: Vec<_> = view.recent().rev().take(RECENT).collect();
    for span in recent.into_iter().rev() {
        add(head("", span, now_ns), Expendable::Recent);
    }
    let room = screen.height - 1;
    let taken = lines.iter().filter(|line| line.expendable <= Expendable::Head).count();
    running(&mut lines, view, screen, room.saturating_sub(taken), now_ns);
    fit(&mut lines, room);
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
    let log: Vec<_> = log(span, "  ", FAILED_LOG_LINES).collect();
    let count = log.len();
    for (at, line) in log.into_iter().enumerate() {
        add(line, Expendable::Log(count - 1 - at));
    }
    add(end("  ", &why_failed(message, *exit_code)), Expendable::Head);
}

/// One step that runs, with what is below it.
struct Running {
    head: Styled,
    below: Vec<Line>,
}

/// The tree of what runs, without what is over. `room`: lines that there are for it, without those that others can give up.
fn running(lines: &mut Vec<Line>, view: &View, screen: &Screen, room: usize, now_ns: u64) {
    let steps = tree(view, screen, room, now_ns);
    // With a third of the room for what is below them, as far as there is anything. Where there is hardly any, names are more.
    let most = if room < FEW { room } else { room - room / 3 };
    let below: usize = steps.iter().take(most).map(|step| step.below.len()).sum();
    let mut shown = steps.len();
    if shown + below > room {
        shown = shown.min(room.saturating_sub(below).max(most));
    }
    if shown < view.running_count() {
        // A line says how many there are besides.
        shown = shown.min(room.saturating_sub(1));
    }
    for step in steps.into_iter().take(shown) {
        lines.push(Line { text: step.head, expendable: Expendable::Head });
        lines.extend(step.below);
    }
    let mut add = |text, expendable| lines.push(Line { text, expendable });
    more(&mut add, view.running_count() - shown, "running");
}

/// The first steps of that tree.
fn tree(view: &View, screen: &Screen, most: usize, now_ns: u64) -> Vec<Running> {
    let mut steps = Vec::new();
    // On a stack of our own: calls may be nested thousands deep. Each entry has the lines drawn left of its children.
    let mut todo: Vec<(&Span, String, &str, &str)> = Vec::new();
    push(&mut todo, view.running_roots(), most, "", true);
    while let Some((span, left, branch, below)) = todo.pop() {
        if steps.len() == most {
            break;
        }
        let inner = format!("{left}{below}");
        let has_parts = view.running_children(span).next().is_some();
        let beside = format!("{inner}{}", if has_parts { "│ " } else { "  " });
        let bars = span.progress.iter().flat_map(|progress| bars(progress, &beside, screen.width, now_ns));
        let mut lines: Vec<_> = bars.map(|text| Line { text, expendable: Expendable::Bar }).collect();
        let log: Vec<_> = log(span, &beside, screen.log_lines).collect();
        let count = log.len();
        lines.extend(
            log.into_iter()
                .enumerate()
                .map(|(at, text)| Line { text, expendable: Expendable::Log(count - 1 - at) }),
        );
        steps.push(Running { head: head(&format!("{left}{branch}"), span, now_ns), below: lines });
        // Deeper than the screen is wide there is nothing to see but indentation.
        let inner = if inner.chars().count() * 2 > screen.width { left } else { inner };
        push(&mut todo, view.running_children(span), most, &inner, false);
    }
    steps
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

/// Takes lines out, the most expendable and among these the last first, until `room` are left.
fn fit(lines: &mut Vec<Line>, room: usize) {
    let mut excess = lines.len().saturating_sub(room);
    let mut kinds: Vec<_> = lines.iter().map(|line| line.expendable).collect();
    kinds.sort_unstable();
    kinds.dedup();
    for expendable in kinds.into_iter().rev() {
        let count = lines.iter().filter(|line| line.expendable == expendable).count();
        let mut stay = count.saturating_sub(excess);
        excess -= count - stay;
        lines.retain(|line| {
            let goes = line.expendable == expendable && stay == 0;
            stay -= usize::from(line.expendable == expendable && !goes);
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
    let count = |number: u64, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    let (steps, transfers) = (count(counters.steps, "step"), count(counters.transfers, "transfer"));
    let all = match (counters.steps, counters.transfers) {
        (_, 0) => steps,
        (0, _) => transfers,
        _ => format!("{steps} and {transfers}"),
    };
    line.add(Style::Plain, &format!(" of {all}"));
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

    /// What runs may be a transfer, so it is one of both.
    #[test]
    fn the_last_line_counts_transfers_beside_steps() {
        let footer = |events: &[_]| render(&view(events), &PLAIN, at(5.0)).pop().unwrap();
        let sync = span(1, None, "sync /src", SpanKind::Sync, 0.0);
        assert_eq!(footer(std::slice::from_ref(&sync)), "1 running of 1 transfer  5.0s");
        let exec = span(2, None, "make", SpanKind::Exec, 1.0);
        let export = span(3, None, "export file", SpanKind::Export, 1.0);
        assert_eq!(footer(&[sync, exec, export]), "3 running of 1 step and 2 transfers  5.0s");
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

    fn many(steps: u64, log: &[&str]) -> View {
        let mut view = View::default();
        for id in 0..steps {
            view.apply(&span(id, None, &format!("make {id}"), SpanKind::Exec, 0.0));
            for line in log {
                view.apply(&crate::testing::log(id, Stream::Stdout, &format!("{line} of {id}\n"), 0.1));
            }
        }
        view
    }

    /// Before a step shows a second line of its log, all others show one.
    #[test]
    fn logs_are_shown_fairly() {
        assert_eq!(
            picture(&many(3, &["one", "two"]), Screen { height: 9, ..PLAIN }),
            "\
● make 0  5.0s
    │ one of 0
    │ two of 0
● make 1  5.0s
    │ one of 1
    │ two of 1
● make 2  5.0s
    │ two of 2
3 running of 3 steps  5.0s"
        );
    }

    /// There are logs, and the numbers are right, however many run.
    #[test]
    fn more_steps_than_lines() {
        assert_eq!(
            picture(&many(100, &["one", "two"]), Screen { height: 8, ..PLAIN }),
            "\
● make 0  5.0s
    │ two of 0
● make 1  5.0s
● make 2  5.0s
● make 3  5.0s
● make 4  5.0s
… 95 more running
100 running of 100 steps  5.0s"
        );
        // Who writes nothing needs no room for it.
        let silent = picture(&many(100, &[]), Screen { height: 8, ..PLAIN });
        assert!(silent.contains("● make 5  5.0s\n… 94 more running\n"), "{silent}");
        assert!(!silent.contains("● make 6 "), "{silent}");
        let fits = picture(&many(7, &[]), Screen { height: 8, ..PLAIN });
        assert!(fits.contains("● make 6  5.0s\n7 running"), "{fits}");
    }

    /// Both what failed and what runs shows the ends of its logs.
    #[test]
    fn failures_among_many_steps() {
        let mut view = many(40, &["one", "two"]);
        for id in 0..9 {
            view.apply(&finished(id, failure("no", Some(2)), 3.0));
        }
        assert_eq!(
            picture(&view, Screen { height: 16, ..PLAIN }),
            "\
✗ make 0  3.0s
  │ two of 0
  └ exit code 2
✗ make 1  3.0s
  └ exit code 2
✗ make 2  3.0s
  └ exit code 2
✗ make 3  3.0s
  └ exit code 2
… 5 more failed
● make 9  5.0s
● make 10  5.0s
● make 11  5.0s
● make 12  5.0s
… 27 more running
31 running, 9 failed of 40 steps  5.0s"
        );
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
        let events = [
            call(1, None, "stdout", 0.0),
            span(2, Some(1), "withExec make", SpanKind::Exec, 0.5),
            span(3, Some(1), "withExec old", SpanKind::Exec, 0.5),
            finished(3, SpanOutcome::Ok, 1.0),
        ];
        let mut view = view(&events);
        let mut open = crate::Open::default();
        events.iter().for_each(|event| open.apply(event));
        for event in open.cancellations(at(4.0)) {
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
        assert_eq!(lines[PLAIN.height - 2], "… 5978 more running");
    }
}
