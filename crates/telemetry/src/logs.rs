//! Only what commands write, each line with its step before it.
//!
//! ```text
//! #3 withExec pytest -q | 12 passed
//! ```

use std::collections::HashMap;

use crate::event::{Event, Level, SpanId, SpanKind, Stream};
use crate::style::cut;
use crate::text::{Lines, clean, one_line};

/// Columns of a step's name.
const NAME: usize = 40;

/// The state of the writer: which steps are open and which of their lines are not complete.
#[derive(Clone, Debug, Default)]
pub struct Logs {
    open: HashMap<SpanId, Step>,
    last_number: u64,
}

#[derive(Clone, Debug)]
struct Step {
    prefix: String,
    lines: [Lines; 2],
}

impl Logs {
    /// The lines to write for this event, each with its `\n`. Numbers are those of [`crate::Plain`]. Besides logs, warnings
    /// and errors that belong to no step.
    pub fn render(&mut self, event: &Event) -> String {
        let mut out = String::new();
        match event {
            Event::SpanStarted { id, label, kind, .. }
                if *kind != SpanKind::Call && !self.open.contains_key(id) =>
            {
                self.last_number += 1;
                let prefix = format!("#{} {} |", self.last_number, cut(&one_line(label), NAME));
                self.open.insert(*id, Step { prefix, lines: Default::default() });
            }
            Event::SpanLog { id, stream, text, .. } => {
                if let Some(step) = self.open.get_mut(id) {
                    let lines = step.lines[*stream as usize].push(text);
                    step.write(&mut out, lines);
                }
            }
            Event::SpanFinished { id, .. } => {
                if let Some(mut step) = self.open.remove(id) {
                    for stream in [Stream::Stdout, Stream::Stderr] {
                        let rest = step.lines[stream as usize].finish();
                        step.write(&mut out, rest);
                    }
                }
            }
            Event::Message { level, text } if *level >= Level::Warning => {
                let level = if *level == Level::Error { "error" } else { "warning" };
                for line in text.lines() {
                    out.push_str(&format!("{level}: {}\n", clean(line)));
                }
            }
            _ => {}
        }
        out
    }
}

impl Step {
    fn write(&self, out: &mut String, lines: impl IntoIterator<Item = String>) {
        for line in lines {
            out.push_str(&self.prefix);
            if !line.is_empty() {
                out.push(' ');
                out.push_str(&line);
            }
            out.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::SpanOutcome;
    use crate::testing::{call, failure, finished, log, message, span};

    #[test]
    fn what_commands_write_and_who_wrote_it() {
        let events = [
            call(9, None, "f", 0.0),
            span(1, None, "withExec make", SpanKind::Exec, 0.0),
            span(2, None, &format!("withExec {}", "é".repeat(50)), SpanKind::Exec, 0.0),
            log(9, Stream::Stdout, "not a command's\n", 0.0),
            log(1, Stream::Stdout, "one ", 0.1),
            log(2, Stream::Stderr, "two\n\n", 0.2),
            log(1, Stream::Stdout, "line\n\u{1b}[31mrest", 0.3),
            message(Level::Info, "hidden"),
            message(Level::Warning, "a\nb"),
            finished(1, failure("exit code 1", Some(1)), 1.0),
            finished(2, SpanOutcome::Ok, 1.0),
        ];
        let mut logs = Logs::default();
        let shown: String = events.iter().map(|event| logs.render(event)).collect();
        let long = format!("#2 withExec {}… |", "é".repeat(30));
        let expected = format!(
            "{long} two\n{long}\n#1 withExec make | one line\nwarning: a\nwarning: b\n#1 withExec make | rest\n"
        );
        assert_eq!(shown, expected);
    }
}
