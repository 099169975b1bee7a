//! How a command fails: what went wrong, what to do next, and with which status.

use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use kukri_telemetry::text::clean;
use rustix::io::Errno;

use crate::colours;
use crate::exit::{Dialect, Signal, Status};

/// A failure to report.
#[derive(Debug)]
pub struct Failure {
    message: String,
    /// Lines below the message which say more about what failed.
    details: Vec<String>,
    /// Fields of the API down to the one that failed.
    place: Vec<String>,
    hint: Option<String>,
    status: Status,
}

/// What a command ends with.
pub type Outcome = Result<ExitCode, Failure>;

impl Failure {
    /// Something went wrong.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            details: Vec::new(),
            place: Vec::new(),
            hint: None,
            status: Status::Failed,
        }
    }

    /// The command line is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { status: Status::Usage, ..Self::new(message) }
    }

    /// A signal ended the command.
    pub fn interrupted(signal: Signal) -> Self {
        Self::new("interrupted; what ran is cancelled").status(Status::Interrupted(signal))
    }

    /// With another status.
    pub fn status(mut self, status: Status) -> Self {
        self.status = status;
        self
    }

    /// What to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says more below the message.
    pub fn details(mut self, lines: Vec<String>) -> Self {
        self.details = lines;
        self
    }

    /// Without what is to be seen above it already.
    pub fn brief(self) -> Self {
        self.details(Vec::new())
    }

    /// Which field of the API failed, by those that lead to it.
    pub fn place(mut self, fields: Vec<String>) -> Self {
        self.place = fields;
        self
    }

    /// The place in other words.
    pub fn map_place(mut self, names: impl Fn(Vec<String>) -> Vec<String>) -> Self {
        self.place = names(self.place);
        self
    }

    /// Says first where it went wrong.
    pub fn within(mut self, place: &str) -> Self {
        self.message = format!("{place}: {}", self.message);
        self
    }

    /// The message, and what to do next; empty if that is not known.
    pub fn into_parts(self) -> (String, String) {
        (self.message, self.hint.unwrap_or_default())
    }

    /// Writes it to standard error; gives the status.
    pub fn report(self, dialect: Dialect) -> ExitCode {
        self.tell();
        ExitCode::from(self.status.number(dialect))
    }

    /// Writes it to standard error. Names of files may be part of it, which others have chosen: none of them moves the cursor.
    pub fn tell(&self) {
        if !self.message.is_empty() {
            err(&format!("{} {}\n", label("error:", "31"), quiet(&self.message)));
        }
        if !self.place.is_empty() {
            err(&format!("at: {}\n", quiet(&self.place.join("."))));
        }
        if !self.details.is_empty() {
            err(&format!("{}\n", quiet(&self.details.join("\n"))));
        }
        if let Some(hint) = &self.hint {
            err(&format!("{} {}\n", label("hint:", "36"), quiet(hint)));
        }
    }
}

/// What a command ends with that has ended its session. Of two failures that of the work counts, and both are told.
pub fn ended<T>(outcome: Result<T, Failure>, closed: Result<(), Failure>) -> Result<T, Failure> {
    match (outcome, closed) {
        (Ok(value), closed) => closed.map(|()| value),
        (outcome, Ok(())) => outcome,
        (outcome, Err(also)) => {
            also.tell();
            outcome
        }
    }
}

impl<E: fmt::Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error.to_string())
    }
}

/// The lines of a text without escape sequences and control characters.
fn quiet(text: &str) -> String {
    let lines: Vec<_> = text.split('\n').map(clean).collect();
    lines.join("\n")
}

/// A word in bold and in a colour (a number of ECMA-48), where standard error shows colours.
fn label(word: &str, colour: &str) -> String {
    if colours::on(&std::io::stderr()) { format!("\x1b[1;{colour}m{word}\x1b[0m") } else { word.to_owned() }
}

/// Prints what reading the command line ended with: a mistake to standard error, help to standard output.
pub fn report_usage(error: &clap::Error, dialect: Dialect) -> ExitCode {
    if error.use_stderr() {
        // Who closed standard error does not want to know.
        let _ = error.print();
        return ExitCode::from(Status::Usage.number(dialect));
    }
    let help = error.render();
    let coloured = colours::on(&std::io::stdout());
    match out(&if coloured { help.ansi().to_string() } else { help.to_string() }) {
        Ok(()) => ExitCode::SUCCESS,
        // Help that nobody could read has not helped.
        Err(failure) => failure.report(dialect),
    }
}

/// Where standard output was closed, lets each write to it fail, here and in programs that are started: in its place there is
/// `/dev/null` by now, where all that is written is lost without an error.
pub fn closed_output_fails() -> Result<(), Failure> {
    if kukri_sandbox::start::stdout_was_closed() {
        // Opened for reading: to write to it is the same error as where there is no file. Nor can anybody write to this file who
        // opens it anew, as `/dev/stdout` does; without `/proc` nobody can do that.
        let unwritable = File::open("/proc/version").or_else(|_| File::open("/dev/null"))?;
        rustix::stdio::dup2_stdout(unwritable)?;
    }
    Ok(())
}

/// Writes to standard output. That it cannot be written is a failure; that nobody reads it is one of which nothing is said:
/// whoever has read enough knows.
pub fn out(text: &str) -> Result<(), Failure> {
    if text.is_empty() {
        return Ok(());
    }
    // Not by `std::io::Stdout`, which takes a file that cannot be written to (EBADF) for a success.
    let stdout = rustix::stdio::stdout().try_clone_to_owned().map(File::from);
    stdout.and_then(|mut stdout| stdout.write_all(text.as_bytes())).map_err(|error| match error {
        error if error.kind() == ErrorKind::BrokenPipe => Failure::new("").status(Status::NobodyReads),
        error if error.raw_os_error() == Some(Errno::BADF.raw_os_error()) => {
            Failure::new("standard output is closed, or not open for writing")
        }
        error => Failure::new(format!("standard output: {error}")),
    })
}

/// Writes to standard error. Who closed it does not want to know.
pub fn err(text: &str) {
    // What a failed command wrote may be part of it.
    let text = &crate::progress::harmless(text);
    let mut stderr = std::io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes());
    let _ = stderr.flush();
}
