//! Shows what happens on standard error.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::task::{Context, Waker};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kukri_telemetry::{
    Ci, Dots, Event, Limits, Logs, Open, Painter, Plain, PlainConfig, Screen, Summary, Trace, View, ci,
    report, tty,
};
use signal_hook::consts::SIGCONT;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::{ProgressMode, SessionFlags};
use crate::colours;
use crate::exit::Dialect;
use crate::fail::Failure;
use crate::runs::{self, Recorder};
use crate::settings::{self, variable};
use crate::telemetry::Telemetry;

/// Between two pictures. More often than this nobody reads them.
pub const FRAME: Duration = Duration::from_millis(100);
/// How long the terminal must have had the same size before a whole picture is drawn again. Until then there is only its last
/// line: a terminal that becomes narrower breaks lines, and pushes what has no room then out of the screen, where nothing can
/// take it away.
const SETTLED: Duration = Duration::from_secs(1);

/// Takes events and shows them.
pub struct Progress {
    mode: Mode,
    view: View,
    open: Open,
    /// A program has written part of a line, below which there is no place for a picture.
    in_line: bool,
    github: Option<ci::Service>,
    /// [`Progress::finish`] was called.
    ended: bool,
    recorder: Recorder,
    page: Option<(PathBuf, Trace)>,
    telemetry: Option<Telemetry>,
    /// After Ctrl-Z and `fg`.
    continued: tokio::signal::unix::Signal,
    /// Columns and rows of the terminal, as they were at the last look.
    size: Option<(usize, usize)>,
    /// When they were different from before.
    resized: Option<Instant>,
}

enum Mode {
    None,
    Json,
    Plain(Plain),
    Ci(Box<Ci>),
    Dots(Dots),
    Logs(Logs),
    Report,
    Tty(Painter),
}

impl Mode {
    fn new(mode: ProgressMode, silent: bool) -> Self {
        let plain = || {
            let plain = Plain::new(PlainConfig::default());
            match service() {
                Some(service) => Self::Ci(Box::new(Ci::new(service, plain))),
                None => Self::Plain(plain),
            }
        };
        // Such a terminal cannot move its cursor.
        let dumb = colours::dumb();
        match mode {
            _ if silent => Self::None,
            ProgressMode::None => Self::None,
            ProgressMode::Json => Self::Json,
            ProgressMode::Dots => Self::Dots(Dots::default()),
            ProgressMode::Logs => Self::Logs(Logs::default()),
            ProgressMode::Report => Self::Report,
            ProgressMode::Tty if !dumb => Self::Tty(Painter::default()),
            ProgressMode::Auto if !dumb && std::io::stderr().is_terminal() => Self::Tty(Painter::default()),
            ProgressMode::Plain | ProgressMode::Tty | ProgressMode::Auto => plain(),
        }
    }
}

/// The CI service in which this runs, if it is one whose commands are known.
fn service() -> Option<ci::Service> {
    // From the system's random numbers.
    let word = || RandomState::new().build_hasher().finish();
    if variable("GITHUB_ACTIONS").is_some_and(|value| value == "true") {
        let token = format!("{:016x}{:016x}", word(), word());
        let workspace = variable("GITHUB_WORKSPACE").unwrap_or_default();
        return Some(ci::Service::GitHub { token, workspace });
    }
    let gitlab = variable("GITLAB_CI").is_some_and(|value| value == "true");
    gitlab.then(|| ci::Service::GitLab { run: format!("{:016x}", word()) })
}

/// A text of which the CI service in which this runs takes nothing for a command.
pub fn harmless(text: &str) -> String {
    service().map_or_else(|| text.to_owned(), |service| service.guard(text))
}

impl Progress {
    /// In the mode that was asked for; `Auto` looks at standard error. `words`: what is run.
    pub fn new(flags: &SessionFlags, words: &[String]) -> Result<Self, Failure> {
        let run = runs::describe(words);
        let page = flags.trace.clone().map(|path| (path, Trace::new(run.clone())));
        if let Some((path, trace)) = &page {
            // Now, and not only when the work is done.
            runs::write_page(trace, path)?;
        }
        let telemetry = Telemetry::from_environment(&flags.label);
        let recorder = Recorder::new(run, settings::kept_runs()?);
        let mode = Mode::new(flags.progress, flags.silent);
        let limits = if matches!(mode, Mode::Report) { report::LIMITS } else { Limits::default() };
        let github = service().filter(|service| matches!(service, ci::Service::GitHub { .. }));
        Ok(Self {
            mode,
            view: View::new(limits),
            open: Open::default(),
            in_line: false,
            github,
            ended: false,
            recorder,
            page,
            telemetry,
            continued: signal(SignalKind::from_raw(SIGCONT))?,
            size: None,
            resized: None,
        })
    }

    /// Whether events are wanted at all.
    pub const fn is_on(&self) -> bool {
        !matches!(self.mode, Mode::None)
            || self.recorder.is_on()
            || self.page.is_some()
            || self.telemetry.is_some()
    }

    /// Whether each event is to be shown when it comes, and not only with the next picture, or in the end.
    pub const fn shows_at_once(&self) -> bool {
        !matches!(self.mode, Mode::None | Mode::Tty(_) | Mode::Report)
    }

    /// One event, as it came from the engine.
    pub fn event(&mut self, bytes: &[u8]) {
        let Ok(event) = serde_json::from_slice::<Event>(bytes) else { return };
        if self.telemetry.as_mut().is_some_and(|telemetry| !telemetry.event(&event)) {
            return;
        }
        self.open.apply(&event);
        self.recorder.event(bytes, &event);
        if let Some((_, trace)) = &mut self.page {
            trace.apply(&event);
        }
        if !matches!(self.mode, Mode::None | Mode::Json) {
            self.view.apply(&event);
        }
        match &mut self.mode {
            Mode::None | Mode::Tty(_) | Mode::Report => {}
            Mode::Json => {
                let mut line = String::from_utf8_lossy(bytes).into_owned();
                if self.github.is_some() {
                    // In texts of JSON it is the same; for the service it is no command.
                    line = line.replace("##[", "##\\u005b");
                }
                line.push('\n');
                write(&line);
            }
            Mode::Plain(plain) => write(&plain.render(&event)),
            Mode::Ci(ci) => write(&ci.render(&event, &self.view)),
            Mode::Dots(dots) => write(&dots.render(&event, &self.view)),
            Mode::Logs(logs) => {
                let lines = logs.render(&event);
                self.write_lines(&lines);
            }
        }
    }

    /// Time has passed: [`FRAME`]. Or the terminal has another size: the sooner its picture is gone, the less of it is broken.
    pub fn tick(&mut self) {
        self.recorder.tick();
        if let Some(telemetry) = &mut self.telemetry {
            telemetry.tick();
        }
        if let Mode::Ci(ci) = &mut self.mode {
            write(&ci.tick());
        }
        let Mode::Tty(painter) = &mut self.mode else { return };
        let mut nobody = Context::from_waker(Waker::noop());
        while self.continued.poll_recv(&mut nobody).is_ready() {
            // Below the old picture is what the shell has said, and maybe others.
            painter.forget();
        }
        if self.in_line {
            return;
        }
        if self.view.is_empty() && self.view.messages().next().is_none() {
            return;
        }
        let (columns, rows) = size().unwrap_or((80, 24));
        if self.size.replace((columns, rows)).is_some_and(|before| before != (columns, rows)) {
            self.resized = Some(Instant::now());
        }
        self.resized = self.resized.filter(|at| at.elapsed() < SETTLED);
        // What the program has said before stays in sight.
        let (width, height) = match self.resized {
            // So short that it need not be broken next.
            Some(_) => (columns / 2, 1.min(rows - 1)),
            None => (Painter::room(columns), (rows - 1).min((rows * 2 / 3).max(8))),
        };
        let screen = Screen { width, height, colour: colours::on(&std::io::stderr()), ..Screen::default() };
        write(&painter.paint(tty::render(&self.view, &screen, now()), columns));
    }

    /// Writes something of its own lines, which stays.
    pub fn say(&mut self, text: &str) {
        self.clear();
        write(text);
    }

    /// Whether the steps that failed are shown at the end.
    pub const fn shows_failures(&self) -> bool {
        matches!(self.mode, Mode::Tty(_) | Mode::Dots(_) | Mode::Report)
    }

    /// Whether a picture is drawn.
    pub const fn draws(&self) -> bool {
        matches!(self.mode, Mode::Tty(_))
    }

    /// Writes what a program has written, above the picture.
    pub fn pass(&mut self, bytes: &[u8]) {
        let Some(last) = bytes.last() else { return };
        self.clear();
        self.in_line = *last != b'\n';
        write_bytes(bytes);
    }

    /// The engine has said who it is.
    pub fn engine_is_known(&mut self, id: &str) {
        if let Some(telemetry) = &mut self.telemetry {
            telemetry.set_engine(id);
        }
    }

    /// What is sent to a collector, if anything is.
    pub const fn telemetry(&self) -> Option<&Telemetry> {
        self.telemetry.as_ref()
    }

    /// The very end, when the session's server has ended: what is left is sent to the collector.
    pub async fn close(&mut self) {
        if let Some(telemetry) = self.telemetry.take() {
            telemetry.close().await;
        }
    }

    /// The end: failures and the summary, and what is kept of the run. A page that cannot be written is a failure: it was
    /// asked for.
    pub fn finish(&mut self) -> Result<(), Failure> {
        self.ended = true;
        // Whoever interrupts does not wait for the engine to say so.
        for event in self.open.cancellations(now()) {
            if let Ok(bytes) = serde_json::to_vec(&event) {
                self.event(&bytes);
            }
        }
        self.clear();
        if std::mem::take(&mut self.in_line) {
            write("\n");
        }
        self.recorder.finish();
        let written = self.page.take().map_or(Ok(()), |(path, trace)| runs::write_page(&trace, &path));
        self.sum_up();
        written
    }

    /// Shows what failed, and the summary.
    fn sum_up(&mut self) {
        let terminal = std::io::stderr().is_terminal();
        let width = size().filter(|_| terminal).map_or(usize::MAX, |(width, _)| width);
        let colour = colours::on(&std::io::stderr());
        let mut lines = Vec::new();
        match &mut self.mode {
            Mode::None | Mode::Json | Mode::Logs(_) => return,
            Mode::Plain(_) => {}
            Mode::Ci(ci) => write(&ci.finish()),
            Mode::Dots(dots) => {
                write(dots.finish());
                lines = tty::failures(&self.view, width, colour);
            }
            Mode::Tty(_) => {
                lines = tty::failures(&self.view, width, colour);
                lines.extend(tty::cancelled(&self.view, width, colour));
            }
            Mode::Report => lines = report::render(&self.view, width, colour),
        }
        let summary = Summary::of(&self.view);
        if summary.counts.steps + summary.counts.transfers > 0 {
            lines.extend(summary.lines(width));
        }
        let mut text = lines.join("\n");
        if !text.is_empty() {
            text.push('\n');
        }
        // The summary stands apart from what comes after it.
        text.push_str(if text.is_empty() { "" } else { "\n" });
        self.write_lines(&text);
    }

    /// Lines that nothing in CI takes for commands.
    fn write_lines(&self, lines: &str) {
        match &self.github {
            Some(github) => write(&github.guard(lines)),
            None => write(lines),
        }
    }

    fn clear(&mut self) {
        if let Mode::Tty(painter) = &mut self.mode {
            write(&painter.clear(size().map_or(80, |(width, _)| width)));
        }
    }
}

/// A command that is interrupted has no other end: what ran then is cancelled.
impl Drop for Progress {
    fn drop(&mut self) {
        if self.ended || !self.is_on() {
            return;
        }
        if let Err(failure) = self.finish() {
            failure.report(Dialect::Kukri);
        }
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Columns and rows of the terminal. Asked for each picture: it may change at any time.
fn size() -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(std::io::stderr()).ok()?;
    // Terminals on serial lines do not know.
    let rows = if size.ws_row == 0 { 24 } else { usize::from(size.ws_row) };
    (size.ws_col > 0).then(|| (usize::from(size.ws_col), rows))
}

/// Progress must never make a pipeline fail: whoever closed standard error does not want it.
fn write(text: &str) {
    if text.is_empty() {
        return;
    }
    write_bytes(text.as_bytes());
}

fn write_bytes(bytes: &[u8]) {
    let mut stderr = std::io::stderr().lock();
    let _ = stderr.write_all(bytes);
    let _ = stderr.flush();
}
