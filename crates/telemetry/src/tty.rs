//! The live tree that a terminal shows while things run.
//!
//! A pure function of the view, the size of the screen and the time. Whoever draws it replaces the lines drawn before.
//!
//! ```text
//! ✗ withExec ruff check .  3.1s
//!   │ src/x.py:1:1 F401 unused import
//!   └ exit code 1
//! ● container.stdout  4.0s
//!   ├ ● withExec pytest -q  1.2s
//!   │   │ 12 passed
//!   └ ● pull alpine:3.20  0.4s  1.0 MB / 3.6 MB
//! 2 running, 14 cached, 1 failed of 21 steps  4.0s
//! ```

use crate::event::{Level, SpanKind};
use crate::format;
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

/// Lines of log shown below a failed step.
const FAILED_LOG_LINES: usize = 10;

/// One line of the picture, and how readily it is given up when there is no room: 0 last.
struct Line {
    text: Styled,
    expendable: u8,
}

/// The lines to show at `now_ns`, on the same clock as the events. Without line ends.
///
/// If there is not enough room, logs of running steps are shortened first, then failed steps' logs, then the
/// oldest lines go. The last line, with the counts, always stays.
#[must_use]
pub fn render(view: &View, screen: &Screen, now_ns: u64) -> Vec<String> {
    if screen.height == 0 || screen.width == 0 {
        return Vec::new();
    }
    let mut lines = Vec::new();
    for (level, text) in view.messages().rev().take(3).collect::<Vec<_>>().into_iter().rev() {
        if level >= Level::Warning {
            lines.push(message(level, text));
        }
    }
    for span in view.failed().filter(|span| shows_failure(view, span)) {
        failed(&mut lines, span);
    }
    running(&mut lines, view, screen, now_ns);
    fit(&mut lines, screen.height - 1);
    lines.push(Line { text: footer(view, now_ns), expendable: 0 });
    lines.into_iter().map(|line| line.text.render(screen.width, screen.colour)).collect()
}

fn message(level: Level, text: &str) -> Line {
    let mut line = Styled::default();
    match level {
        Level::Error => line.add(Style::Bad, "error: "),
        _ => line.add(Style::Warn, "warning: "),
    };
    line.add(Style::Plain, &crate::text::clean(text.lines().next().unwrap_or_default()));
    Line { text: line, expendable: 1 }
}

/// A call fails because a part of it fails; only the part is shown then.
fn shows_failure(view: &View, span: &Span) -> bool {
    let mut parts = view.children(span);
    span.kind != SpanKind::Call || !parts.any(|part| matches!(part.state, SpanState::Failed { .. }))
}

fn failed(lines: &mut Vec<Line>, span: &Span) {
    let SpanState::Failed { message, exit_code } = &span.state else { return };
    let mut head = Styled::default();
    head.add(Style::Bad, "✗ ").add(Style::Plain, &span.label);
    head.add(Style::Dim, &format!("  {}", format::duration(span.duration_ns(0))));
    lines.push(Line { text: head, expendable: 0 });
    log(lines, span, "  ", FAILED_LOG_LINES, 2);
    let why = exit_code.map_or_else(
        || crate::text::clean(message.lines().next().unwrap_or("failed")).into_owned(),
        |code| format!("exit code {code}"),
    );
    let mut end = Styled::default();
    end.add(Style::Dim, "  └ ").add(Style::Bad, &why);
    lines.push(Line { text: end, expendable: 1 });
}

/// The tree of what runs, without what is over.
fn running(lines: &mut Vec<Line>, view: &View, screen: &Screen, now_ns: u64) {
    // On a stack of our own: calls may be nested thousands deep. Each entry has the lines drawn left of its children.
    let mut todo: Vec<(&Span, String, &str, &str)> = Vec::new();
    push_running(&mut todo, view.roots(), "", true);
    while let Some((span, left, branch, below)) = todo.pop() {
        // What would be drawn right of the screen, or far below it, costs time and is not seen.
        if lines.len() > screen.height * 8 {
            break;
        }
        let mut head = Styled::default();
        head.add(Style::Dim, &format!("{left}{branch}"))
            .add(Style::Good, "● ")
            .add(Style::Plain, &span.label);
        head.add(Style::Dim, &format!("  {}", format::duration(span.duration_ns(now_ns))));
        if let Some(progress) = &span.progress {
            let text = format::progress(progress.current, progress.total, &progress.unit);
            head.add(Style::Dim, &format!("  {text}"));
        }
        lines.push(Line { text: head, expendable: 1 });
        let inner = format!("{left}{below}");
        let has_parts = view.children(span).any(|part| part.state == SpanState::Running);
        log(lines, span, &format!("{inner}{}", if has_parts { "│ " } else { "  " }), screen.log_lines, 3);
        // Deeper than the screen is wide there is nothing to see but indentation.
        let inner = if inner.chars().count() * 2 > screen.width { left } else { inner };
        push_running(&mut todo, view.children(span), &inner, false);
    }
}

fn push_running<'a>(
    todo: &mut Vec<(&'a Span, String, &'static str, &'static str)>,
    spans: impl DoubleEndedIterator<Item = &'a Span>,
    left: &str,
    root: bool,
) {
    let running: Vec<_> = spans.filter(|span| span.state == SpanState::Running).collect();
    for (index, span) in running.iter().enumerate().rev() {
        let (branch, below) = match (root, index + 1 == running.len()) {
            (true, _) => ("", "  "),
            (false, true) => ("└ ", "  "),
            (false, false) => ("├ ", "│ "),
        };
        todo.push((span, left.to_owned(), branch, below));
    }
}

fn log(lines: &mut Vec<Line>, span: &Span, left: &str, count: usize, expendable: u8) {
    for line in span.log.iter().skip(span.log.len().saturating_sub(count)) {
        let mut text = Styled::default();
        text.add(Style::Dim, &format!("{left}│ ")).add(Style::Dim, &line.text);
        lines.push(Line { text, expendable });
    }
}

/// Takes lines out, the most expendable and among these the oldest first, until `room` are left.
fn fit(lines: &mut Vec<Line>, room: usize) {
    for expendable in (0..=3).rev() {
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
    use crate::event::{SpanOutcome, Stream};
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
● container.stdout  5.0s
  ├ ● withExec make  4.5s
  │   │ two
  │   │ three
  └ ● pull alpine:3.20  4.5s  1.0 MB / 3.6 MB
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
  └ ● pull alpine:3.20  4.5s …
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
    }
}
