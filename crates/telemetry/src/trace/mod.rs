//! A whole run, to be looked at when it is over: from events to one page that needs nothing else.
//!
//! The page is a template with the run as JSON in it; `viewer.js` draws what it reads there. What a command wrote is data
//! everywhere: it is never markup, neither here nor there.

mod page;
mod room;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::counters::{Counters, End};
use crate::event::{Event, Level, SpanId, SpanKind, SpanOutcome, Stream};
use crate::text::{Lines, one_line};
use crate::usage::SpanUsage;
use crate::view::Progress;

use room::Share;
pub use room::{Cut, Fate, Written};

/// What was run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Run {
    /// Its name among the runs of this machine.
    pub id: String,
    /// The program and its arguments.
    pub command: String,
    /// Where it was run.
    pub workdir: String,
    /// Version of the program that wrote this down.
    pub version: String,
    /// When it began, nanoseconds since 1970-01-01 UTC.
    pub started_ns: u64,
}

/// A run, step by step.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Trace {
    /// What was run.
    pub run: Run,
    /// Steps in the order in which they began.
    pub steps: Vec<Step>,
    /// Warnings and errors that belong to no step.
    pub messages: Vec<String>,
    /// How many steps and transfers, and how they ended.
    pub counts: Counters,
    #[serde(skip)]
    places: HashMap<SpanId, usize>,
    #[serde(skip)]
    partial: HashMap<SpanId, [Lines; 2]>,
    /// What the logs of all steps take.
    #[serde(skip)]
    log_bytes: u64,
    /// When the latest event happened, nanoseconds since the start of the run.
    #[serde(skip)]
    last_ns: u64,
}

/// One step. Times are nanoseconds since the start of the run.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// Its number, unique within the run.
    pub id: SpanId,
    /// One line for people.
    pub label: String,
    /// What sort of thing it is: `exec`, `pull`, …
    pub kind: SpanKind,
    /// How it ended.
    pub state: State,
    /// When it began.
    pub start: u64,
    /// When it ended; not there if it had not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<u64>,
    /// Steps whose results it used.
    pub inputs: Vec<SpanId>,
    /// How its result was found, or why it had to run.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// How long the run took whose result was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saved: Option<u64>,
    /// How long this and the steps before it took that were not needed because of it, each counted once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spared: Option<u64>,
    /// What it cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<SpanUsage>,
    /// Bytes moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Files that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<u64>,
    /// Why it failed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The exit code, if a command failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Lines that it wrote: the stream, when, the text.
    pub log: Vec<(Stream, u64, String)>,
    /// How many lines are left out before the first one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<u64>,
    /// What the log takes.
    #[serde(skip)]
    log_bytes: u64,
    #[serde(skip)]
    progress: Option<Box<Progress>>,
    #[serde(skip)]
    known: bool,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It had not ended when the run did.
    Unfinished,
    /// Well.
    Ok,
    /// The result was there already.
    Cached,
    /// Not well.
    Failed,
    /// Nobody wanted the result any more.
    Cancelled,
}

/// Most lines kept of one step: the latest ones.
const STEP_LINES: usize = 5_000;

/// Most bytes kept of the logs of all steps. Those that wrote most lose their oldest lines for what is written after that.
const LOG_BYTES: u64 = 32 << 20;

/// What is kept of them then. Less, so that room is not made again for each line.
const LOG_ROOM: u64 = LOG_BYTES / 4 * 3;

/// What a line takes beside its text.
const LINE_BYTES: u64 = size_of::<(Stream, u64, String)>() as u64;

impl Trace {
    /// A run of which nothing is known yet.
    #[must_use]
    pub fn new(run: Run) -> Self {
        Self { run, ..Self::default() }
    }

    /// Takes in one event. Calls of the API are left out: they do no work.
    pub fn apply(&mut self, event: &Event) {
        self.reach(event);
        match event {
            Event::SpanStarted { id, label, kind, inputs, time_ns, .. } if kind.is_step() => {
                self.start(*id, label, kind, inputs, *time_ns);
            }
            Event::SpanStarted { .. } | Event::SpanSource { .. } | Event::SpanMoment(_) | Event::Other(_) => {
            }
            Event::SpanLog { id, stream, text, time_ns } => {
                let Some(lines) = self.partial.get_mut(id) else { return };
                let lines: Vec<_> = lines[*stream as usize].push(text).into_iter().collect();
                self.log(*id, *stream, *time_ns, lines);
            }
            Event::SpanProgress { id, files, .. } => self.change(*id, |step| {
                let progress = step.progress.get_or_insert_default();
                let moved = progress.apply(event);
                if progress.unit == "bytes" && progress.phase.is_empty() {
                    step.bytes = Some(step.bytes.unwrap_or(0) + moved);
                }
                step.files = files.or(step.files);
            }),
            Event::SpanCached { id, reason, saved_ns, spared_ns } => self.change(*id, |step| {
                step.known = true;
                step.reason = one_line(reason);
                step.saved = (*saved_ns > 0).then_some(*saved_ns);
                step.spared = *spared_ns;
            }),
            Event::SpanSpared { id, spared_ns } => {
                self.change(*id, |step| step.spared = Some(step.spared.unwrap_or(0) + spared_ns));
            }
            Event::SpanNotCached { id, reason } => self.change(*id, |step| {
                step.known = false;
                step.reason = one_line(reason);
            }),
            Event::SpanUsage { id, usage, .. } => self.change(*id, |step| step.usage = Some(*usage)),
            Event::SpanFinished { id, outcome, time_ns } => self.finish(*id, outcome, *time_ns),
            Event::Message { level, text } => {
                if *level >= Level::Warning {
                    self.messages.push(text.clone());
                }
            }
        }
    }

    /// The run has come as far as this event, which may be left out otherwise.
    pub fn reach(&mut self, event: &Event) {
        self.last_ns = self.last_ns.max(event.time_ns().map_or(0, |time_ns| self.since(time_ns)));
    }

    /// From the start of the run to the end of the last step, nanoseconds; to the latest event where a step has not ended.
    #[must_use]
    pub fn elapsed_ns(&self) -> u64 {
        let open = self.last_ns;
        self.steps.iter().map(|step| step.end.unwrap_or(open)).max().unwrap_or(0)
    }

    /// The page: HTML with everything in it.
    #[must_use]
    pub fn html(&self) -> String {
        page::page(self)
    }

    fn since(&self, time_ns: u64) -> u64 {
        time_ns.saturating_sub(self.run.started_ns)
    }

    fn change(&mut self, id: SpanId, change: impl FnOnce(&mut Step)) {
        if let Some(step) = self.places.get(&id).and_then(|place| self.steps.get_mut(*place)) {
            change(step);
        }
    }

    fn start(&mut self, id: SpanId, label: &str, kind: &SpanKind, inputs: &[SpanId], time_ns: u64) {
        if self.places.contains_key(&id) {
            return;
        }
        self.places.insert(id, self.steps.len());
        self.partial.insert(id, <[Lines; 2]>::default());
        self.steps.push(Step {
            id,
            label: one_line(label),
            kind: kind.clone(),
            state: State::Unfinished,
            start: self.since(time_ns),
            end: None,
            inputs: inputs.to_vec(),
            reason: String::new(),
            saved: None,
            spared: None,
            usage: None,
            bytes: None,
            files: None,
            message: String::new(),
            exit_code: None,
            log: Vec::new(),
            left_out: None,
            log_bytes: 0,
            progress: None,
            known: false,
        });
        self.counts.begin(kind);
    }

    /// Lines of a step are missing before those that are taken in.
    pub fn leave_out(&mut self, id: SpanId, lines: u64) {
        self.change(id, |step| step.left_out = Some(step.left_out.unwrap_or(0) + lines));
    }

    fn log(&mut self, id: SpanId, stream: Stream, time_ns: u64, lines: Vec<String>) {
        let time = self.since(time_ns);
        let Some(step) = self.places.get(&id).and_then(|place| self.steps.get_mut(*place)) else { return };
        self.log_bytes -= step.log_bytes;
        for line in lines {
            step.log_bytes += size(&line);
            step.log.push((stream, time, line));
        }
        // Now and then, not with every line.
        if step.log.len() >= 2 * STEP_LINES {
            step.shorten();
        }
        self.log_bytes += step.log_bytes;
        if self.log_bytes > LOG_BYTES {
            self.make_room();
        }
    }

    fn make_room(&mut self) {
        self.steps.iter_mut().for_each(Step::shorten);
        let share = Share::of(self.steps.iter().map(|step| (step.log_bytes, step.is_dear())), LOG_ROOM);
        self.log_bytes = 0;
        for step in &mut self.steps {
            step.keep_bytes(share.bytes(step.is_dear()));
            self.log_bytes += step.log_bytes;
        }
    }

    /// Nothing comes any more, or not yet: what steps that have not ended wrote last is a line, also without a line end.
    pub fn finish_lines(&mut self) {
        let time_ns = self.run.started_ns + self.last_ns;
        let open: Vec<SpanId> = self.partial.keys().copied().collect();
        for id in open {
            self.finish_lines_of(id, time_ns);
        }
    }

    fn finish_lines_of(&mut self, id: SpanId, time_ns: u64) {
        let Some(mut partial) = self.partial.remove(&id) else { return };
        for stream in [Stream::Stdout, Stream::Stderr] {
            let rest: Vec<_> = partial[stream as usize].finish().into_iter().collect();
            self.log(id, stream, time_ns, rest);
        }
    }

    fn finish(&mut self, id: SpanId, outcome: &SpanOutcome, time_ns: u64) {
        self.finish_lines_of(id, time_ns);
        let ended_at = self.since(time_ns);
        let Some(step) = self.places.get(&id).and_then(|place| self.steps.get_mut(*place)) else { return };
        if step.end.replace(ended_at).is_some() {
            return;
        }
        self.log_bytes -= step.log_bytes;
        step.shorten();
        self.log_bytes += step.log_bytes;
        let end = End::of(outcome, step.known);
        step.state = match end {
            End::Ok => State::Ok,
            End::Cached => State::Cached,
            End::Cancelled => State::Cancelled,
            End::Failed => State::Failed,
        };
        if let SpanOutcome::Failed { message, exit_code } = outcome {
            step.message.clone_from(message);
            step.exit_code = *exit_code;
        }
        self.counts.end(&step.kind, end);
    }
}

impl Step {
    /// How long it took; until `elapsed_ns` if it had not ended.
    #[must_use]
    pub fn duration_ns(&self, elapsed_ns: u64) -> u64 {
        self.end.unwrap_or(elapsed_ns).saturating_sub(self.start)
    }

    /// Whether its log is one that somebody will look for: it failed, or may yet.
    const fn is_dear(&self) -> bool {
        matches!(self.state, State::Failed | State::Unfinished)
    }

    fn shorten(&mut self) {
        self.drop_lines(self.log.len().saturating_sub(STEP_LINES));
    }

    fn keep_bytes(&mut self, most: u64) {
        let mut left = self.log_bytes;
        let more = self.log.iter().take_while(|(_, _, line)| {
            let drop = left > most;
            left -= size(line);
            drop
        });
        self.drop_lines(more.count());
    }

    fn drop_lines(&mut self, oldest: usize) {
        if oldest > 0 {
            self.log_bytes -= self.log.drain(..oldest).map(|(_, _, line)| size(&line)).sum::<u64>();
            self.left_out = Some(self.left_out.unwrap_or(0) + oldest as u64);
        }
    }
}

/// What a line takes, in bytes.
const fn size(line: &str) -> u64 {
    line.len() as u64 + LINE_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{after, at, cached, call, failure, finished, log, message, progress, span};

    fn trace(events: &[Event]) -> Trace {
        let mut trace =
            Trace::new(Run { started_ns: at(1.0), command: "python ci.py".into(), ..Run::default() });
        events.iter().for_each(|event| trace.apply(event));
        trace
    }

    #[test]
    fn steps_with_all_that_is_known() {
        let usage = SpanUsage { user_ns: 5, memory_bytes: Some(7), ..SpanUsage::default() };
        let trace = trace(&[
            call(9, None, "container.stdout", 1.0),
            span(1, None, "pull a", SpanKind::Pull, 1.5),
            progress(1, 10, 20, "bytes"),
            finished(1, SpanOutcome::Ok, 2.0),
            after(2, &[1], "exec b", 2.0),
            Event::SpanNotCached { id: 2, reason: "changed: variable CC".into() },
            log(2, Stream::Stdout, "one\ntw", 2.1),
            log(2, Stream::Stderr, "bad\n", 2.2),
            log(2, Stream::Stdout, "o", 2.3),
            Event::SpanUsage { id: 2, usage, time_ns: 0 },
            finished(2, failure("exit code: 3", Some(3)), 2.5),
            after(3, &[1], "exec c", 2.5),
            cached(3, "the same step ran 2 s ago", 4.0),
            finished(3, SpanOutcome::Cached, 2.5),
            after(4, &[3], "exec d", 2.5),
            message(Level::Info, "hidden"),
            message(Level::Warning, "old client"),
        ]);
        let states: Vec<_> = trace.steps.iter().map(|step| (step.id, step.state)).collect();
        assert_eq!(states, [(1, State::Ok), (2, State::Failed), (3, State::Cached), (4, State::Unfinished)]);
        assert_eq!(trace.elapsed_ns(), at(1.5));
        assert_eq!(trace.messages, ["old client"]);
        let [pull, exec, hit, open] = trace.steps.try_into().unwrap();
        assert_eq!((pull.start, pull.end, pull.bytes), (at(0.5), Some(at(1.0)), Some(10)));
        let lines: Vec<_> = exec.log.iter().map(|(stream, _, line)| (*stream, line.as_str())).collect();
        assert_eq!(lines, [(Stream::Stdout, "one"), (Stream::Stderr, "bad"), (Stream::Stdout, "two")]);
        assert_eq!((exec.exit_code, exec.usage, exec.inputs), (Some(3), Some(usage), vec![1]));
        assert_eq!((hit.saved, hit.reason.as_str()), (Some(at(4.0)), "the same step ran 2 s ago"));
        assert_eq!(open.duration_ns(at(2.0)), at(0.5));
    }

    /// A page, and `kukri trace`, say the same as the summary when the run was over.
    #[test]
    fn counts_are_those_of_the_summary() {
        let events = [
            call(9, None, "container.stdout", 1.0),
            span(1, None, "sync /src", SpanKind::Sync, 1.0),
            finished(1, SpanOutcome::Ok, 1.5),
            after(2, &[1], "exec", 1.5),
            cached(2, "the same step ran 2 s ago", 4.0),
            finished(2, SpanOutcome::Ok, 1.5),
            after(3, &[2], "fails", 1.5),
            finished(3, failure("exit code: 3", Some(3)), 2.0),
            finished(3, SpanOutcome::Cancelled, 2.5),
            span(4, None, "export", SpanKind::Export, 2.0),
            finished(4, SpanOutcome::Cancelled, 2.0),
            finished(9, SpanOutcome::Ok, 2.0),
            after(5, &[], "never ends", 2.0),
        ];
        let seen = trace(&events);
        let summary = crate::Summary::of(&crate::testing::view(&events));
        assert_eq!(seen.counts.to_string(), summary.counts.to_string());
        assert_eq!(
            seen.counts.to_string(),
            "3 steps, 1 cached (33%), 1 failed, 1 cancelled, 1 unfinished, 2 transfers"
        );
        assert_eq!(seen.steps[1].state, State::Cached);
    }

    #[test]
    fn logs_are_bounded() {
        let mut events = vec![span(1, None, "a", SpanKind::Exec, 1.0)];
        events.extend((0..30_000).map(|n| log(1, Stream::Stdout, &format!("{n}\n"), 1.0)));
        events.push(finished(1, SpanOutcome::Ok, 2.0));
        let step = trace(&events).steps.remove(0);
        assert_eq!((step.log.len(), step.left_out), (STEP_LINES, Some(30_000 - STEP_LINES as u64)));
        assert_eq!(step.log.last().unwrap().2, "29999");
        let mut events = vec![span(1, None, "a", SpanKind::Exec, 1.0)];
        let long = "x".repeat(1 << 20) + "\n";
        events.extend((0..40).map(|_| log(1, Stream::Stdout, &long, 1.0)));
        let step = trace(&events).steps.remove(0);
        let kept: usize = step.log.iter().map(|(_, _, line)| line.len()).sum();
        assert!((20 << 20..=32 << 20).contains(&kept), "{kept}");
        assert_eq!(step.log.len() as u64 + step.left_out.unwrap(), 40);
    }

    /// What one step writes takes nothing from the others: each has its own last lines.
    #[test]
    fn a_flood_leaves_the_logs_of_others() {
        let line = "x".repeat(99);
        let mut seen = Trace::default();
        let mut say = |event: &Event| seen.apply(event);
        let begin = |id| span(id, None, "step", SpanKind::Exec, 1.0);
        say(&begin(1));
        say(&log(1, Stream::Stdout, "before\n", 1.0));
        say(&finished(1, SpanOutcome::Ok, 1.0));
        // More than there is room for, by one that keeps no more than its last lines, and by some that keep long ones.
        say(&begin(2));
        for n in 0..450_000 {
            say(&log(2, Stream::Stdout, &format!("{n} {line}\n"), 1.0));
        }
        say(&finished(2, SpanOutcome::Ok, 1.0));
        for id in [3, 4] {
            say(&begin(id));
            let long = "x".repeat(15_000);
            (0..3_000).for_each(|n| say(&log(id, Stream::Stderr, &format!("{n} {long}\n"), 1.0)));
            say(&finished(id, SpanOutcome::Ok, 1.0));
        }
        say(&begin(5));
        say(&log(5, Stream::Stdout, "visible\n", 1.0));
        say(&log(5, Stream::Stderr, "the reason", 1.0));
        say(&finished(5, failure("exit code: 7", Some(7)), 1.0));
        let [before, flood, long, longer, failed] = seen.steps.try_into().unwrap();
        let lines = |step: &Step| step.log.iter().map(|(_, _, line)| line.clone()).collect::<Vec<_>>();
        assert_eq!((lines(&before), before.left_out), (vec!["before".to_owned()], None));
        assert_eq!(lines(&failed), ["visible", "the reason"]);
        assert_eq!((flood.log.len(), flood.left_out), (STEP_LINES, Some(445_000)));
        assert!(flood.log.last().unwrap().2.starts_with("449999 "));
        for step in [&long, &longer] {
            assert_eq!(step.log.len() as u64 + step.left_out.unwrap(), 3_000);
            assert!(step.log.len() > 200 && step.log.last().unwrap().2.starts_with("2999 "));
        }
        let all = [before, flood, long, longer, failed];
        let kept: u64 = all.iter().flat_map(|step| &step.log).map(|(_, _, line)| size(line)).sum();
        assert!(kept <= LOG_BYTES && kept == seen.log_bytes, "{kept} {}", seen.log_bytes);
    }
}
