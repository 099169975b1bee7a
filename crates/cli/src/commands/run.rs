//! `kukri run`: a program with a session.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use super::open;
use crate::args::RunArgs;
use crate::fail::{Failure, Outcome};
use crate::progress::Progress;

/// Runs the program with the session's port and token in its environment; ends with its status.
pub async fn run(args: RunArgs) -> Outcome {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut progress = Progress::new(args.session.progress, args.session.silent);
    let mut session = open::open(&args.session, &progress).await?;
    let (program, rest) = args.command.split_first().ok_or_else(|| Failure::new("no command was given"))?;
    let mut child = tokio::process::Command::new(program)
        .args(rest)
        .env("DAGGER_SESSION_PORT", session.port().to_string())
        .env("DAGGER_SESSION_TOKEN", session.token())
        .spawn()
        .map_err(|error| Failure::new(format!("cannot run {}: {error}", program.to_string_lossy())))?;
    let mut gone = false;
    let mut frame = tokio::time::interval(std::time::Duration::from_millis(250));
    let status = loop {
        tokio::select! {
            status = child.wait() => break status?,
            // The terminal has sent it to the child as well; the child decides how it ends.
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {
                if let Some(pid) = child.id().and_then(|pid| rustix::process::Pid::from_raw(pid.cast_signed())) {
                    let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
                }
            }
            _ = frame.tick() => progress.tick(),
            event = session.next_event(), if !gone => match event {
                Some(event) => progress.event(&event),
                None => gone = true,
            },
        }
    };
    open::close(session, &mut progress).await;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}
