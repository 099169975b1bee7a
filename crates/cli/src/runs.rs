//! Runs, also those that go on: for each a file with its events, as they came.
//!
//! The first line says what was run, each one after it is an event, or says what is left out. What a killed process leaves behind can be read like
//! anything else: the last line may be torn, and is ignored then.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Split};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use clap_complete::engine::CompletionCandidate;
use jiff::Timestamp;
use kukri_telemetry::text::one_line;
use kukri_telemetry::{Event, Run, SpanId, Trace};
use serde::{Deserialize, Serialize};

use crate::settings;

mod pages;
mod recorder;

pub use pages::{new_page, write_page};
pub use recorder::Recorder;

const ENDING: &str = "jsonl";

/// The first line.
#[derive(Serialize, Deserialize)]
struct Head {
    run: Run,
}

/// In place of lines of a step's log that are left out: they lie before those that are in the file.
#[derive(Serialize, Deserialize)]
struct Gap {
    left_out: LeftOut,
}

#[derive(Serialize, Deserialize)]
struct LeftOut {
    id: SpanId,
    lines: u64,
}

/// What is run now. `words`: the program and its arguments.
///
/// Only the program and, where it is one, the script are kept: other arguments may be secret.
pub fn describe(words: &[String]) -> Run {
    let now = Timestamp::now();
    let name = |word: &String| Path::new(word).file_name().map(|name| name.to_string_lossy().into_owned());
    let script =
        words.iter().skip(1).find(|word| !word.starts_with('-')).filter(|word| Path::new(word).is_file());
    let command: Vec<String> = words.first().into_iter().chain(script).filter_map(name).collect();
    Run {
        id: name_of(now, std::process::id()),
        command: one_line(&command.join(" ")),
        workdir: std::env::current_dir().map(|path| path.display().to_string()).unwrap_or_default(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_ns: u64::try_from(now.as_nanosecond()).unwrap_or(0),
    }
}

/// Names in this order are in the order of time.
fn name_of(begun: Timestamp, process: u32) -> String {
    format!("{}-{process}", begun.strftime("%Y%m%d-%H%M%S-%6f"))
}

/// The program that started this one, with its arguments.
pub fn parent() -> Vec<String> {
    let parent = rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get());
    let line = fs::read(format!("/proc/{parent}/cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0)
        .filter(|word| !word.is_empty())
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect()
}

/// Files of kept runs, latest first.
pub fn paths() -> io::Result<Vec<PathBuf>> {
    let Some(directory) = directory() else { return Ok(Vec::new()) };
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == ENDING))
        .collect();
    // Names begin with the time.
    paths.sort_unstable_by(|one, other| other.cmp(one));
    Ok(paths)
}

/// Names of the runs that are kept, for completion.
pub fn candidates() -> Vec<CompletionCandidate> {
    let paths = paths().unwrap_or_default();
    paths.iter().filter_map(|path| path.file_stem()).map(CompletionCandidate::new).collect()
}

/// The file of the latest run. One of which nothing is written yet, or never was because it was killed, is passed over.
pub fn latest() -> io::Result<Option<PathBuf>> {
    Ok(paths()?.into_iter().find(|path| begin(path).is_ok()))
}

/// Reads a run, as far as it is written. Lines that are not understood are passed over.
pub fn read(path: &Path, logs: bool) -> io::Result<Trace> {
    let (head, lines) = begin(path)?;
    let mut trace = Trace::new(head.run);
    let mut last_log = Vec::new();
    for line in lines {
        let line = line?;
        if !logs && line.starts_with(br#"{"event":"span_log""#) {
            last_log = line;
            continue;
        }
        if let Ok(Gap { left_out }) = serde_json::from_slice(&line) {
            trace.leave_out(left_out.id, left_out.lines);
        } else if let Ok(event) = serde_json::from_slice(&line) {
            trace.apply(&event);
        }
    }
    if let Ok(event) = serde_json::from_slice::<Event>(&last_log) {
        trace.reach(&event);
    }
    trace.finish_lines();
    Ok(trace)
}

/// What was run, and the lines about it.
fn begin(path: &Path) -> io::Result<(Head, Split<BufReader<File>>)> {
    let mut lines = BufReader::new(File::open(path)?).split(b'\n');
    let head = lines.next().transpose()?.unwrap_or_default();
    let head = serde_json::from_slice(&head)
        .map_err(|error| io::Error::other(format!("{} is not a run: {error}", path.display())))?;
    Ok((head, lines))
}

/// What to do where no run can be kept.
pub fn obstacle() -> Option<String> {
    if settings::kept_runs().is_ok_and(|keep| keep == 0) {
        return Some("KUKRI_RUNS=0 keeps none; unset it".to_owned());
    }
    let next = "set XDG_STATE_HOME to a directory that this user may write to";
    let Some(directory) = directory() else { return Some(format!("HOME is not set; {next}")) };
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory);
    let error =
        made.and_then(|()| Ok(rustix::fs::access(&directory, rustix::fs::Access::WRITE_OK)?)).err()?;
    Some(format!("runs cannot be written to {}: {error}; {next}", directory.display()))
}

/// Where runs are kept.
fn directory() -> Option<PathBuf> {
    Some(state()?.join("runs"))
}

/// Below the user's directory for state.
fn state() -> Option<PathBuf> {
    Some(settings::base_dir("XDG_STATE_HOME", ".local/state")?.join("kukri"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_not_kept() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let script =
            format!("/usr/bin/python3 -u {}/src/runs.rs --token hunter2", env!("CARGO_MANIFEST_DIR"));
        assert_eq!(describe(&words(&script)).command, "python3 runs.rs");
        assert_eq!(describe(&words("node --token=hunter2 hunter2")).command, "node");
        assert_eq!(describe(&[]).command, "");
    }

    /// Also those of one second, whatever numbers the processes have.
    #[test]
    fn names_are_in_the_order_of_time() {
        let name = |micros, process| name_of(Timestamp::from_microsecond(micros).unwrap(), process);
        assert!(name(1_795_493_078_192_482, 819) < name(1_795_493_078_592_001, 1009));
        assert!(name(1_795_493_078_000_001, 30_000) < name(1_795_493_078_000_099, 4));
        assert_eq!(name(1_795_493_078_192_482, 819), "20261124-040438-192482-819");
    }
}
