//! What the scenarios share: comparing, and saying what became of each.

use std::fmt::{Debug, Write as _};
use std::future::Future;
use std::io::Write as _;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dagger_sdk::core::gql_client::{GraphQLErrorMessage, GraphQlExtension};
use dagger_sdk::core::graphql_client::GraphQLError;
use dagger_sdk::errors::DaggerError;
use dagger_sdk::{Container, Query};
use eyre::{Result, bail, ensure, eyre};
use sha2::{Digest, Sha256};

/// How long one scenario may take.
pub const LIMIT: Duration = Duration::from_secs(120);

/// Fails unless both are the same; long ones are cut in the message.
pub fn equal<A: Debug + PartialEq<B>, B: Debug>(found: A, wanted: B) -> Result<()> {
    if found != wanted {
        bail!("found {}, wanted {}", cut(&found), cut(&wanted));
    }
    Ok(())
}

fn cut(value: &impl Debug) -> String {
    let text = format!("{value:?}");
    match text.char_indices().nth(400) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text,
    }
}

/// A text that no other run has, for steps which must not be hits.
pub fn mark(name: &str) -> String {
    format!("{}-{name}", variable("CLIENTS_MARK"))
}

/// A variable that is set.
pub fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

/// A text that never comes again.
pub fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_nanos().to_string()
}

/// A container to run commands in.
pub fn busybox(client: &Query) -> Container {
    client.container().from("busybox")
}

/// The digest as `sha256sum` prints it.
pub fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The first error of an answer, which must have such a text in it.
pub fn fails<T>(result: Result<T, DaggerError>, text: &str) -> Result<GraphQLErrorMessage> {
    let error = result.err().ok_or_else(|| eyre!("there is no error"))?;
    let DaggerError::Query(GraphQLError::DomainError { message, fields }) = error else {
        bail!("this is no error of the API: {error:?}");
    };
    ensure!(message.contains(text), "the error has no {text:?} in it: {message}");
    fields.into_iter().next().ok_or_else(|| eyre!("no error is in the list"))
}

/// A failed command, as the client has it.
pub struct Failed {
    pub cmd: Vec<String>,
    pub exit_code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// The error of a failed command, which must have such a text in it.
pub fn exec_fails<T>(result: Result<T, DaggerError>, text: &str) -> Result<Failed> {
    match fails(result, text)?.extensions {
        Some(GraphQlExtension::ExecError { cmd, exit_code, stderr, stdout }) => {
            Ok(Failed { cmd, exit_code, stdout, stderr })
        }
        other => bail!("this is no failed command: {other:?}"),
    }
}

/// A value which is null: this client cannot say so but by an error of decoding.
pub fn absent<T: Debug>(result: Result<T, DaggerError>) -> Result<()> {
    match result {
        Err(DaggerError::Unpack(_)) => Ok(()),
        other => bail!("found {other:?}, wanted nothing"),
    }
}

/// Runs one scenario and writes a line into the file of results.
pub async fn one(name: &str, scenario: impl Future<Output = Result<()>>) -> Result<()> {
    let started = Instant::now();
    let error = match tokio::time::timeout(LIMIT, scenario).await {
        Ok(Ok(())) => String::new(),
        Ok(Err(error)) => format!("{error:#}"),
        Err(_) => "it takes too long".to_owned(),
    };
    if !error.is_empty() {
        eprintln!("{name}: {error}");
    }
    let seconds = started.elapsed().as_secs_f64();
    let line = serde_json::json!({ "scenario": name, "error": error, "seconds": seconds });
    let path = variable("CLIENTS_RESULTS");
    let mut results = std::fs::OpenOptions::new().append(true).create(true).open(path)?;
    writeln!(results, "{line}")?;
    Ok(())
}
