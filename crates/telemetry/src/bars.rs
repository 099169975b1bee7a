//! How far a step has got: one line for each thing that is done, with a bar, a rate, and the time that is left.

use crate::format;
use crate::style::{Style, Styled, width};
use crate::text::clean;
use crate::view::{Phase, Progress};

/// Columns of a bar.
const MOST: usize = 30;
const LEAST: usize = 5;

/// The lines of one step, each with `left` before it, for so many columns.
pub(crate) fn bars(progress: &Progress, left: &str, columns: usize, now_ns: u64) -> Vec<Styled> {
    let total = progress.total.filter(|total| *total > 0);
    let phases = match &progress.extraction {
        // Nothing had to come.
        Some(extraction) if total.is_some_and(|total| progress.present >= total) => {
            vec![("extract  ".to_owned(), extraction)]
        }
        Some(extraction) => {
            vec![("download ".to_owned(), &progress.transfer), ("extract  ".to_owned(), extraction)]
        }
        None if progress.phase.is_empty() => vec![(String::new(), &progress.transfer)],
        None => vec![(format!("{} ", clean(&progress.phase)), &progress.transfer)],
    };
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
    lines.iter().filter(|(_, _, numbers)| !numbers.is_empty()).map(styled).collect()
}

/// How much, how quickly, how long still, and of how many files.
pub(crate) fn numbers(progress: &Progress, phase: &Phase, total: Option<u64>, now_ns: u64) -> String {
    let unit = &progress.unit;
    let mut parts = Vec::new();
    // Files that are only looked at move nothing.
    if phase.done > 0 || total.is_some() || progress.files.is_none() {
        parts.push(format::progress(phase.done, total, unit));
    }
    if total.is_none_or(|total| phase.done < total) {
        let rate = phase.per_second(now_ns).filter(|rate| *rate > 0);
        parts.extend(rate.map(|rate| format!("{}/s", format::progress(rate, None, unit))));
        let left = total.and_then(|total| phase.left_ns(total, now_ns));
        parts.extend(left.map(|left| format!("{} left", format::rounded(left))));
    }
    parts.extend(progress.files.map(format::files));
    parts.join("  ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, SpanKind};
    use crate::testing::{at, pulled, so_far, span, view, with};

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
        let unknown = |current, total| so_far(1, current, total, "files", 0.0);
        let start = span(1, None, "sync", SpanKind::Sync, 1.0);
        assert_eq!(shown(&[start.clone(), unknown(12, None)], 60, 9.0), ["  12 files"]);
        assert_eq!(shown(&[start.clone(), unknown(12, Some(0))], 60, 9.0), ["  12 files"]);
        assert_eq!(
            shown(&[start, unknown(90, Some(40))], 60, 9.0),
            ["  ██████████████████████████████  90 / 40 files"],
            "more than there was to do"
        );
    }

    #[test]
    fn files_and_what_is_no_transfer() {
        let start = span(1, None, "sync", SpanKind::Sync, 1.0);
        let told = |current, total, time, phase| {
            with(so_far(1, current, total, "bytes", time), 0, Some(1_204), phase)
        };
        assert_eq!(
            shown(&[start.clone(), told(0, Some(0), 1.0, "")], 80, 2.0),
            ["  1204 files"],
            "nothing to send"
        );
        let sent =
            [start.clone(), told(0, Some(40_000_000), 1.0, ""), told(10_000_000, Some(40_000_000), 2.0, "")];
        assert_eq!(
            shown(&sent, 80, 2.0),
            ["  ██████░░░░░░░░░░░░░░░░░░░░░  10.0 MB / 40.0 MB  10.0 MB/s  3s left  1204 files"]
        );
        assert_eq!(shown(&sent, 60, 2.0), ["  █░░░░░░  10.0 MB / 40.0 MB  10.0 MB/s  3s left  1204 files"]);
        let packed = [start, told(5_000, None, 1.0, "pack"), told(10_000, None, 2.0, "pack")];
        assert_eq!(shown(&packed, 80, 2.0), ["  pack 10.0 kB  5.0 kB/s  1204 files"], "no end is known");
    }

    #[test]
    fn what_is_there_already_is_only_unpacked() {
        let start = span(1, None, "import", SpanKind::Pull, 1.0);
        let there = |unpacked, time| with(pulled(1, 4_000, unpacked, 4_000, time), 4_000, None, "");
        assert_eq!(
            shown(&[start, there(1_000, 1.0), there(2_000, 2.0)], 60, 2.0),
            ["  extract  ██████░░░░░░░  2.0 kB / 4.0 kB  1.0 kB/s  2s left"]
        );
    }
}
