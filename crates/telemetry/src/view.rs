//! What is known after a row of events: the reducer's state.
//!
//! Bounded: past [`Limits::spans`] the oldest spans that ended well and have no children left are forgotten. Counters
//! and the slowest steps go on counting them.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::event::{Event, Level, SpanId, SpanKind, SpanOutcome, Stream};
use crate::paths::Paths;
use crate::text::{Lines, one_line};

/// How much a [`View`] keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Spans. Those that run or have failed are kept beyond that.
    pub spans: usize,
    /// Lines of the log of one span; the latest ones.
    pub log_lines: usize,
    /// Messages; the latest ones.
    pub messages: usize,
}

impl Default for Limits {
    /// 5,000 spans, 40 lines, 100 messages.
    fn default() -> Self {
        Self { spans: 5_000, log_lines: 40, messages: 100 }
    }
}

/// Whether a span is over, and how it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpanState {
    /// Not over.
    Running,
    /// Well.
    Ok,
    /// The result was there already.
    Cached,
    /// Not well.
    Failed {
        /// Why.
        message: String,
        /// The exit code, if a command failed.
        exit_code: Option<i32>,
    },
    /// Nobody wanted the result any more.
    Cancelled,
}

/// One span as far as it is known.
#[derive(Clone, Debug)]
pub struct Span {
    /// Its number.
    pub id: SpanId,
    /// What it is a part of, if that is known.
    pub parent: Option<SpanId>,
    /// One line for people.
    pub label: String,
    /// What sort of thing it is.
    pub kind: SpanKind,
    /// Whether it is over.
    pub state: SpanState,
    /// When it began, nanoseconds.
    pub started_ns: u64,
    /// When it ended, nanoseconds.
    pub finished_ns: Option<u64>,
    /// Whether the result came from an earlier run.
    pub cached: bool,
    /// How it was found in the cache, or why not.
    pub reason: Option<String>,
    /// Done so far, of how much, of what.
    pub progress: Option<Progress>,
    /// The latest complete lines that it wrote. Emptied when it ends well.
    pub log: VecDeque<LogLine>,
    /// Steps whose results it uses.
    pub inputs: Vec<SpanId>,
    order: u64,
    children: Ordered,
    partial: [Lines; 2],
    settled: bool,
}

/// How far a span has got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How much is done.
    pub current: u64,
    /// How much there is to do, if known.
    pub total: Option<u64>,
    /// What is counted.
    pub unit: String,
}

/// One line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Where it was written to.
    pub stream: Stream,
    /// The line, without its end and without escape sequences.
    pub text: String,
}

/// What has been counted since the first event. Steps and transfers are spans of every kind but [`SpanKind::Call`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Steps that have started, without transfers.
    pub steps: u64,
    /// Transfers that have started: files that come from or go to a client, images that go to a registry.
    pub transfers: u64,
    /// Steps and transfers that have not ended.
    pub running: u64,
    /// Steps whose result was there already.
    pub cached: u64,
    /// Steps and transfers that failed.
    pub failed: u64,
    /// Steps and transfers that nobody wanted any more.
    pub cancelled: u64,
    /// Bytes moved: the sum of all progress in `bytes`.
    pub bytes: u64,
    /// Bytes of logs.
    pub log_bytes: u64,
    /// How long the steps whose result was there took when they ran, nanoseconds.
    pub saved_ns: u64,
}

/// The state of the reducer.
#[derive(Clone, Debug, Default)]
pub struct View {
    limits: Limits,
    spans: HashMap<SpanId, Span>,
    roots: Ordered,
    running: Ordered,
    failed: Ordered,
    /// Spans that may be forgotten, earliest end first.
    settled: VecDeque<SpanId>,
    counters: Counters,
    slowest: Vec<(u64, String)>,
    paths: Paths,
    messages: VecDeque<(Level, String)>,
    first_ns: Option<u64>,
    last_ns: u64,
    next_order: u64,
}

/// Spans in the order of their start.
type Ordered = BTreeMap<u64, SpanId>;

impl View {
    /// How many of the slowest steps are remembered.
    pub const SLOWEST: usize = 3;

    /// A view of nothing.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Takes in one event. Events about unknown or forgotten spans change nothing but the clock.
    pub fn apply(&mut self, event: &Event) {
        if let Some(time) = event.time_ns() {
            self.first_ns.get_or_insert(time);
            self.last_ns = self.last_ns.max(time);
        }
        match event {
            Event::SpanStarted { id, parent, label, kind, inputs, time_ns } => {
                self.start(*id, *parent, label, kind, inputs, *time_ns);
            }
            Event::SpanLog { id, stream, text, .. } => self.log(*id, *stream, text),
            Event::SpanProgress { id, current, total, unit } => {
                self.progress(*id, Progress { current: *current, total: *total, unit: unit.clone() });
            }
            Event::SpanCached { id, reason, saved_ns } => {
                self.mark(*id, true, reason);
                self.counters.saved_ns += saved_ns;
            }
            Event::SpanNotCached { id, reason } => self.mark(*id, false, reason),
            Event::SpanFinished { id, outcome, time_ns } => self.finish(*id, outcome, *time_ns),
            Event::Message { level, text } => {
                self.messages.push_back((*level, text.clone()));
                if self.messages.len() > self.limits.messages {
                    self.messages.pop_front();
                }
            }
            Event::SpanUsage { .. } | Event::Other(_) => {}
        }
    }

    /// A span, if it is known and not forgotten.
    #[must_use]
    pub fn span(&self, id: SpanId) -> Option<&Span> {
        self.spans.get(&id)
    }

    /// Number of spans kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether no span is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Spans without a known parent, by start.
    pub fn roots(&self) -> impl DoubleEndedIterator<Item = &Span> {
        self.all(&self.roots)
    }

    /// The parts of a span, by start.
    pub fn children<'a>(&'a self, span: &'a Span) -> impl DoubleEndedIterator<Item = &'a Span> {
        self.all(&span.children)
    }

    /// Spans that are not over, by start.
    pub fn running(&self) -> impl DoubleEndedIterator<Item = &Span> {
        self.all(&self.running)
    }

    /// Spans that failed, by start.
    pub fn failed(&self) -> impl DoubleEndedIterator<Item = &Span> {
        self.all(&self.failed)
    }

    /// What has been counted.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// The slowest steps that ran and have ended, slowest first: nanoseconds and label.
    #[must_use]
    pub fn slowest(&self) -> &[(u64, String)] {
        &self.slowest
    }

    /// The steps that determined how long it took, first to last: nanoseconds and label. Each used the result of the one
    /// before it.
    #[must_use]
    pub fn critical_path(&self) -> Vec<(u64, &str)> {
        self.paths.longest()
    }

    /// Messages that belong to no span, oldest first.
    pub fn messages(&self) -> impl DoubleEndedIterator<Item = (Level, &str)> {
        self.messages.iter().map(|(level, text)| (*level, text.as_str()))
    }

    /// Time from the first to the latest event, nanoseconds.
    #[must_use]
    pub fn elapsed_ns(&self) -> u64 {
        self.first_ns.map_or(0, |first| self.last_ns.saturating_sub(first))
    }

    /// When the first event happened.
    #[must_use]
    pub const fn first_ns(&self) -> Option<u64> {
        self.first_ns
    }

    fn all<'a>(&'a self, ids: &'a Ordered) -> impl DoubleEndedIterator<Item = &'a Span> {
        ids.values().filter_map(|id| self.spans.get(id))
    }

    fn start(
        &mut self,
        id: SpanId,
        parent: Option<SpanId>,
        label: &str,
        kind: &SpanKind,
        inputs: &[SpanId],
        time_ns: u64,
    ) {
        if self.spans.contains_key(&id) {
            return;
        }
        let order = self.next_order;
        self.next_order += 1;
        match parent.and_then(|parent| self.spans.get_mut(&parent)) {
            Some(parent) => parent.children.insert(order, id),
            None => self.roots.insert(order, id),
        };
        self.running.insert(order, id);
        if kind.is_step() {
            if kind.is_transfer() {
                self.counters.transfers += 1;
            } else {
                self.counters.steps += 1;
            }
            self.counters.running += 1;
        }
        let span = Span {
            id,
            parent,
            inputs: inputs.to_vec(),
            order,
            children: Ordered::new(),
            label: one_line(label),
            kind: kind.clone(),
            state: SpanState::Running,
            started_ns: time_ns,
            finished_ns: None,
            cached: false,
            reason: None,
            progress: None,
            log: VecDeque::new(),
            partial: Default::default(),
            settled: false,
        };
        self.spans.insert(id, span);
        self.shrink();
    }

    fn log(&mut self, id: SpanId, stream: Stream, text: &str) {
        self.counters.log_bytes += text.len() as u64;
        let Some(span) = self.spans.get_mut(&id) else { return };
        let lines = span.partial[stream as usize].push(text);
        span.keep(stream, lines, self.limits.log_lines);
    }

    fn progress(&mut self, id: SpanId, progress: Progress) {
        let Some(span) = self.spans.get_mut(&id) else { return };
        if progress.unit == "bytes" {
            let before = span.progress.as_ref().map_or(0, |before| before.current);
            self.counters.bytes += progress.current.saturating_sub(before);
        }
        span.progress = Some(progress);
    }

    fn mark(&mut self, id: SpanId, cached: bool, reason: &str) {
        let Some(span) = self.spans.get_mut(&id) else { return };
        span.cached = cached;
        span.reason = (!reason.is_empty()).then(|| one_line(reason));
    }

    fn finish(&mut self, id: SpanId, outcome: &SpanOutcome, time_ns: u64) {
        let Some(span) = self.spans.get_mut(&id) else { return };
        if span.state != SpanState::Running {
            return;
        }
        span.finished_ns = Some(time_ns);
        span.state = match outcome {
            SpanOutcome::Failed { message, exit_code } => {
                SpanState::Failed { message: message.clone(), exit_code: *exit_code }
            }
            SpanOutcome::Cancelled => SpanState::Cancelled,
            SpanOutcome::Cached => SpanState::Cached,
            SpanOutcome::Ok | SpanOutcome::Other(_) if span.cached => SpanState::Cached,
            SpanOutcome::Ok | SpanOutcome::Other(_) => SpanState::Ok,
        };
        for stream in [Stream::Stdout, Stream::Stderr] {
            let rest = span.partial[stream as usize].finish();
            span.keep(stream, rest, self.limits.log_lines);
        }
        let step = span.kind.is_step();
        let counters = &mut self.counters;
        counters.running -= u64::from(step);
        match &span.state {
            SpanState::Cached => counters.cached += u64::from(step),
            SpanState::Failed { .. } => counters.failed += u64::from(step),
            SpanState::Cancelled => counters.cancelled += u64::from(step),
            SpanState::Ok | SpanState::Running => {}
        }
        if step {
            let ran =
                if span.state == SpanState::Cached { 0 } else { time_ns.saturating_sub(span.started_ns) };
            self.paths.step(id, &span.inputs, &span.label, ran);
        }
        if step && matches!(span.state, SpanState::Ok | SpanState::Failed { .. }) {
            let duration = time_ns.saturating_sub(span.started_ns);
            let at = self.slowest.partition_point(|(other, _)| *other >= duration);
            if at < Self::SLOWEST {
                self.slowest.insert(at, (duration, span.label.clone()));
                self.slowest.truncate(Self::SLOWEST);
            }
        }
        self.running.remove(&span.order);
        if matches!(span.state, SpanState::Failed { .. }) {
            self.failed.insert(span.order, id);
        } else {
            span.log = VecDeque::new();
        }
        self.settle(id);
    }

    /// Puts a span among those that may be forgotten, once it is over and has no parts left.
    fn settle(&mut self, id: SpanId) {
        if let Some(span) = self.spans.get_mut(&id)
            && matches!(span.state, SpanState::Ok | SpanState::Cached | SpanState::Cancelled)
            && span.children.is_empty()
            && !span.settled
        {
            span.settled = true;
            self.settled.push_back(id);
        }
        self.shrink();
    }

    fn shrink(&mut self) {
        while self.spans.len() > self.limits.spans {
            if let Some(id) = self.settled.pop_front() {
                self.forget(id);
            } else if self.failed.len() > self.limits.spans / 2 {
                // Thousands of failures: the first ones are the causes, so the latest go.
                let Some(id) = self.failed.pop_last().map(|(_, id)| id) else { return };
                self.forget(id);
            } else {
                return;
            }
        }
    }

    fn forget(&mut self, id: SpanId) {
        let Some(span) = self.spans.remove(&id) else { return };
        for (order, child) in span.children {
            self.roots.insert(order, child);
        }
        self.roots.remove(&span.order);
        let Some(parent) = span.parent.and_then(|parent| self.spans.get_mut(&parent)) else { return };
        parent.children.remove(&span.order);
        if parent.children.is_empty()
            && !parent.settled
            && matches!(parent.state, SpanState::Ok | SpanState::Cached | SpanState::Cancelled)
        {
            parent.settled = true;
            self.settled.push_back(parent.id);
        }
    }
}

impl Span {
    /// How long it took, or has taken so far at `now_ns`; nanoseconds.
    #[must_use]
    pub fn duration_ns(&self, now_ns: u64) -> u64 {
        self.finished_ns.unwrap_or(now_ns).saturating_sub(self.started_ns)
    }

    fn keep(&mut self, stream: Stream, lines: impl IntoIterator<Item = String>, limit: usize) {
        for text in lines {
            self.log.push_back(LogLine { stream, text });
            if self.log.len() > limit {
                self.log.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, cached, call, failure, finished, log, progress, span, view};

    #[test]
    fn spans_form_a_tree_and_are_counted() {
        let view = view(&[
            call(1, None, "f", 0.0),
            span(2, Some(1), "\n a ", SpanKind::Exec, 0.0),
            span(3, Some(1), "b", SpanKind::Exec, 0.0),
            span(4, Some(99), "orphan", SpanKind::Pull, 0.0),
            span(2, None, "again", SpanKind::Pull, 0.0),
            cached(3, "same command", 4.0),
            finished(3, SpanOutcome::Ok, 0.1),
            progress(4, 10, 20, "bytes"),
            progress(4, 20, 20, "bytes"),
            finished(4, SpanOutcome::Cancelled, 3.0),
            finished(2, failure("m", Some(2)), 2.0),
            finished(2, SpanOutcome::Ok, 9.0),
            finished(77, SpanOutcome::Ok, 9.5),
        ]);
        let roots: Vec<_> = view.roots().map(|span| span.id).collect();
        let parts: Vec<_> = view.children(view.span(1).unwrap()).map(|span| span.id).collect();
        assert_eq!((roots, parts), (vec![1, 4], vec![2, 3]));
        assert_eq!(
            view.counters(),
            Counters {
                steps: 3,
                transfers: 0,
                running: 0,
                cached: 1,
                failed: 1,
                cancelled: 1,
                bytes: 20,
                log_bytes: 0,
                saved_ns: at(4.0)
            }
        );
        assert_eq!(view.span(2).unwrap().label, "a");
        assert_eq!(view.span(2).unwrap().duration_ns(at(50.0)), at(2.0));
        assert_eq!(view.span(1).unwrap().duration_ns(at(50.0)), at(50.0));
        assert_eq!(view.span(3).unwrap().reason.as_deref(), Some("same command"));
        assert_eq!(view.span(3).unwrap().state, SpanState::Cached);
        assert_eq!(view.running().map(|span| span.id).collect::<Vec<_>>(), [1]);
        assert_eq!(view.failed().map(|span| span.id).collect::<Vec<_>>(), [2]);
        assert_eq!(view.elapsed_ns(), at(9.5));
    }

    #[test]
    fn logs_are_whole_lines_and_only_the_latest() {
        let mut view = View::new(Limits { log_lines: 3, ..Limits::default() });
        view.apply(&span(1, None, "a", SpanKind::Exec, 0.0));
        view.apply(&span(2, None, "b", SpanKind::Exec, 0.0));
        for n in 0..10 {
            view.apply(&log(1, Stream::Stdout, &format!("{n}\npart of "), 0.0));
        }
        let lines =
            |view: &View| view.span(1).unwrap().log.iter().map(|line| line.text.clone()).collect::<Vec<_>>();
        assert_eq!(lines(&view), ["part of 7", "part of 8", "part of 9"]);
        view.apply(&log(1, Stream::Stderr, "E", 0.0));
        view.apply(&finished(1, failure("m", None), 1.0));
        assert_eq!(lines(&view), ["part of 9", "part of ", "E"]);
        view.apply(&log(2, Stream::Stdout, "x\n", 0.0));
        view.apply(&finished(2, SpanOutcome::Ok, 1.0));
        assert!(view.span(2).unwrap().log.is_empty(), "nobody looks at it any more");
    }

    #[test]
    fn memory_is_bounded_but_counts_are_not() {
        let limits = Limits { spans: 100, ..Limits::default() };
        let mut view = View::new(limits);
        view.apply(&call(0, None, "f", 0.0));
        for id in 1..=10_000_u64 {
            // Calls with one step each; every tenth step fails.
            let (call_id, step_id) = (id * 2, id * 2 + 1);
            view.apply(&call(call_id, Some(0), "g", 0.0));
            view.apply(&span(step_id, Some(call_id), "s", SpanKind::Exec, 0.0));
            view.apply(&log(step_id, Stream::Stdout, "line\n", 0.0));
            let outcome = if id % 10 == 0 { failure("m", None) } else { SpanOutcome::Ok };
            view.apply(&finished(step_id, outcome, 0.0));
            view.apply(&finished(call_id, SpanOutcome::Ok, 0.0));
            assert!(view.len() <= limits.spans + 2, "{}", view.len());
        }
        assert_eq!(view.counters().steps, 10_000);
        assert_eq!(view.counters().failed, 1_000);
        assert_eq!(view.failed().next().unwrap().id, 21, "the first failure is kept");
        let kept = view.roots().count() + view.children(view.span(0).unwrap()).count();
        assert!(kept <= limits.spans + 2);
        // What runs is never forgotten.
        let mut view = View::new(limits);
        for id in 0..1_000 {
            view.apply(&span(id, id.checked_sub(1), "s", SpanKind::Exec, 0.0));
        }
        assert_eq!(view.len(), 1_000);
        for id in 0..1_000 {
            view.apply(&finished(id, SpanOutcome::Ok, 1.0));
        }
        assert!(view.len() <= limits.spans, "{}", view.len());
    }
}
