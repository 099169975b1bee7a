//! Putting an image into a container engine of this machine, by its own command.

use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::serve::Facts;
use super::sync::lost;
use crate::link::{Channel, Message};
use crate::wire::{ExportDown, LoadImageBody, LoadedImage};
use crate::{ErrorCode, RemoteError};

/// A command that takes image archives.
struct Loader {
    program: &'static str,
    /// Succeeds where the program can do its work: `docker` may be there without its daemon.
    probe: &'static [&'static str],
}

const LOADERS: [Loader; 3] = [
    Loader { program: "docker", probe: &["version"] },
    Loader { program: "podman", probe: &["version"] },
    Loader { program: "nerdctl", probe: &["info"] },
];

/// A container engine that does not say anything for so long does not work.
const PROBE: Duration = Duration::from_secs(15);

/// Serves one request to its end: the archive comes in parts.
pub(super) async fn serve(
    facts: &Facts,
    body: LoadImageBody,
    mut channel: Channel,
) -> Result<Message, RemoteError> {
    let program = find(facts).await.map_err(|tried| {
        let message = format!(
            "image {:?} cannot be loaded: there is no container engine to load it into ({tried}); use export, and load \
             the archive where it is needed",
            body.name
        );
        RemoteError::new(ErrorCode::NotFound, message)
    })?;
    let failed = |reason: String| {
        RemoteError::new(ErrorCode::Other, format!("{program} load: image {:?}: {reason}", body.name))
    };
    let mut child = command(facts, program)
        .arg("load")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(format!("cannot be started: {error}")))?;
    let stdin = child.stdin.take();
    let feeding = async {
        let mut stdin = stdin;
        loop {
            let message = channel.recv().await.map_err(lost)?;
            let ExportDown::Part { last } = message.parse().map_err(lost)? else {
                return Err(RemoteError::new(ErrorCode::Invalid, "expected a part of an image"));
            };
            // A program that ends early says why; what it did not take is of no use.
            if let Some(open) = &mut stdin
                && open.write_all(&message.payload).await.is_err()
            {
                stdin = None;
            }
            if last {
                return Ok(());
            }
        }
    };
    let (fed, ended) = tokio::join!(feeding, child.wait_with_output());
    fed?;
    let output = ended.map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(format!("failed ({}): {}", output.status, last_line(&output))));
    }
    Ok(Message::json(&LoadedImage { program: program.to_owned() }))
}

/// The first program that is there and works; why each does not.
pub(super) async fn find(facts: &Facts) -> Result<&'static str, String> {
    let mut tried = Vec::new();
    for Loader { program, probe } in LOADERS {
        let asked = command(facts, program).args(probe).stdin(Stdio::null()).output();
        match tokio::time::timeout(PROBE, asked).await {
            Ok(Ok(output)) if output.status.success() => return Ok(program),
            Ok(Ok(output)) => tried.push(format!("{program}: {}", last_line(&output))),
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
                tried.push(format!("{program}: not installed"));
            }
            Ok(Err(error)) => tried.push(format!("{program}: {error}")),
            Err(_) => tried.push(format!("{program}: no answer within {} s", PROBE.as_secs())),
        }
    }
    Err(tried.join("; "))
}

pub(super) fn command(facts: &Facts, program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(&facts.bases.workdir).env_clear().envs(&facts.env).kill_on_drop(true);
    command
}

pub(super) fn last_line(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    text.trim().lines().last().unwrap_or("it says nothing").chars().take(300).collect()
}
