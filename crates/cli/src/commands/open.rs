//! Opens a session for a command, starting an engine where none runs.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::time::Duration;

use kukri_engine::engine::NEEDS_ROOT;
use kukri_session::ClientHello;
use kukri_session::client::ConnectConfig;
use kukri_session::command::{Door, RunningSession, SessionConfig};
use kukri_session::launch::{LaunchConfig, RunningEngine, ensure_engine};

use crate::args::SessionFlags;
use crate::fail::Failure;
use crate::progress::Progress;
use crate::settings::{self, Places};
use crate::telemetry::Telemetry;

/// How long an engine may take until it answers.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the engine may take to answer a new session.
pub const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the end of a session may take.
const END_TIMEOUT: Duration = Duration::from_secs(10);
/// Most connections of SDKs at a time.
const MAX_CONNECTIONS: usize = 400;

/// How to start an engine.
pub fn launch(places: &Places) -> Result<LaunchConfig, Failure> {
    Ok(LaunchConfig {
        program: std::env::current_exe()?,
        args: vec![OsString::from("engine")],
        env: settings::of_engine(places)?,
        socket: places.socket.clone(),
        lock_path: places.lock.clone(),
        log_path: places.log.clone(),
        timeout: START_TIMEOUT,
    })
}

/// Finds the engine, or starts one.
pub async fn engine(places: &Places) -> Result<RunningEngine, Failure> {
    ensure_engine(&launch(places)?).await.map_err(|error| no_engine(&error, places))
}

/// Why an engine cannot begin, as far as a next step is known.
struct Cause {
    kinds: &'static [ErrorKind],
    what: &'static str,
    next: &'static str,
}

const CAUSES: &[Cause] = &[
    Cause {
        kinds: &[ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem],
        what: "The directory of its data cannot be written to",
        next: "set KUKRI_ROOT to a directory that this user may write to",
    },
    Cause {
        // As below /proc, where nothing can be made, or below a file.
        kinds: &[ErrorKind::NotFound, ErrorKind::NotADirectory],
        what: "The directory of its data cannot be made",
        next: "set KUKRI_ROOT to a directory on a disk",
    },
    Cause {
        kinds: &[ErrorKind::StorageFull, ErrorKind::QuotaExceeded],
        what: "There is no space for its data",
        next: "free space on the disk of {root}",
    },
];

/// What can be wrong, and what to do, for the reference.
pub fn causes() -> impl Iterator<Item = (&'static str, String)> {
    CAUSES.iter().map(|cause| (cause.what, cause.next.replace("{root}", "that directory")))
}

/// Why there is no engine, with its log, and with the next step where that is known.
pub fn no_engine(error: &(dyn std::error::Error + 'static), places: &Places) -> Failure {
    let failure = Failure::new(error.to_string());
    match advice(error, places) {
        advice if advice.is_empty() => failure,
        advice => failure.hint(advice),
    }
}

/// What to do where there is no engine; empty if there is nothing to say that the error does not.
pub fn advice(error: &(dyn std::error::Error + 'static), places: &Places) -> String {
    let text = error.to_string();
    let kinds = std::iter::successors(Some(error), |error| error.source())
        .filter_map(|error| error.downcast_ref::<std::io::Error>())
        .map(std::io::Error::kind);
    let mut hints = next_steps(kinds, places, rustix::process::geteuid().is_root());
    let log = places.log.display().to_string();
    if !text.contains(&log) {
        hints.push(format!("the engine's log is {log}"));
    }
    hints.join("; ")
}

/// What to do next where an engine fails for these reasons. A place for its data alone would not help who is not root.
fn next_steps(kinds: impl Iterator<Item = ErrorKind>, places: &Places, is_root: bool) -> Vec<String> {
    let next = |kind| CAUSES.iter().find(|cause| cause.kinds.contains(&kind)).map(|cause| cause.next);
    let root = places.root.display().to_string();
    let mut hints: Vec<String> = kinds.filter_map(next).map(|next| next.replace("{root}", &root)).collect();
    if !hints.is_empty() && !is_root {
        hints.insert(0, NEEDS_ROOT.to_owned());
    }
    hints
}

/// Looks at all that is said about a session before anything is started or written. `words`: what is run.
pub fn prepare(flags: &SessionFlags, words: &[String]) -> Result<Progress, Failure> {
    settings::check()?;
    settings::workdir(flags.workdir.as_deref())?;
    Progress::new(flags, words)
}

/// Opens a session for programs that this command starts, or that have started it.
pub async fn open(flags: &SessionFlags, progress: &mut Progress) -> Result<RunningSession, Failure> {
    open_at(Door::loopback().await?, true, flags, progress).await
}

/// Opens a session at a door. `host_access`: whether it may use this machine's files, secrets and programs.
pub async fn open_at(
    door: Door,
    host_access: bool,
    flags: &SessionFlags,
    progress: &mut Progress,
) -> Result<RunningSession, Failure> {
    let places = settings::from_environment()?.places()?;
    let workdir = settings::workdir(flags.workdir.as_deref())?;
    let id = format!("{}-{}", std::process::id(), unique());
    let mut hello = ClientHello::new(id.clone(), id, workdir.to_string_lossy());
    if let Some(pretended) = settings::pretended_version()? {
        (hello.version, hello.protocol) = pretended;
    }
    hello.want_events = progress.is_on();
    hello.telemetry = progress.telemetry().map(Telemetry::hello);
    hello.labels = flags
        .label
        .iter()
        .filter_map(|label| label.split_once(':'))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    hello.schema_version = flags.schema_version.clone().unwrap_or_default();
    let config = SessionConfig {
        launch: Some(launch(&places)?),
        connect: ConnectConfig {
            socket: places.socket.clone(),
            hello,
            workdir,
            home: settings::home(),
            cache_dir: settings::base_dir("XDG_CACHE_HOME", ".cache").map(|base| base.join("kukri")),
            env: std::env::vars_os().collect(),
            host_access,
            timeout: HELLO_TIMEOUT,
            telemetry: progress.telemetry().map(Telemetry::sink),
        },
        max_connections: MAX_CONNECTIONS,
    };
    let session = RunningSession::start_at(door, config).await.map_err(|error| no_engine(&error, &places))?;
    progress.engine_is_known(&session.engine().id);
    Ok(session)
}

/// What is wrong where the engine is no longer there, though nobody has asked it to end.
pub fn engine_gone(session: &RunningSession) -> Failure {
    Failure::new(format!("the engine ended unexpectedly; its log is {}", session.engine().log_path))
}

/// Ends a session, showing what still comes. An error: what was asked for besides the work itself could not be done.
pub async fn close(session: RunningSession, progress: &mut Progress) -> Result<(), Failure> {
    let mut client = session.begin_shutdown().await;
    let rest = async {
        while let Some(event) = client.next_event().await {
            progress.event(&event);
        }
    };
    let _ = tokio::time::timeout(END_TIMEOUT, rest).await;
    client.close(Duration::from_secs(1)).await;
    let finished = progress.finish();
    progress.close().await;
    finished
}

/// A number that no other session of this machine has with this process id.
fn unique() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_not_root_is_told_so_before_all_else() {
        let places = Places { root: "/r".into(), socket: "/s".into(), log: "/l".into(), lock: "/k".into() };
        let steps = |kind, is_root| next_steps(std::iter::once(kind), &places, is_root);
        let as_root = steps(ErrorKind::PermissionDenied, true);
        assert_eq!(as_root.len(), 1);
        assert_eq!(steps(ErrorKind::PermissionDenied, false), [NEEDS_ROOT.to_owned(), as_root[0].clone()]);
        assert!(steps(ErrorKind::TimedOut, false).is_empty());
    }
}
