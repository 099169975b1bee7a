//! `kukri run`: a program with a session.

use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};

use rustix::process::Pid;
use tokio::process::Child;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use crate::args::RunArgs;
use crate::connection::Connection;
use crate::exit::{Dialect, Status};
use crate::fail::{Failure, Outcome, ended};
use crate::shared_terminal::SharedTerminal;
use crate::signals::Signals;
use crate::size;

/// Runs the program with the session's port and token in its environment; ends with its status. Signals that were meant for
/// the program come to it.
pub async fn run(args: RunArgs, dialect: Dialect) -> Outcome {
    let cleanup = size::duration(&args.cleanup_timeout)
        .map_err(|error| Failure::usage(format!("--cleanup-timeout: {error}")))?;
    let (program, rest) = args.command.split_first().ok_or_else(|| Failure::usage("no command was given"))?;
    if program.as_encoded_bytes().starts_with(b"-") {
        // A flag that there is not, rather than a program of that name.
        return Err(Failure::usage(format!("run has no flag {}", program.to_string_lossy())).hint(format!(
            "`{} run --help` lists them; a program whose name begins with a dash needs its path, as in ./-x",
            dialect.name()
        )));
    }
    let mut signals = Signals::listen()?;
    let words: Vec<String> = args.command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let mut connection = tokio::select! {
        connection = Connection::open(&args.session, &words) => connection?,
        sent = signals.next() => return Err(Failure::interrupted(sent.ends())),
    };
    signals.listen_to_all()?;
    let mut command = tokio::process::Command::new(program);
    if let Some(traceparent) = connection.traceparent() {
        command.env("TRACEPARENT", traceparent);
    }
    command
        .args(rest)
        .env("DAGGER_SESSION_PORT", connection.port().to_string())
        .env("DAGGER_SESSION_TOKEN", connection.token());
    let mut terminal = if connection.draws() { SharedTerminal::for_output(&mut command)? } else { None };
    let mut resized = signal(SignalKind::window_change())?;
    let started = command.spawn();
    // The program alone has its end of the terminal now.
    drop(command);
    let mut child = match started {
        Ok(child) => child,
        Err(error) => {
            let closed = connection.close().await;
            let status =
                if error.kind() == ErrorKind::NotFound { Status::NotFound } else { Status::CannotRun };
            let text = format!("cannot run {}: {error}", program.to_string_lossy());
            return ended(Err(Failure::new(text).status(status)), closed);
        }
    };
    let mut deadline = None;
    let status: ExitStatus = loop {
        let late = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            status = child.wait() => break status?,
            // The program decides how it ends.
            sent = signals.next() => if let Some(pid) = pid(&child) {
                sent.pass_on(pid);
                if sent.is_last() {
                    deadline.get_or_insert(Instant::now() + cleanup);
                }
            },
            () = late => {
                let _ = child.start_kill();
                deadline = None;
            }
            piece = written(&mut terminal) => connection.pass(&piece),
            _ = resized.recv() => if let Some(terminal) = &terminal {
                terminal.fit();
            },
            () = connection.show() => {}
        }
    };
    if let Some(terminal) = &mut terminal {
        while let Some(piece) = terminal.rest().await {
            connection.pass(&piece);
        }
    }
    let closed = connection.close().await;
    if status.success() {
        return closed.map(|()| ExitCode::SUCCESS);
    }
    if let Err(failure) = closed {
        failure.tell();
    }
    Ok(ExitCode::from(Status::of_process(status.code(), status.signal()).number(dialect)))
}

/// What the program writes on its terminal, if it has one.
async fn written(terminal: &mut Option<SharedTerminal>) -> Vec<u8> {
    match terminal {
        Some(terminal) => terminal.next().await,
        None => std::future::pending().await,
    }
}

fn pid(child: &Child) -> Option<Pid> {
    child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()))
}
