//! Shows what happens on standard error.

use std::io::{IsTerminal, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kukri_telemetry::{Event, Plain, PlainConfig, Screen, Summary, View, tty};

use crate::args::ProgressMode;

/// Between two pictures.
const FRAME: Duration = Duration::from_millis(100);

/// Takes events and shows them.
pub struct Progress {
    mode: Mode,
    view: View,
}

enum Mode {
    None,
    Json,
    Plain(Plain),
    Tty { drawn: usize, last: Option<std::time::Instant> },
}

impl Progress {
    /// In the mode that was asked for; `Auto` looks at standard error.
    pub fn new(mode: ProgressMode, silent: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let mode = match mode {
            _ if silent => Mode::None,
            ProgressMode::None => Mode::None,
            ProgressMode::Json => Mode::Json,
            ProgressMode::Plain | ProgressMode::Dots => Mode::Plain(Plain::new(PlainConfig::default())),
            ProgressMode::Auto if !terminal => Mode::Plain(Plain::new(PlainConfig::default())),
            ProgressMode::Tty | ProgressMode::Auto => Mode::Tty { drawn: 0, last: None },
        };
        Self { mode, view: View::default() }
    }

    /// Whether events are wanted at all.
    pub const fn is_on(&self) -> bool {
        !matches!(self.mode, Mode::None)
    }

    /// One event, as it came from the engine.
    pub fn event(&mut self, bytes: &[u8]) {
        let Ok(event) = serde_json::from_slice::<Event>(bytes) else { return };
        match &mut self.mode {
            Mode::None => return,
            Mode::Json => {
                let mut line = bytes.to_vec();
                line.push(b'\n');
                write(&line);
            }
            Mode::Plain(plain) => write(plain.render(&event).as_bytes()),
            Mode::Tty { .. } => {}
        }
        self.view.apply(&event);
        self.draw(false);
    }

    /// Time has passed.
    pub fn tick(&mut self) {
        self.draw(true);
    }

    /// The end: the summary.
    pub fn finish(&mut self) {
        self.clear();
        if matches!(self.mode, Mode::None | Mode::Json) {
            return;
        }
        let summary = Summary::of(&self.view);
        if summary.steps + summary.transfers > 0 {
            write(format!("{summary}\n").as_bytes());
        }
    }

    fn clear(&mut self) {
        if let Mode::Tty { drawn, .. } = &mut self.mode
            && *drawn > 0
        {
            write(format!("\x1b[{drawn}A\x1b[0J").as_bytes());
            *drawn = 0;
        }
    }

    fn draw(&mut self, force: bool) {
        let Mode::Tty { drawn, last } = &mut self.mode else { return };
        if !force && last.is_some_and(|last| last.elapsed() < FRAME) {
            return;
        }
        *last = Some(std::time::Instant::now());
        let (width, height) = rustix::termios::tcgetwinsize(std::io::stderr())
            .map_or((80, 24), |size| (usize::from(size.ws_col).max(20), usize::from(size.ws_row).max(4)));
        let screen =
            Screen { width, height: height / 2, colour: crate::fail::colours(), ..Screen::default() };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let lines = tty::render(&self.view, &screen, u64::try_from(now.as_nanos()).unwrap_or(u64::MAX));
        let mut out = String::new();
        if *drawn > 0 {
            out.push_str(&format!("\x1b[{drawn}A"));
        }
        out.push_str("\x1b[0J");
        for line in &lines {
            out.push_str(line);
            out.push('\n');
        }
        *drawn = lines.len();
        write(out.as_bytes());
    }
}

/// Progress must never make a pipeline fail: whoever closed standard error does not want it.
fn write(bytes: &[u8]) {
    let mut stderr = std::io::stderr().lock();
    let _ = stderr.write_all(bytes);
    let _ = stderr.flush();
}
