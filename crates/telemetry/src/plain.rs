//! Events as lines of text that can be read in a file and searched with grep.
//!
//! ```text
//! #3 withExec pytest -q
//! #3 not cached: file src/x.py changed
//! #3 0.531 12 passed
//! #3 DONE 1.2s
//! #4 CACHED
//! #5 ERROR exit code 1
//! #6 pull alpine:3.20
//! #6 moved 3.6 MB, 6.0 MB/s
//! #6 DONE 0.6s
//! ```
//!
//! Every line starts with the number of its step, so lines of steps that run at the same time may alternate; a line is
//! written only when it is complete.

use std::collections::HashMap;

use crate::bars::numbers;
use crate::event::{Event, Level, SpanId, SpanKind, SpanOutcome, Stream};
use crate::format;
use crate::text::{Lines, clean, one_line};
use crate::view::Progress;

/// Least time between two lines about how far a step has got, nanoseconds.
const EVERY_NS: u64 = 10_000_000_000;

/// What [`Plain`] writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlainConfig {
    /// Also write the spans of API calls, which do no work themselves.
    pub calls: bool,
    /// Messages below this level are left out.
    pub level: Level,
}

impl Default for PlainConfig {
    /// Without calls; from [`Level::Info`] on.
    fn default() -> Self {
        Self { calls: false, level: Level::Info }
    }
}

/// The state of the writer: which steps are open and which of their lines are not complete.
#[derive(Clone, Debug, Default)]
pub struct Plain {
    config: PlainConfig,
    open: HashMap<SpanId, Step>,
    last_number: u64,
}

#[derive(Clone, Debug)]
struct Step {
    number: u64,
    started_ns: u64,
    label: String,
    cached: bool,
    lines: [Lines; 2],
    last_log_ns: u64,
    progress: Option<Progress>,
    /// When something was last said of how far it has got.
    told_ns: u64,
}

impl Plain {
    /// A writer at the beginning of a stream.
    #[must_use]
    pub fn new(config: PlainConfig) -> Self {
        Self { config, ..Self::default() }
    }

    /// The lines to write for this event: none, one or more, each with its `\n`.
    pub fn render(&mut self, event: &Event) -> String {
        let mut out = String::new();
        match event {
            Event::SpanStarted { id, label, kind, time_ns, .. } => {
                if *kind != SpanKind::Call || self.config.calls {
                    self.start(&mut out, *id, label, *time_ns);
                }
            }
            Event::SpanLog { id, stream, text, time_ns } => {
                if let Some(step) = self.open.get_mut(id) {
                    step.last_log_ns = *time_ns;
                    let lines = step.lines[*stream as usize].push(text);
                    step.log(&mut out, lines);
                }
            }
            Event::SpanProgress { id, time_ns, .. } => {
                if let Some(step) = self.open.get_mut(id) {
                    step.progress.get_or_insert_default().apply(event);
                    step.sign_of_life(&mut out, *time_ns);
                }
            }
            Event::SpanCached { id, .. } => {
                if let Some(step) = self.open.get_mut(id) {
                    step.cached = true;
                }
            }
            Event::SpanNotCached { id, reason } => {
                if let Some(step) = self.open.get(id)
                    && !reason.is_empty()
                {
                    step.line(&mut out, &format!("not cached: {}", clean(reason)));
                }
            }
            Event::SpanFinished { id, outcome, time_ns } => {
                if let Some(step) = self.open.remove(id) {
                    step.finish(&mut out, outcome, *time_ns);
                }
            }
            Event::Message { level, text } if *level >= self.config.level => {
                let prefix = match level {
                    Level::Debug => "debug: ",
                    Level::Info => "",
                    Level::Warning => "warning: ",
                    Level::Error => "error: ",
                };
                for line in text.lines() {
                    out.push_str(prefix);
                    out.push_str(&clean(line));
                    out.push('\n');
                }
            }
            Event::SpanSource { .. }
            | Event::SpanUsage { .. }
            | Event::SpanMoment(_)
            | Event::Message { .. }
            | Event::SpanSpared { .. }
            | Event::Other(_) => {}
        }
        out
    }

    fn start(&mut self, out: &mut String, id: SpanId, label: &str, time_ns: u64) {
        if self.open.contains_key(&id) {
            return;
        }
        self.last_number += 1;
        let step = Step {
            number: self.last_number,
            started_ns: time_ns,
            label: one_line(label),
            cached: false,
            lines: Default::default(),
            last_log_ns: time_ns,
            progress: None,
            told_ns: time_ns,
        };
        step.line(out, &step.label);
        self.open.insert(id, step);
    }
}

impl Step {
    fn line(&self, out: &mut String, text: &str) {
        out.push('#');
        out.push_str(&self.number.to_string());
        if !text.is_empty() {
            out.push(' ');
            out.push_str(text);
        }
        out.push('\n');
    }

    fn log(&self, out: &mut String, lines: impl IntoIterator<Item = String>) {
        let at = format::seconds(self.last_log_ns.saturating_sub(self.started_ns));
        for line in lines {
            self.line(out, format!("{at} {line}").trim_end());
        }
    }

    /// Now and then a line of what takes long: a log is no place for a moving bar.
    fn sign_of_life(&mut self, out: &mut String, time_ns: u64) {
        let Some(progress) = &self.progress else { return };
        if time_ns < self.told_ns.saturating_add(EVERY_NS) {
            return;
        }
        self.told_ns = time_ns;
        let total = progress.total.filter(|total| *total > 0);
        let phases = [Some((progress.phase.as_str(), &progress.transfer))]
            .into_iter()
            .chain([progress.extraction.as_ref().map(|extraction| ("extract", extraction))]);
        // Of what comes and is unpacked, that which is behind says how far it is.
        let Some((name, phase)) = phases.flatten().min_by_key(|(_, phase)| phase.done) else { return };
        let numbers = numbers(progress, phase, total, time_ns);
        if !numbers.is_empty() {
            self.line(out, &format!("{} {numbers}", clean(name)).trim_start().replace("  ", ", "));
        }
    }

    /// How much was moved, in all.
    fn moved(&self, out: &mut String, took_ns: u64) {
        let Some(progress) = &self.progress else { return };
        let mut parts = Vec::new();
        if progress.moved > 0 {
            let rate = u128::from(progress.moved) * 1_000_000_000 / u128::from(took_ns.max(1));
            let rate = u64::try_from(rate).unwrap_or(u64::MAX);
            parts.push(format!("moved {}, {}/s", format::bytes(progress.moved), format::bytes(rate)));
        }
        parts.extend(progress.files.map(format::files));
        if !parts.is_empty() {
            self.line(out, &parts.join(", "));
        }
    }

    fn finish(mut self, out: &mut String, outcome: &SpanOutcome, time_ns: u64) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            let rest = self.lines[stream as usize].finish();
            self.log(out, rest);
        }
        let took_ns = time_ns.saturating_sub(self.started_ns);
        self.moved(out, took_ns);
        let took = format::duration(took_ns);
        match outcome {
            SpanOutcome::Cached => self.line(out, "CACHED"),
            SpanOutcome::Ok | SpanOutcome::Other(_) if self.cached => self.line(out, "CACHED"),
            SpanOutcome::Ok | SpanOutcome::Other(_) => self.line(out, &format!("DONE {took}")),
            SpanOutcome::Cancelled => self.line(out, &format!("CANCELLED after {took}")),
            SpanOutcome::Failed { message, exit_code } => {
                let mut lines = message.lines().filter(|line| !line.trim().is_empty()).peekable();
                match exit_code {
                    Some(code) => {
                        self.line(out, &format!("ERROR exit code {code}"));
                        // Messages of commands begin with the code; what comes after it is news.
                        if let Some(more) =
                            lines.next_if(|line| line.starts_with(&format!("exit code: {code}")))
                            && let Some((_, note)) = more.split_once(" (")
                        {
                            self.line(
                                out,
                                &format!("ERROR {}", clean(note.strip_suffix(')').unwrap_or(note))),
                            );
                        }
                    }
                    None => self.line(out, format!("ERROR {}", clean(lines.next().unwrap_or(""))).trim_end()),
                }
                for line in lines {
                    self.line(out, &format!("ERROR {}", clean(line)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{cached, call, failure, finished, log, message, pulled, so_far, span, with};

    fn lines(config: PlainConfig, events: &[Event]) -> String {
        let mut plain = Plain::new(config);
        events.iter().map(|event| plain.render(event)).collect()
    }

    #[test]
    fn steps_and_their_ends() {
        let events = [
            call(70, None, "container.stdout", 0.0),
            span(10, Some(70), "withExec pytest -q", SpanKind::Exec, 10.0),
            Event::SpanNotCached { id: 10, reason: "file src/x.py changed".into() },
            log(10, Stream::Stdout, "12 passed\n", 10.531),
            span(11, None, "withExec\n  sh -c 'a\n b'", SpanKind::Exec, 10.6),
            cached(11, "same", 0.0),
            finished(11, SpanOutcome::Ok, 10.6),
            finished(10, SpanOutcome::Ok, 11.2),
            span(12, None, "withExec false", SpanKind::Exec, 11.0),
            finished(12, failure("process did not complete\n\nsecond line", Some(1)), 11.0),
            span(15, None, "withExec b", SpanKind::Exec, 11.0),
            finished(15, failure("exit code: 137 (killed (by signal 9))", Some(137)), 11.0),
            span(13, None, "pull x", SpanKind::Pull, 11.0),
            finished(13, failure("not found\ntry y", None), 11.0),
            span(14, None, "export", SpanKind::Export, 11.0),
            finished(14, SpanOutcome::Cancelled, 11.4),
            message(Level::Debug, "hidden"),
            message(Level::Warning, "old client\nupdate it"),
            finished(70, SpanOutcome::Ok, 12.0),
        ];
        let expected = "\
#1 withExec pytest -q
#1 not cached: file src/x.py changed
#1 0.531 12 passed
#2 withExec sh -c 'a b'
#2 CACHED
#1 DONE 1.2s
#3 withExec false
#3 ERROR exit code 1
#3 ERROR process did not complete
#3 ERROR second line
#4 withExec b
#4 ERROR exit code 137
#4 ERROR killed (by signal 9)
#5 pull x
#5 ERROR not found
#5 ERROR try y
#6 export
#6 CANCELLED after 0.4s
warning: old client
warning: update it
";
        assert_eq!(lines(PlainConfig::default(), &events), expected);
        let with_calls = lines(PlainConfig { calls: true, level: Level::Error }, &events);
        assert!(with_calls.starts_with("#1 container.stdout\n#2 withExec pytest"));
        assert!(with_calls.ends_with("#1 DONE 12.0s\n"));
    }

    #[test]
    fn half_lines_wait_for_their_other_half() {
        let events = [
            span(1, None, "a", SpanKind::Exec, 0.0),
            span(2, None, "b", SpanKind::Exec, 0.0),
            log(1, Stream::Stdout, "one ", 0.1),
            log(1, Stream::Stderr, "error ", 0.2),
            log(2, Stream::Stdout, "two\n\n", 0.3),
            log(1, Stream::Stdout, "line\nrest", 0.4),
            log(1, Stream::Stderr, "line\n", 0.5),
            finished(1, SpanOutcome::Ok, 1.0),
        ];
        assert_eq!(
            lines(PlainConfig::default(), &events),
            "\
#1 a
#2 b
#2 0.300 two
#2 0.300
#1 0.400 one line
#1 0.500 error line
#1 0.500 rest
#1 DONE 1.0s
"
        );
    }

    /// One line at the end, and one every ten seconds before that.
    #[test]
    fn progress_is_a_few_lines() {
        let mut events = vec![span(1, None, "pull", SpanKind::Pull, 100.0)];
        events.extend((0..=1_000).map(|n| {
            pulled(1, n * 1_000, (n * 1_000).saturating_sub(100_000), 1_000_000, 100.0 + n as f64 / 40.0)
        }));
        events
            .extend([pulled(1, 1_000_000, 1_000_000, 1_000_000, 125.0), finished(1, SpanOutcome::Ok, 125.0)]);
        assert_eq!(
            lines(PlainConfig::default(), &events),
            "\
#1 pull
#1 extract 300.0 kB / 1.0 MB, 40.0 kB/s, 18s left
#1 extract 700.0 kB / 1.0 MB, 40.0 kB/s, 8s left
#1 moved 1.0 MB, 40.0 kB/s
#1 DONE 25.0s
"
        );
    }

    #[test]
    fn only_what_moves_is_said_to_have_moved() {
        let told = |id, current, files, phase| {
            with(so_far(id, current, Some(9_000), "bytes", 1.0), 1_000, files, phase)
        };
        let events = [
            span(1, None, "sync /src", SpanKind::Sync, 0.0),
            told(1, 5_000, Some(12), ""),
            finished(1, failure("no", None), 2.0),
            span(2, None, "sync /src", SpanKind::Sync, 0.0),
            told(2, 1_000, Some(1), ""),
            finished(2, SpanOutcome::Ok, 2.0),
            span(3, None, "archive", SpanKind::Tree, 0.0),
            told(3, 5_000, None, "pack"),
            finished(3, SpanOutcome::Ok, 2.0),
        ];
        assert_eq!(
            lines(PlainConfig::default(), &events),
            "\
#1 sync /src
#1 moved 4.0 kB, 2.0 kB/s, 12 files
#1 ERROR no
#2 sync /src
#2 1 file
#2 DONE 2.0s
#3 archive
#3 DONE 2.0s
"
        );
    }
}
