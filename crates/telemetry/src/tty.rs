//! The live tree that a terminal shows while things run.
//!
//! A pure function of the view, the size of the screen and the time. Whoever draws it replaces the lines drawn before.

use crate::view::View;

/// The screen to draw for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// Columns. Lines are cut to this.
    pub width: usize,
    /// Rows. No more lines than this are given back.
    pub height: usize,
    /// Whether to use ANSI colours. Without them, nothing that they say is lost.
    pub colour: bool,
    /// Lines of log shown below each running step.
    pub log_lines: usize,
}

impl Default for Screen {
    /// 80 by 24, with colours, 3 lines of log.
    fn default() -> Self {
        Self { width: 80, height: 24, colour: true, log_lines: 3 }
    }
}

/// The lines to show at `now_ns`, on the same clock as the events. Without line ends.
#[must_use]
pub fn render(view: &View, screen: &Screen, now_ns: u64) -> Vec<String> {
    let _ = (view, screen, now_ns);
    Vec::new()
}
