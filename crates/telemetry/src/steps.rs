//! Lines about single steps, as all views for people show them.

use crate::event::{Level, SpanKind};
use crate::format;
use crate::style::{Style, Styled};
use crate::text::clean;
use crate::view::{Span, SpanState, View};

/// What was said that belongs to no step.
pub(crate) fn message(level: Level, text: &str) -> Styled {
    let mut line = Styled::default();
    match level {
        Level::Error => line.add(Style::Bad, "error: "),
        _ => line.add(Style::Warn, "warning: "),
    };
    line.add(Style::Plain, &clean(text.lines().next().unwrap_or_default()));
    line
}

/// A call fails because a part of it fails; only the part is shown then.
pub(crate) fn shows_failure(view: &View, span: &Span) -> bool {
    let mut parts = view.children(span);
    span.kind != SpanKind::Call || !parts.any(|part| matches!(part.state, SpanState::Failed { .. }))
}

/// Why a step failed, in a line.
pub(crate) fn why_failed(message: &str, exit_code: Option<i32>) -> String {
    exit_code.map_or_else(
        || clean(message.lines().next().unwrap_or("failed")).into_owned(),
        |code| format!("exit code {code}"),
    )
}

/// Mark, name, and how long it took, or how it was spared.
pub(crate) fn head(left: &str, span: &Span, now_ns: u64) -> Styled {
    let mut head = Styled::default();
    if !left.is_empty() {
        head.add(Style::Dim, left);
    }
    match span.state {
        SpanState::Running => head.add(Style::Good, "● "),
        SpanState::Ok | SpanState::Cached => head.add(Style::Good, "✓ "),
        SpanState::Failed { .. } => head.add(Style::Bad, "✗ "),
        SpanState::Cancelled => head.add(Style::Dim, "- "),
    };
    head.add_flexible(Style::Plain, &span.label);
    match span.state {
        SpanState::Cached => head.add(Style::Good, "  cached"),
        _ => head.add(Style::Dim, &format!("  {}", format::duration(span.duration_ns(now_ns)))),
    };
    if span.state == SpanState::Cancelled {
        head.add(Style::Dim, "  cancelled");
    }
    head
}

/// The latest lines that it wrote.
pub(crate) fn log(span: &Span, left: &str, count: usize) -> impl Iterator<Item = Styled> {
    let left = format!("{left}│ ");
    span.log.iter().skip(span.log.len().saturating_sub(count)).map(move |line| {
        let mut text = Styled::default();
        text.add(Style::Dim, &left).add(Style::Dim, &line.text);
        text
    })
}

/// The last line below a step that failed.
pub(crate) fn end(left: &str, why: &str) -> Styled {
    let mut end = Styled::default();
    end.add(Style::Dim, &format!("{left}└ ")).add(Style::Bad, why);
    end
}

/// A step that failed: what, what it wrote last, why. With messages of several lines in full.
pub(crate) fn failure(left: &str, span: &Span, log_lines: usize) -> Vec<Styled> {
    let SpanState::Failed { message, exit_code } = &span.state else { return Vec::new() };
    let below = format!("{left}  ");
    let mut lines = vec![head(left, span, 0)];
    lines.extend(log(span, &below, log_lines));
    if exit_code.is_none() {
        let mut more = message.lines().filter(|line| !line.trim().is_empty()).peekable();
        while let Some(line) = more.next() {
            if more.peek().is_none() {
                lines.push(end(&below, &clean(line)));
            } else {
                let mut text = Styled::default();
                text.add(Style::Dim, &format!("{below}│ ")).add(Style::Bad, &clean(line));
                lines.push(text);
            }
        }
    } else {
        lines.push(end(&below, &why_failed(message, *exit_code)));
    }
    lines
}
