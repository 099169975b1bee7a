//! What has begun and not ended.

use std::collections::HashMap;

use crate::event::{Event, SpanId, SpanOutcome};

/// The spans that are open after a row of events.
#[derive(Clone, Debug, Default)]
pub struct Open {
    /// By number, with their place in the order of their start.
    spans: HashMap<SpanId, u64>,
    next: u64,
}

impl Open {
    /// Takes in one event.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::SpanStarted { id, .. } => {
                self.spans.insert(*id, self.next);
                self.next += 1;
            }
            Event::SpanFinished { id, .. } => {
                self.spans.remove(id);
            }
            _ => {}
        }
    }

    /// The events by which all of it ends at a time because nobody wants it any more, parts before what they are parts of.
    #[must_use]
    pub fn cancellations(&self, time_ns: u64) -> Vec<Event> {
        let mut open: Vec<_> = self.spans.iter().map(|(id, place)| (*place, *id)).collect();
        open.sort_unstable_by(|one, other| other.cmp(one));
        let end = |(_, id)| Event::SpanFinished { id, outcome: SpanOutcome::Cancelled, time_ns };
        open.into_iter().map(end).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::SpanKind;
    use crate::testing::{finished, span};

    #[test]
    fn parts_end_first() {
        let mut open = Open::default();
        for event in [
            span(9, None, "a", SpanKind::Exec, 0.0),
            span(2, Some(9), "b", SpanKind::Exec, 0.0),
            span(3, Some(9), "c", SpanKind::Exec, 0.0),
            finished(2, SpanOutcome::Ok, 1.0),
        ] {
            open.apply(&event);
        }
        let end = |id| Event::SpanFinished { id, outcome: SpanOutcome::Cancelled, time_ns: 7 };
        let ends = open.cancellations(7);
        assert_eq!(ends, [end(3), end(9)]);
        ends.iter().for_each(|event| open.apply(event));
        assert_eq!(open.cancellations(8), []);
    }
}
