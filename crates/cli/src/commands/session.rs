//! `kukri session`: what SDKs start.

use std::process::ExitCode;

use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};

use super::open;
use crate::args::{ProgressMode, SessionArgs};
use crate::fail::{Outcome, out};
use crate::progress::FRAME;
use crate::runs;

/// Prints port and token, and serves until standard input ends or a signal comes. Both are orderly ends.
pub async fn session(mut args: SessionArgs) -> Outcome {
    // Set before anything is printed: an SDK may end the session as soon as it has read the line.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    if args.session.progress == ProgressMode::Auto {
        // The program that uses the session writes to the same terminal, and a picture would be drawn over what it writes.
        args.session.progress = ProgressMode::Plain;
    }
    let mut progress = open::prepare(&args.session, &runs::parent())?;
    let mut session = open::open(&args.session, &mut progress).await?;
    out(&format!("{{\"port\":{},\"session_token\":\"{}\"}}\n", session.port(), session.token()))?;
    let stdin_ends = async {
        let mut stdin = tokio::io::stdin();
        let mut buffer = [0; 1024];
        while matches!(stdin.read(&mut buffer).await, Ok(count) if count > 0) {}
    };
    tokio::pin!(stdin_ends);
    let mut gone = false;
    let mut frame = tokio::time::interval(FRAME);
    frame.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = &mut stdin_ends => break,
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = frame.tick() => progress.tick(),
            event = session.next_event(), if !gone => match event {
                Some(event) => progress.event(&event),
                // The SDK learns of it with its next request; it must still be able to end this in its own way.
                None => {
                    gone = true;
                    progress.say("");
                    open::engine_gone(&session).tell();
                }
            },
        }
    }
    open::close(session, &mut progress).await.map(|()| ExitCode::SUCCESS)
}
