//! Values of secrets that the client has.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;

use bytes::Bytes;

use super::paths::Bases;
use super::provider::{self, Question};
use crate::link::frame::MAX_PAYLOAD;
use crate::{ErrorCode, RemoteError};

/// The value behind `env://`, `file://` or `cmd://`, or that the program of another provider gives.
pub(super) async fn read(
    uri: &str,
    bases: &Bases,
    env: &HashMap<OsString, OsString>,
) -> Result<Bytes, RemoteError> {
    let Some((scheme, rest)) = uri.split_once("://") else {
        return Err(RemoteError::new(
            ErrorCode::Invalid,
            "malformed id: expected a scheme, as in env://TOKEN",
        ));
    };
    let value = match scheme {
        "env" => env.get(OsStr::new(rest)).ok_or_else(|| not_found(rest))?.as_bytes().to_vec(),
        "file" => {
            let path = bases.resolve(rest)?;
            let read = tokio::task::spawn_blocking(move || {
                let mut value = Vec::new();
                let file = std::fs::File::open(&path);
                let result = file.and_then(|file| file.take(MAX_PAYLOAD as u64 + 1).read_to_end(&mut value));
                result.map(|_| value).map_err(|error| {
                    let failed = RemoteError::io("read", &path, &error);
                    RemoteError::new(failed.code, format!("a file:// secret: {}", failed.message))
                })
            });
            read.await.map_err(|error| RemoteError::new(ErrorCode::Other, error.to_string()))??
        }
        "cmd" => run(rest, bases, env).await?,
        other => match provider::question(other, rest, env)? {
            Some(question) => ask(uri, &question, bases, env).await?,
            None => {
                let message = format!(
                    "unsupported secret provider: {other:?} (supported: env, file, cmd, op, vault, libsecret, gcp, aws+sm, aws+ps)"
                );
                return Err(RemoteError::new(ErrorCode::Invalid, message));
            }
        },
    };
    if value.len() > MAX_PAYLOAD {
        return Err(RemoteError::new(
            ErrorCode::Invalid,
            format!("the {scheme}:// secret is larger than 1 MiB, which is the most that a secret may have"),
        ));
    }
    Ok(value.into())
}

/// Shows three characters at most: people sometimes put the value where the name belongs.
fn not_found(name: &str) -> RemoteError {
    let beginning: String = name.chars().take(3).collect();
    let (shown, why) = if beginning == name {
        (beginning, "")
    } else {
        (
            format!("{beginning}..."),
            " (only the beginning of the name is shown, in case it is the value itself)",
        )
    };
    RemoteError::new(
        ErrorCode::NotFound,
        format!(
            "secret env var not found: {shown:?}{why}; set the variable where the program is started, or correct the name after env://"
        ),
    )
}

async fn run(
    command: &str,
    bases: &Bases,
    env: &HashMap<OsString, OsString>,
) -> Result<Vec<u8>, RemoteError> {
    let output = printed("/bin/sh", &["-c".to_owned(), command.to_owned()], bases, env).await;
    output.map_err(|failure| {
        // The rest of the command may have passwords in it.
        let program = command.split_whitespace().next().unwrap_or_default();
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
        let shown = if program.chars().all(plain) { format!(" ({program} …)") } else { String::new() };
        let hint = match &failure {
            Failure::Status { words, .. } if words.is_empty() => {
                "; it wrote no reason: run it in a shell to find out"
            }
            _ => "",
        };
        RemoteError::new(ErrorCode::Other, format!("the command of a cmd:// secret{shown} {failure}{hint}"))
    })
}

/// The value that the program of a provider gives.
async fn ask(
    uri: &str,
    question: &Question,
    bases: &Bases,
    env: &HashMap<OsString, OsString>,
) -> Result<Vec<u8>, RemoteError> {
    let program = question.program;
    let reason = match printed(program, &question.args, bases, env).await {
        Ok(printed) => match question.value(printed) {
            Ok(value) => return Ok(value),
            Err(reason) => reason,
        },
        Err(Failure::Start(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(RemoteError::new(
                ErrorCode::NotFound,
                format!(
                    "the secret {uri} is given by the program {program}, which is not installed here; install it and sign in, or give the secret by env://, file:// or cmd://"
                ),
            ));
        }
        Err(failure) => format!("it {failure}"),
    };
    Err(RemoteError::new(
        ErrorCode::Other,
        format!("the program {program} did not give the secret {uri}: {reason}"),
    ))
}

/// Why there is nothing printed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("could not be started: {0}")]
    Start(std::io::Error),
    #[error("failed ({status}){}{words}", if words.is_empty() { "" } else { ": " })]
    Status { status: std::process::ExitStatus, words: String },
}

/// What a program prints on the client, without standard input.
async fn printed(
    program: &str,
    args: &[String],
    bases: &Bases,
    env: &HashMap<OsString, OsString>,
) -> Result<Vec<u8>, Failure> {
    let output = tokio::process::Command::new(program)
        .args(args)
        .current_dir(&bases.workdir)
        .env_clear()
        .envs(env)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(Failure::Start)?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let words = stderr.trim().lines().last().unwrap_or_default().chars().take(300).collect();
    Err(Failure::Status { status: output.status, words })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn get(uri: &str) -> Result<Vec<u8>, String> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("token"), b"s3\xffcret").unwrap();
        let bases = Bases { workdir: dir.path().to_owned(), home: Some(dir.path().to_owned()) };
        let env = [("PATH", "/usr/bin:/bin"), ("TOKEN", "from env")]
            .map(|(name, value)| (name.into(), value.into()));
        let value = read(uri, &bases, &HashMap::from(env)).await;
        value.map(|bytes| bytes.to_vec()).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn values_come_from_environment_files_and_commands() {
        assert_eq!(get("env://TOKEN").await.unwrap(), b"from env");
        assert_eq!(get("file://token").await.unwrap(), b"s3\xffcret");
        assert_eq!(get("file://~/token").await.unwrap(), b"s3\xffcret");
        assert_eq!(get("cmd://printf %s \"$TOKEN\"").await.unwrap(), b"from env");
    }

    #[tokio::test]
    async fn errors_do_not_show_what_may_be_a_value() {
        let error = get("env://ABCDEFG").await.unwrap_err();
        assert!(error.starts_with(r#"secret env var not found: "ABC..." (only the beginning"#), "{error}");
        assert!(
            error
                .ends_with("set the variable where the program is started, or correct the name after env://")
        );
        let error = get("env://ABC").await.unwrap_err();
        assert!(error.starts_with(r#"secret env var not found: "ABC"; set"#), "{error}");
        let error = get("foo://vault/x").await.unwrap_err();
        assert!(error.starts_with(r#"unsupported secret provider: "foo" (supported: env,"#), "{error}");
        let error = get("op://vault/x").await.unwrap_err();
        assert!(
            error.starts_with("the secret op://vault/x is given by the program op, which is not"),
            "{error}"
        );
        assert!(get("hunter2").await.unwrap_err().starts_with("malformed id"));
        let error = get("file://missing").await.unwrap_err();
        assert!(
            error.starts_with("a file:// secret: /")
                && error.ends_with("/missing: no such file or directory")
        );
        let error = get("file://.").await.unwrap_err();
        assert!(
            error.starts_with("a file:// secret: ") && error.ends_with("is a directory, not a file"),
            "{error}"
        );
        let error = get("cmd://echo oops >&2; exit 3").await.unwrap_err();
        assert_eq!(error, "the command of a cmd:// secret (echo …) failed (exit status: 3): oops");
        let error = get("cmd://PASSWORD=hunter2 false").await.unwrap_err();
        assert_eq!(
            error,
            "the command of a cmd:// secret failed (exit status: 1); it wrote no reason: run it in a shell to find out"
        );
    }
}
