//! One character for each step that is over; what failed comes at the end.
//!
//! `.` it ran, `c` it was cached, `F` it failed, `-` it was cancelled.

use crate::event::Event;
use crate::view::{SpanState, View};

/// Characters in a line.
const LINE: usize = 80;

/// The state of the writer: where in its line it is.
#[derive(Clone, Debug, Default)]
pub struct Dots {
    column: usize,
}

impl Dots {
    /// What to write for this event, which the view has taken in.
    pub fn render(&mut self, event: &Event, view: &View) -> String {
        let Event::SpanFinished { id, .. } = event else { return String::new() };
        let mark = match view.span(*id).filter(|span| span.kind.is_step()).map(|span| &span.state) {
            Some(SpanState::Ok) => '.',
            Some(SpanState::Cached) => 'c',
            Some(SpanState::Failed { .. }) => 'F',
            Some(SpanState::Cancelled) => '-',
            Some(SpanState::Running) | None => return String::new(),
        };
        self.column += 1;
        if self.column < LINE {
            return mark.to_string();
        }
        self.column = 0;
        format!("{mark}\n")
    }

    /// What to write at the end, before anything else.
    pub fn finish(&mut self) -> &'static str {
        if std::mem::take(&mut self.column) > 0 { "\n" } else { "" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{SpanKind, SpanOutcome};
    use crate::testing::{cached, call, failure, finished, span};

    #[test]
    fn a_character_for_each_step() {
        let (mut dots, mut view) = (Dots::default(), View::default());
        let mut shown = String::new();
        let outcomes = [SpanOutcome::Ok, SpanOutcome::Cached, failure("no", None), SpanOutcome::Cancelled];
        let mut events = vec![call(99, None, "f", 0.0), finished(99, SpanOutcome::Ok, 1.0)];
        for (id, outcome) in (0_u64..).zip(outcomes) {
            events.push(span(id, None, "s", SpanKind::Exec, 0.0));
            events.push(finished(id, outcome, 1.0));
        }
        events.extend([span(50, None, "s", SpanKind::Exec, 0.0), cached(50, "", 1.0)]);
        events.extend([finished(50, SpanOutcome::Ok, 1.0), finished(77, SpanOutcome::Ok, 1.0)]);
        for event in &events {
            view.apply(event);
            shown += &dots.render(event, &view);
        }
        assert_eq!(shown + dots.finish(), ".cF-c\n");
        assert_eq!(dots.finish(), "");
    }

    #[test]
    fn lines_have_80_characters() {
        let (mut dots, mut view) = (Dots::default(), View::default());
        let mut shown = String::new();
        for id in 0..160 {
            for event in [span(id, None, "s", SpanKind::Exec, 0.0), finished(id, SpanOutcome::Ok, 1.0)] {
                view.apply(&event);
                shown += &dots.render(&event, &view);
            }
        }
        assert_eq!(shown + dots.finish(), format!("{0}\n{0}\n", ".".repeat(80)));
    }
}
