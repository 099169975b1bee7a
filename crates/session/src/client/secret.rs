//! Values of secrets that the client has.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;

use bytes::Bytes;

use super::paths::Bases;
use crate::link::frame::MAX_PAYLOAD;
use crate::{ErrorCode, RemoteError};

/// The value behind `env://`, `file://` or `cmd://`.
pub(super) async fn read(
    uri: &str,
    bases: &Bases,
    env: &HashMap<OsString, OsString>,
) -> Result<Bytes, RemoteError> {
    let Some((scheme, rest)) = uri.split_once("://") else {
        return Err(RemoteError::new(ErrorCode::Invalid, "malformed id: expected env://, file:// or cmd://"));
    };
    let value = match scheme {
        "env" => match env.get(OsStr::new(rest)) {
            Some(value) => value.as_bytes().to_vec(),
            None => return Err(not_found(rest)),
        },
        "file" => {
            let path = bases.resolve(rest)?;
            let read = tokio::task::spawn_blocking(move || {
                let mut value = Vec::new();
                let file = std::fs::File::open(&path);
                let result = file.and_then(|file| file.take(MAX_PAYLOAD as u64 + 1).read_to_end(&mut value));
                result.map(|_| value).map_err(|error| RemoteError::io("read the secret", &path, &error))
            });
            read.await.map_err(|error| RemoteError::new(ErrorCode::Other, error.to_string()))??
        }
        "cmd" => run(rest, bases, env).await?,
        other => {
            let instead = instead(other, uri);
            let message =
                format!("unsupported secret provider: {other:?} (supported: env, file, cmd){instead}");
            return Err(RemoteError::new(ErrorCode::Invalid, message));
        }
    };
    if value.len() > MAX_PAYLOAD {
        return Err(RemoteError::new(
            ErrorCode::Invalid,
            format!("the {scheme}:// secret is larger than 1 MiB"),
        ));
    }
    Ok(value.into())
}

/// How the program of a provider gives the value.
fn instead(scheme: &str, uri: &str) -> String {
    let rest = uri.split_once("://").map_or("", |(_, rest)| rest);
    let command = match scheme {
        "op" => format!("op read {uri}"),
        "vault" => "vault kv get -field=FIELD PATH".to_owned(),
        "libsecret" => "secret-tool lookup ATTRIBUTE VALUE".to_owned(),
        "gcp" => "gcloud secrets versions access latest --secret=NAME".to_owned(),
        "aws+sm" => format!(
            "aws secretsmanager get-secret-value --secret-id {rest} --query SecretString --output text"
        ),
        "aws+ps" => {
            format!(
                "aws ssm get-parameter --with-decryption --name {rest} --query Parameter.Value --output text"
            )
        }
        _ => return String::new(),
    };
    format!("; ask its own program: cmd://{command}")
}

/// Shows three characters at most: people sometimes put the value where the name belongs.
fn not_found(name: &str) -> RemoteError {
    let shown = if name.chars().count() > 3 {
        format!("{}...", name.chars().take(3).collect::<String>())
    } else {
        name.to_owned()
    };
    RemoteError::new(ErrorCode::NotFound, format!("secret env var not found: {shown:?}"))
}

async fn run(
    command: &str,
    bases: &Bases,
    env: &HashMap<OsString, OsString>,
) -> Result<Vec<u8>, RemoteError> {
    let failed = |reason: String| {
        RemoteError::new(ErrorCode::Other, format!("the command of a cmd:// secret {reason}"))
    };
    let output = tokio::process::Command::new("/bin/sh")
        .arg("-c")
        .arg(command)
        .current_dir(&bases.workdir)
        .env_clear()
        .envs(env)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| failed(format!("could not be started: {error}")))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let words = stderr.trim().lines().last().unwrap_or_default();
    let words: String = words.chars().take(300).collect();
    Err(failed(format!("failed ({}){}{words}", output.status, if words.is_empty() { "" } else { ": " })))
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
        assert_eq!(get("env://ABCDEFG").await.unwrap_err(), r#"secret env var not found: "ABC...""#);
        assert_eq!(
            get("op://vault/x").await.unwrap_err(),
            r#"unsupported secret provider: "op" (supported: env, file, cmd); ask its own program: cmd://op read op://vault/x"#
        );
        assert!(get("hunter2").await.unwrap_err().starts_with("malformed id"));
        assert!(get("file://missing").await.unwrap_err().ends_with("missing: no such file or directory"));
        let error = get("cmd://echo oops >&2; exit 3").await.unwrap_err();
        assert!(error.contains("oops") && error.contains('3'), "{error}");
    }
}
