//! `kukri listen`: a session at an address that programs know.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::process::ExitCode;

use kukri_session::command::{Door, RunningSession};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::open;
use crate::args::{ListenArgs, ProgressMode};
use crate::exit::Signal;
use crate::fail::{Failure, Outcome, ended, err, out};
use crate::progress::FRAME;
use crate::settings::variable;

/// Prints where it listens, and serves until a signal comes, which is its orderly end.
pub async fn listen(mut args: ListenArgs) -> Outcome {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    if args.session.progress == ProgressMode::Auto {
        // It lasts for days, and its lines are a log.
        args.session.progress = ProgressMode::Plain;
    }
    let given = given_token();
    let listener = bind(&args.listen, given.is_some()).await?;
    let mut progress = open::prepare(&args.session, &["kukri listen".to_owned()])?;
    let door = Door { listener, token: given.clone(), allow_cors: args.allow_cors };
    let mut session = tokio::select! {
        session = open::open_at(door, !args.disable_host_read_write, &args.session, &mut progress) => session?,
        _ = interrupt.recv() => return Err(Failure::interrupted(Signal::Interrupt)),
        _ = terminate.recv() => return Err(Failure::interrupted(Signal::Terminate)),
    };
    let mut outcome = announce(&session, given.is_none());
    let mut frame = tokio::time::interval(FRAME);
    frame.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while outcome.is_ok() {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = frame.tick() => progress.tick(),
            event = session.next_event() => match event {
                Some(event) => progress.event(&event),
                None => outcome = Err(open::engine_gone(&session)),
            },
        }
    }
    let closed = open::close(session, &mut progress).await;
    ended(outcome, closed).map(|()| ExitCode::SUCCESS)
}

/// The token that the user has chosen. Inside of another session the variable is that one's, and says nothing about this.
fn given_token() -> Option<String> {
    variable("DAGGER_SESSION_TOKEN").filter(|_| variable("DAGGER_SESSION_PORT").is_none())
}

/// Listens; before an engine is started, which takes longer to fail.
async fn bind(text: &str, has_token: bool) -> Result<TcpListener, Failure> {
    // An address without a host is all of them, as in the original.
    let whole = if text.starts_with(':') { format!("0.0.0.0{text}") } else { text.to_owned() };
    let wrong = |error: std::io::Error| {
        Failure::usage(format!("--listen {text}: {error}")).hint("write ADDRESS:PORT, as in 127.0.0.1:8080")
    };
    let addresses: Vec<SocketAddr> = tokio::net::lookup_host(&whole).await.map_err(wrong)?.collect();
    if !has_token && !addresses.iter().all(|address| address.ip().is_loopback()) {
        return Err(Failure::usage(format!(
            "--listen {text}: other machines can reach this address, and there is no token that they would have to know"
        ))
        .hint("set DAGGER_SESSION_TOKEN to a secret, for instance to what `openssl rand -hex 16` prints, or listen on 127.0.0.1"));
    }
    TcpListener::bind(addresses.as_slice()).await.map_err(|error| {
        let failure = Failure::new(format!("cannot listen on {text}: {error}"));
        match error.kind() {
            ErrorKind::AddrInUse => failure.hint("choose another port with --listen, or 0 for a free one"),
            ErrorKind::AddrNotAvailable => {
                failure.hint("choose an address of this machine, as `ip address` lists them")
            }
            ErrorKind::PermissionDenied => failure.hint("choose a port from 1024 on"),
            _ => failure,
        }
    })
}

/// Says how programs find it: variables on standard output, words on standard error. A token that was given is not shown.
fn announce(session: &RunningSession, show_token: bool) -> Result<(), Failure> {
    let mut variables = format!("DAGGER_SESSION_PORT={}\n", session.port());
    if show_token {
        variables.push_str(&format!("DAGGER_SESSION_TOKEN={}\n", session.token()));
    }
    out(&variables)?;
    err(&format!("listening on http://{}/query; Ctrl-C or SIGTERM ends it\n", session.address()));
    if !session.address().ip().is_loopback() {
        err(
            "note: who knows the token can do here what your user can, and what is sent can be read on its way: \
             do not use it across networks that you do not trust\n",
        );
    }
    Ok(())
}
