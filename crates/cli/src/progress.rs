//! Shows what happens on standard error.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kukri_telemetry::{Event, Plain, PlainConfig, Screen, Summary, Trace, View, tty};

use crate::args::{ProgressMode, SessionFlags};
use crate::commands::trace::write_page;
use crate::exit::Dialect;
use crate::fail::Failure;
use crate::runs::{self, Recorder};
use crate::settings;

/// Between two pictures.
const FRAME: Duration = Duration::from_millis(100);

/// Takes events and shows them.
pub struct Progress {
    mode: Mode,
    view: View,
    recorder: Recorder,
    page: Option<(PathBuf, Trace)>,
}

enum Mode {
    None,
    Json,
    Plain(Plain),
    Tty { drawn: usize, last: Option<std::time::Instant> },
}

impl Mode {
    fn new(mode: ProgressMode, silent: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        match mode {
            _ if silent => Self::None,
            ProgressMode::None => Self::None,
            ProgressMode::Json => Self::Json,
            ProgressMode::Plain | ProgressMode::Dots => Self::Plain(Plain::new(PlainConfig::default())),
            ProgressMode::Auto if !terminal => Self::Plain(Plain::new(PlainConfig::default())),
            ProgressMode::Tty | ProgressMode::Auto => Self::Tty { drawn: 0, last: None },
        }
    }
}

impl Progress {
    /// In the mode that was asked for; `Auto` looks at standard error. `words`: what is run.
    pub fn new(flags: &SessionFlags, words: &[String]) -> Result<Self, Failure> {
        let run = runs::describe(words);
        let page = flags.trace.clone().map(|path| (path, Trace::new(run.clone())));
        if let Some((path, trace)) = &page {
            // Now, and not only when the work is done.
            write_page(trace, path)?;
        }
        let recorder = Recorder::new(run, settings::kept_runs()?);
        Ok(Self { mode: Mode::new(flags.progress, flags.silent), view: View::default(), recorder, page })
    }

    /// Whether events are wanted at all.
    pub const fn is_on(&self) -> bool {
        !matches!(self.mode, Mode::None) || self.recorder.is_on() || self.page.is_some()
    }

    /// One event, as it came from the engine.
    pub fn event(&mut self, bytes: &[u8]) {
        let Ok(event) = serde_json::from_slice::<Event>(bytes) else { return };
        match &mut self.mode {
            Mode::None => {}
            Mode::Json => {
                let mut line = bytes.to_vec();
                line.push(b'\n');
                write(&line);
            }
            Mode::Plain(plain) => write(plain.render(&event).as_bytes()),
            Mode::Tty { .. } => {}
        }
        self.recorder.event(bytes, &event);
        if let Some((_, trace)) = &mut self.page {
            trace.apply(&event);
        }
        if !matches!(self.mode, Mode::None | Mode::Json) {
            self.view.apply(&event);
        }
        self.draw(false);
    }

    /// Time has passed.
    pub fn tick(&mut self) {
        self.draw(true);
    }

    /// The end: the summary, and what is kept of the run.
    pub fn finish(&mut self) {
        self.clear();
        self.recorder.finish();
        if let Some((path, trace)) = self.page.take()
            && let Err(failure) = write_page(&trace, &path)
        {
            failure.report(Dialect::Kukri);
        }
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
