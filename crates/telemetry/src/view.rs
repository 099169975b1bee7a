//! What is known after a row of events: the reducer's state.
//!
//! Bounded: past [`Limits::spans`] the oldest spans that ended well and have no children left are forgotten. Counters
//! and the slowest steps go on counting them.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::counters::{Counters, End};
use crate::event::{Event, Level, SpanId, SpanKind, SpanOutcome, Stream};
use crate::paths::Paths;
use crate::text::{Lines, one_line};

mod progress;
#[cfg(test)]
mod tests;

pub use progress::{Phase, Progress};

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
    running_children: Ordered,
    partial: [Lines; 2],
    settled: bool,
}

/// One line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Where it was written to.
    pub stream: Stream,
    /// The line, without its end and without escape sequences.
    pub text: String,
}

/// The state of the reducer.
#[derive(Clone, Debug, Default)]
pub struct View {
    limits: Limits,
    spans: HashMap<SpanId, Span>,
    roots: Ordered,
    running: Ordered,
    /// Those that run and are no part of one that runs: a picture of what runs needs no look at what is over.
    running_roots: Ordered,
    /// Steps that ended lately and did not fail, latest last.
    recent: VecDeque<SpanId>,
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

    /// How many of the steps that ended last are remembered as such.
    pub const RECENT: usize = 16;

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
            Event::SpanStarted { id, parent, label, kind, inputs, time_ns, .. } => {
                self.start(*id, *parent, label, kind, inputs, *time_ns);
            }
            Event::SpanLog { id, stream, text, .. } => self.log(*id, *stream, text),
            Event::SpanProgress { id, .. } => {
                if let Some(span) = self.spans.get_mut(id) {
                    self.counters.bytes += span.progress.get_or_insert_default().apply(event);
                }
            }
            Event::SpanCached { id, reason, saved_ns, spared_ns } => {
                self.mark(*id, true, reason);
                self.counters.saved_ns += spared_ns.unwrap_or(*saved_ns);
            }
            Event::SpanSpared { spared_ns, .. } => self.counters.saved_ns += spared_ns,
            Event::SpanNotCached { id, reason } => self.mark(*id, false, reason),
            Event::SpanFinished { id, outcome, time_ns } => self.finish(*id, outcome, *time_ns),
            Event::Message { level, text } => {
                self.messages.push_back((*level, text.clone()));
                if self.messages.len() > self.limits.messages {
                    self.messages.pop_front();
                }
            }
            Event::SpanSource { .. } | Event::SpanUsage { .. } | Event::SpanMoment(_) | Event::Other(_) => {}
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

    /// Those of them that are no part of one that runs, by start.
    pub fn running_roots(&self) -> impl DoubleEndedIterator<Item = &Span> {
        self.all(&self.running_roots)
    }

    /// The parts of a span that are not over, by start.
    pub fn running_children<'a>(&'a self, span: &'a Span) -> impl DoubleEndedIterator<Item = &'a Span> {
        self.all(&span.running_children)
    }

    /// How many spans are not over.
    #[must_use]
    pub fn running_count(&self) -> usize {
        self.running.len()
    }

    /// Steps that ended lately and did not fail, latest last; at most [`View::RECENT`].
    pub fn recent(&self) -> impl DoubleEndedIterator<Item = &Span> {
        self.recent.iter().filter_map(|id| self.spans.get(id))
    }

    /// How many spans that failed are kept.
    #[must_use]
    pub fn failed_count(&self) -> usize {
        self.failed.len()
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
        match parent.and_then(|parent| self.spans.get_mut(&parent)) {
            Some(parent) if parent.state == SpanState::Running => parent.running_children.insert(order, id),
            _ => self.running_roots.insert(order, id),
        };
        self.counters.begin(kind);
        let span = Span {
            id,
            parent,
            inputs: inputs.to_vec(),
            order,
            children: Ordered::new(),
            running_children: Ordered::new(),
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
        let end = End::of(outcome, span.cached);
        span.state = match (end, outcome) {
            (_, SpanOutcome::Failed { message, exit_code }) => {
                SpanState::Failed { message: message.clone(), exit_code: *exit_code }
            }
            (End::Cancelled, _) => SpanState::Cancelled,
            (End::Cached, _) => SpanState::Cached,
            _ => SpanState::Ok,
        };
        for stream in [Stream::Stdout, Stream::Stderr] {
            let rest = span.partial[stream as usize].finish();
            span.keep(stream, rest, self.limits.log_lines);
        }
        let step = span.kind.is_step();
        self.counters.end(&span.kind, end);
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
        let (order, parent) = (span.order, span.parent);
        self.running_roots.append(&mut span.running_children);
        if matches!(span.state, SpanState::Failed { .. }) {
            self.failed.insert(order, id);
        } else {
            span.log = VecDeque::new();
            if step {
                self.recent.push_back(id);
                if self.recent.len() > Self::RECENT {
                    self.recent.pop_front();
                }
            }
        }
        if self.running_roots.remove(&order).is_none()
            && let Some(parent) = parent.and_then(|parent| self.spans.get_mut(&parent))
        {
            parent.running_children.remove(&order);
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
