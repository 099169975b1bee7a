//! Which part of the logs stays where all of them are more than there is room for.
//!
//! Each step keeps the end of its log, so whatever one of them writes takes nothing from those that write little.

use std::collections::HashMap;

use crate::event::{Event, SpanId, SpanOutcome};
use crate::text::Lines;

/// How many times as much is kept of a step that is dear: the log that somebody will look for.
const DEAR: u64 = 4;

/// How much each step may keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share(u64);

impl Share {
    /// The largest with which all of them have room in `room`. `claims`: what each has, in bytes, and whether it is dear.
    pub(super) fn of(claims: impl Iterator<Item = (u64, bool)>, room: u64) -> Self {
        let mut claims: Vec<_> = claims.map(|(bytes, dear)| (bytes, weight(dear))).collect();
        claims.sort_unstable_by_key(|(bytes, weight)| bytes * (DEAR / weight));
        let mut weights: u64 = claims.iter().map(|(_, weight)| weight).sum();
        let mut room = room;
        for (bytes, weight) in claims {
            if bytes * weights > room * weight {
                return Self(room / weights);
            }
            room -= bytes;
            weights -= weight;
        }
        Self(u64::MAX / DEAR)
    }

    /// Bytes for one step.
    pub(super) const fn bytes(self, dear: bool) -> u64 {
        self.0 * weight(dear)
    }
}

const fn weight(dear: bool) -> u64 {
    if dear { DEAR } else { 1 }
}

/// How much each step has written of what is kept.
#[derive(Clone, Debug, Default)]
pub struct Written {
    steps: HashMap<SpanId, (u64, bool)>,
    bytes: u64,
}

impl Written {
    /// Takes in an event that is kept. `size`: what it takes there, in bytes.
    pub fn add(&mut self, event: &Event, size: u64) {
        match event {
            Event::SpanLog { id, .. } => {
                // It runs, and may fail.
                self.steps.entry(*id).or_insert((0, true)).0 += size;
                self.bytes += size;
            }
            Event::SpanFinished { id, outcome, .. } => {
                if let Some((_, dear)) = self.steps.get_mut(id) {
                    *dear = matches!(outcome, SpanOutcome::Failed { .. });
                }
            }
            _ => {}
        }
    }

    /// What all steps have written, in bytes.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What has to go so that `room` bytes are left: of those that wrote most first, of failed and open steps last.
    #[must_use]
    pub fn cut(&self, room: u64) -> Cut {
        let share = Share::of(self.steps.values().copied(), room);
        let more = |(id, (bytes, dear)): (&SpanId, &(u64, bool))| {
            Some((*id, bytes.checked_sub(share.bytes(*dear))?))
        };
        let over = self.steps.iter().filter_map(more).filter(|(_, more)| *more > 0);
        Cut { steps: over.map(|(id, more)| (id, Cutting { more, ..Cutting::default() })).collect() }
    }
}

/// Goes through all that was kept, in its order, and takes the oldest out of some logs. Lines stay whole.
#[derive(Clone, Debug, Default)]
pub struct Cut {
    steps: HashMap<SpanId, Cutting>,
}

#[derive(Clone, Debug, Default)]
struct Cutting {
    /// Bytes that have to go yet.
    more: u64,
    /// The beginnings of lines whose ends may stay.
    begun: [Lines; 2],
    /// Lines that went.
    lines: u64,
}

/// What becomes of an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// It stays as it is.
    Stays,
    /// This takes its place.
    Becomes(Box<Event>),
    /// It goes.
    Goes,
}

impl Cut {
    /// The next event. `size`: what it takes, in bytes.
    pub fn pass(&mut self, event: &Event, size: u64) -> Fate {
        match event {
            Event::SpanLog { id, stream, text, time_ns } => {
                let Some(step) = self.steps.get_mut(id) else { return Fate::Stays };
                let begun = &mut step.begun[*stream as usize];
                if step.more > 0 {
                    step.more = step.more.saturating_sub(size);
                    step.lines += begun.push(text).len() as u64;
                    return Fate::Goes;
                }
                match begun.take_rest() {
                    rest if rest.is_empty() => Fate::Stays,
                    rest => Fate::Becomes(Box::new(Event::SpanLog {
                        id: *id,
                        stream: *stream,
                        text: rest + text,
                        time_ns: *time_ns,
                    })),
                }
            }
            Event::SpanFinished { id, .. } => {
                if let Some(step) = self.steps.get_mut(id) {
                    let ends = step.begun.iter_mut().filter_map(Lines::finish).count();
                    step.lines += ends as u64;
                }
                Fate::Stays
            }
            _ => Fate::Stays,
        }
    }

    /// At the end: how many lines of which steps went.
    pub fn left_out(self) -> impl Iterator<Item = (SpanId, u64)> {
        self.steps.into_iter().map(|(id, step)| (id, step.lines)).filter(|(_, lines)| *lines > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{SpanKind, Stream};
    use crate::testing::{failure, finished, log, span};
    use crate::trace::{Run, Trace};

    #[test]
    fn shares() {
        let share = |claims: &[(u64, bool)], room| Share::of(claims.iter().copied(), room);
        let kept = |claims: &[(u64, bool)], room| {
            let share = share(claims, room);
            claims.iter().map(|(bytes, dear)| (*bytes).min(share.bytes(*dear))).collect::<Vec<_>>()
        };
        assert_eq!(kept(&[(10, false), (90, false)], 100), [10, 90]);
        assert_eq!(kept(&[(10, false), (900, false)], 100), [10, 90], "the one with the most");
        assert_eq!(kept(&[(900, false), (500, false), (20, false)], 100), [40, 40, 20]);
        assert_eq!(kept(&[(900, false), (70, true), (0, false)], 100), [30, 70, 0]);
        assert_eq!(kept(&[(900, false), (900, true)], 50), [10, 40]);
        assert_eq!(share(&[], 0), share(&[(5, true)], 5));
        assert_eq!(kept(&[(5, false); 7], 3), [0; 7]);
    }

    /// A run as it is read later, of which there was no room for all.
    fn after_cut(events: &[Event], room: u64) -> Trace {
        let mut written = Written::default();
        events.iter().for_each(|event| written.add(event, 10));
        let mut cut = written.cut(room);
        let mut trace = Trace::new(Run::default());
        for event in events {
            match cut.pass(event, 10) {
                Fate::Stays => trace.apply(event),
                Fate::Becomes(event) => trace.apply(&event),
                Fate::Goes => {}
            }
        }
        cut.left_out().for_each(|(id, lines)| trace.leave_out(id, lines));
        trace
    }

    #[test]
    fn lines_are_whole_and_counted() {
        let start = |id| span(id, None, "step", SpanKind::Exec, 0.0);
        let texts = ["a\nb", "b\nc\nd", "d", "d\ne\n", "f\ng"];
        for room in 0..6 {
            for size in [1, 5] {
                let mut events = vec![start(1), log(1, Stream::Stderr, "err", 0.0)];
                events.extend(texts[..size].iter().map(|text| log(1, Stream::Stdout, text, 0.0)));
                events.push(finished(1, SpanOutcome::Ok, 1.0));
                let full = after_cut(&events, 1000).steps.remove(0);
                let step = after_cut(&events, room * 10).steps.remove(0);
                let out = usize::try_from(step.left_out.unwrap_or(0)).unwrap();
                assert_eq!(out + step.log.len(), full.log.len(), "{room} {:?}", step.log);
                let texts = |log: &[(Stream, u64, String)]| -> Vec<_> {
                    log.iter().filter(|line| line.0 == Stream::Stdout).map(|line| line.2.clone()).collect()
                };
                assert!(texts(&full.log).ends_with(&texts(&step.log)), "{room} {:?}", step.log);
            }
        }
    }

    #[test]
    fn a_failure_keeps_more_than_what_went_well() {
        let mut events = Vec::new();
        for id in [1, 2, 3] {
            events.push(span(id, None, "step", SpanKind::Exec, 0.0));
            events.extend((0..100).map(|n| log(id, Stream::Stdout, &format!("{n}\n"), 0.0)));
            let outcome = if id == 2 { failure("exit code: 7", Some(7)) } else { SpanOutcome::Ok };
            events.push(finished(id, outcome, 1.0));
        }
        let trace = after_cut(&events, 600);
        let kept: Vec<_> = trace.steps.iter().map(|step| step.log.len()).collect();
        assert_eq!(kept, [10, 40, 10]);
        for step in trace.steps {
            assert_eq!(step.left_out, Some(100 - step.log.len() as u64));
            assert_eq!(step.log.last().unwrap().2, "99");
        }
    }
}
