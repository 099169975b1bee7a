//! From one picture on a terminal to the next, without flicker.
//!
//! Only lines that differ are written, each over the old one, within one synchronized update (DEC private mode 2026):
//! terminals that know it show the new picture at once, others ignore it. No line wraps, whatever width the terminal
//! gives to its characters. Lines leave some columns free ([`Painter::room`]): terminals that become narrower break what no
//! longer fits, and push as many lines out at the top, where nothing can be erased; while a window is dragged, a picture that
//! is drawn anew soon enough need not break. Between two pictures the terminal is in no special state, so it does not matter when the
//! program is killed.

use crate::style::{rows, width};
use crate::text::clean;

const BEGIN: &str = "\u{1b}[?2026h\u{1b}[?7l";
const END: &str = "\u{1b}[?7h\u{1b}[?2026l";
const ERASE_LINE: &str = "\u{1b}[K";
const ERASE_BELOW: &str = "\u{1b}[J";

/// What is on the screen: the picture drawn last, with the cursor below it.
#[derive(Clone, Debug, Default)]
pub struct Painter {
    lines: Vec<String>,
    columns: usize,
}

impl Painter {
    /// How wide lines may be on a screen of so many columns: a twentieth less.
    #[must_use]
    pub const fn room(columns: usize) -> usize {
        columns - columns / 20
    }

    /// What to write, in one go, so that these lines are in the place of those drawn last, on a screen of so many columns;
    /// nothing if they are the same.
    pub fn paint(&mut self, lines: Vec<String>, columns: usize) -> String {
        let resized = columns != self.columns && !self.lines.is_empty();
        if lines == self.lines && !resized {
            return String::new();
        }
        let mut out = BEGIN.to_owned();
        out.push_str(&self.to_top(columns));
        for (index, line) in lines.iter().enumerate() {
            if resized || self.lines.get(index) != Some(line) {
                let old = self.lines.get(index).map_or(0, |old| width(&clean(old)));
                let new = width(&clean(line));
                if resized || new < old || new >= columns {
                    // From its start on: some terminals count columns that were erased at the end of a line for full, and
                    // break it there when they become narrower. And after a line that fills the width, the cursor stands on
                    // its last character.
                    out.push_str(ERASE_LINE);
                }
                out.push_str(line);
                if new < columns {
                    // Where nothing had to be erased before, nothing is empty in between, also on terminals that show it
                    // piece by piece.
                    out.push_str(ERASE_LINE);
                }
            }
            out.push_str("\r\n");
        }
        if resized || lines.len() < self.lines.len() {
            out.push_str(ERASE_BELOW);
        }
        out.push_str(END);
        (self.lines, self.columns) = (lines, columns);
        out
    }

    /// What to write so that the picture is gone and the cursor where it began, on a screen of so many columns.
    pub fn clear(&mut self, columns: usize) -> String {
        if self.lines.is_empty() {
            return String::new();
        }
        let up = self.to_top(columns);
        self.lines.clear();
        // Line by line at first: what is erased from the top of the screen on, some terminals keep in their history.
        format!("{BEGIN}{up}{ERASE_LINE}\r\n{ERASE_BELOW}\u{1b}[1A{END}")
    }

    /// Leaves what is drawn where it is: the next picture is drawn below the cursor.
    pub fn forget(&mut self) {
        self.lines.clear();
    }

    /// To the first line of the picture. Terminals that became narrower have broken the lines that were too long.
    fn to_top(&self, columns: usize) -> String {
        let rows: usize = if columns >= self.columns {
            self.lines.len()
        } else {
            self.lines.iter().map(|line| rows(&clean(line), columns)).sum()
        };
        if rows == 0 { String::new() } else { format!("\r\u{1b}[{rows}A") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.split('|').map(str::to_owned).collect()
    }

    #[test]
    fn only_what_differs_is_written() {
        let mut painter = Painter::default();
        let frame = |inner: &str| format!("{BEGIN}{inner}{END}");
        assert_eq!(painter.paint(lines("a|b|c"), 80), frame("a\x1b[K\r\nb\x1b[K\r\nc\x1b[K\r\n"));
        assert_eq!(painter.paint(lines("a|b|c"), 80), "", "nothing has changed");
        assert_eq!(painter.paint(lines("a|B|c"), 80), frame("\r\x1b[3A\r\nB\x1b[K\r\n\r\n"));
        assert_eq!(painter.paint(lines("a|B"), 80), frame("\r\x1b[3A\r\n\r\n\x1b[J"));
        assert_eq!(painter.paint(lines("a|B|d"), 80), frame("\r\x1b[2A\r\n\r\nd\x1b[K\r\n"));
        assert_eq!(
            painter.paint(lines("a|B|d"), 1),
            frame("\r\x1b[3A\x1b[Ka\r\n\x1b[KB\r\n\x1b[Kd\r\n\x1b[J")
        );
        painter.forget();
        assert_eq!(painter.paint(lines("aa|B|d"), 80), frame("aa\x1b[K\r\nB\x1b[K\r\nd\x1b[K\r\n"));
        assert_eq!(painter.paint(lines("a|B|d"), 80), frame("\r\x1b[3A\x1b[Ka\x1b[K\r\n\r\n\r\n"));
        painter.forget();
        assert_eq!(painter.paint(lines("a|B|d"), 80), frame("a\x1b[K\r\nB\x1b[K\r\nd\x1b[K\r\n"));
        assert_eq!(painter.clear(80), frame("\r\x1b[3A\x1b[K\r\n\x1b[J\x1b[1A"));
        assert_eq!(painter.clear(80), "");
    }

    #[test]
    fn another_width_is_a_new_picture_in_the_same_place() {
        let mut painter = Painter::default();
        painter.paint(lines("0123456789|\u{1b}[31mab\u{1b}[0m|"), 10);
        // Of 10 columns in 4: three rows, one, one.
        let narrow = painter.paint(lines("012…|ab|"), 4);
        assert!(narrow.starts_with(&format!("{BEGIN}\r\x1b[5A\x1b[K012…")), "{narrow:?}");
        assert!(narrow.ends_with(&format!("\r\n\x1b[J{END}")), "{narrow:?}");
        let wide = painter.paint(lines("012…|ab|"), 300);
        assert!(wide.starts_with(&format!("{BEGIN}\r\x1b[3A\x1b[K012…\x1b[K")), "{wide:?}");
    }
}
