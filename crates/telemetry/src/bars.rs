//! How far a step has got: one line for each thing that is done, with a bar, a rate, and the time that is left.

use crate::format;
use crate::style::{Style, Styled, width};
use crate::view::{Phase, Progress};

/// Columns of a bar.
const MOST: usize = 30;
const LEAST: usize = 5;

/// The lines of one step, each with `left` before it, for so many columns.
pub(crate) fn bars(progress: &Progress, left: &str, columns: usize, now_ns: u64) -> Vec<Styled> {
    let phases = match &progress.extraction {
        Some(extraction) => vec![("download ", &progress.transfer), ("extract  ", extraction)],
        None => vec![("", &progress.transfer)],
    };
    let total = progress.total.filter(|total| *total > 0);
    let lines: Vec<_> = phases
        .into_iter()
        .map(|(name, phase)| (format!("{left}{name}"), phase, numbers(progress, phase, total, now_ns)))
        .collect();
    // One length for all, so that they can be compared.
    let used = lines.iter().map(|(left, _, numbers)| width(left) + width(numbers) + 2).max().unwrap_or(0);
    let room = columns.saturating_sub(used).min(MOST);
    let styled = |(left, phase, numbers): &(String, &Phase, String)| {
        let mut line = Styled::default();
        line.add(Style::Dim, left);
        if let Some(total) = total.filter(|_| room >= LEAST) {
            let full = usize::try_from(room as u128 * u128::from(phase.done) / u128::from(total));
            let full = full.map_or(room, |full| full.min(room));
            let rest = "░".repeat(room - full);
            line.add(Style::Good, &"█".repeat(full)).add(Style::Dim, &rest).add(Style::Dim, "  ");
        }
        line.add(Style::Dim, numbers);
        line
    };
    lines.iter().map(styled).collect()
}

/// How much, how quickly, how long still.
fn numbers(progress: &Progress, phase: &Phase, total: Option<u64>, now_ns: u64) -> String {
    let unit = &progress.unit;
    let mut text = format::progress(phase.done, total, unit);
    if total.is_some_and(|total| phase.done >= total) {
        return text;
    }
    if let Some(rate) = phase.per_second(now_ns).filter(|rate| *rate > 0) {
        text.push_str(&format!("  {}/s", format::progress(rate, None, unit)));
    }
    if let Some(left) = total.and_then(|total| phase.left_ns(total, now_ns)) {
        text.push_str(&format!("  {} left", format::rounded(left)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, SpanKind};
    use crate::testing::{at, pulled, span, view};

    fn shown(events: &[Event], columns: usize, now: f64) -> Vec<String> {
        let view = view(events);
        let lines = bars(view.span(1).unwrap().progress.as_ref().unwrap(), "  ", columns, at(now));
        lines.iter().map(|line| line.render(columns, false)).collect()
    }

    #[test]
    fn transfer_and_extraction_have_rates_and_times_left() {
        let mut events = vec![span(1, None, "pull", SpanKind::Pull, 1.0)];
        events.extend(
            (0..=10).map(|n| pulled(1, n * 4_000_000, n * 1_000_000, 100_000_000, 1.0 + n as f64 / 5.0)),
        );
        assert_eq!(
            shown(&events, 80, 3.0),
            [
                "  download ███████████░░░░░░░░░░░░░░░░░░  40.0 MB / 100.0 MB  20.0 MB/s  3s left",
                "  extract  ██░░░░░░░░░░░░░░░░░░░░░░░░░░░  10.0 MB / 100.0 MB  5.0 MB/s  18s left",
            ]
        );
        assert_eq!(
            shown(&events, 60, 3.0)[0],
            "  download ███░░░░░░  40.0 MB / 100.0 MB  20.0 MB/s  3s left"
        );
        assert_eq!(shown(&events, 50, 3.0)[0], "  download 40.0 MB / 100.0 MB  20.0 MB/s  3s left");
        // Stopped: the rate falls, and with it the hope.
        assert!(
            shown(&events, 200, 63.0)[0].ends_with("  645.1 kB/s  1m34s left"),
            "{:?}",
            shown(&events, 200, 63.0)
        );
    }

    #[test]
    fn nothing_is_made_up() {
        let unknown = |current, total| Event::SpanProgress {
            id: 1,
            current,
            total,
            unit: "files".into(),
            extracted: None,
            time_ns: 0,
        };
        let start = span(1, None, "sync", SpanKind::Sync, 1.0);
        assert_eq!(shown(&[start.clone(), unknown(12, None)], 60, 9.0), ["  12 files"]);
        assert_eq!(shown(&[start.clone(), unknown(12, Some(0))], 60, 9.0), ["  12 files"]);
        assert_eq!(
            shown(&[start, unknown(90, Some(40))], 60, 9.0),
            ["  ██████████████████████████████  90 / 40 files"],
            "more than there was to do"
        );
    }
}
