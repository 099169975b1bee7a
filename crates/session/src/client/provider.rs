//! Secrets of other providers: their own programs, as the user has signed in to them, give the values.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};

use base64::Engine as _;
use serde_json::Value;

use crate::{ErrorCode, RemoteError};

/// What is asked of a program.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Question {
    /// Its name, looked for in `PATH`.
    pub(super) program: &'static str,
    /// Arguments. Nothing of a URI can be taken for a flag.
    pub(super) args: Vec<String>,
    answer: Answer,
}

/// Where the value is in what it prints.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// It is all of it.
    Raw,
    /// `SecretString` or `SecretBinary`, or a field of the JSON in it.
    SecretsManager(Option<String>),
    /// `Parameter.Value`.
    Parameter,
}

/// Who to ask for a secret, and what; none if no provider has this scheme.
pub(super) fn question(
    scheme: &str,
    rest: &str,
    env: &HashMap<OsString, OsString>,
) -> Result<Option<Question>, RemoteError> {
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let query: HashMap<Cow<'_, str>, Cow<'_, str>> = form_urlencoded::parse(query.as_bytes()).collect();
    let (program, args, answer) = match scheme {
        "op" => ("op", vec!["read".into(), "--no-newline".into(), format!("op://{rest}")], Answer::Raw),
        "vault" => ("vault", vault(path, env)?, Answer::Raw),
        "libsecret" => ("secret-tool", libsecret(rest, &query)?, Answer::Raw),
        "gcp" => ("gcloud", gcp(path, env)?, Answer::Raw),
        "aws+sm" => {
            let mut args: Vec<String> = ["secretsmanager", "get-secret-value"].map(Into::into).into();
            args.push(format!("--secret-id={path}"));
            match (query.get("version"), query.get("stage")) {
                (Some(_), Some(_)) => {
                    return Err(malformed("aws+sm", rest, "it has both a version and a stage"));
                }
                (Some(version), None) => args.push(format!("--version-id={version}")),
                (None, Some(stage)) => args.push(format!("--version-stage={stage}")),
                (None, None) => {}
            }
            args.extend(region(&query));
            ("aws", args, Answer::SecretsManager(query.get("field").map(|field| field.clone().into_owned())))
        }
        "aws+ps" => {
            let mut args: Vec<String> = ["ssm", "get-parameter", "--with-decryption"].map(Into::into).into();
            args.push(format!("--name=/{}", path.trim_start_matches('/')));
            args.extend(region(&query));
            ("aws", args, Answer::Parameter)
        }
        _ => return Ok(None),
    };
    Ok(Some(Question { program, args, answer }))
}

impl Question {
    /// The value in what the program has printed; the reason if it is not there.
    pub(super) fn value(&self, printed: Vec<u8>) -> Result<Vec<u8>, String> {
        let json = || {
            serde_json::from_slice::<Value>(&printed)
                .map_err(|error| format!("its answer is not JSON: {error}"))
        };
        match &self.answer {
            Answer::Raw => Ok(printed),
            Answer::Parameter => match &json()?["Parameter"]["Value"] {
                Value::String(value) => Ok(value.clone().into_bytes()),
                _ => Err("its answer has no Parameter.Value".into()),
            },
            Answer::SecretsManager(field) => {
                let answer = json()?;
                let value = match (&answer["SecretString"], &answer["SecretBinary"]) {
                    (Value::String(text), _) => text.clone().into_bytes(),
                    (_, Value::String(coded)) => base64::engine::general_purpose::STANDARD
                        .decode(coded)
                        .map_err(|_| "SecretBinary in its answer is not base64".to_owned())?,
                    _ => return Err("its answer has neither SecretString nor SecretBinary".into()),
                };
                let Some(field) = field else { return Ok(value) };
                let Ok(Value::Object(fields)) = serde_json::from_slice(&value) else {
                    return Err(format!("the secret is not a JSON object, so it has no field {field:?}"));
                };
                match fields.get(field) {
                    Some(Value::String(text)) => Ok(text.clone().into_bytes()),
                    Some(Value::Null) => Ok(Vec::new()),
                    Some(other) => Ok(other.to_string().into_bytes()),
                    None => Err(format!("the secret has no field {field:?}")),
                }
            }
        }
    }
}

/// `PATH.FIELD` in the mount that `VAULT_PATH_PREFIX` names.
fn vault(path: &str, env: &HashMap<OsString, OsString>) -> Result<Vec<String>, RemoteError> {
    let Some((secret, field)) = path.rsplit_once('.').filter(|(secret, field)| {
        !secret.is_empty() && !secret.starts_with('-') && !field.is_empty() && !field.contains('/')
    }) else {
        return Err(malformed("vault", path, "expected vault://PATH.FIELD"));
    };
    let mount = variable(env, "VAULT_PATH_PREFIX").unwrap_or_else(|| "secret".into());
    Ok(vec![
        "kv".into(),
        "get".into(),
        format!("-mount={mount}"),
        format!("-field={field}"),
        secret.to_owned(),
    ])
}

/// `COLLECTION?ATTRIBUTE=VALUE&…`. `secret-tool` looks in all collections.
fn libsecret(rest: &str, query: &HashMap<Cow<'_, str>, Cow<'_, str>>) -> Result<Vec<String>, RemoteError> {
    let mut attributes: Vec<_> = query.iter().collect();
    attributes.sort();
    if attributes.is_empty() || attributes.iter().any(|(name, _)| name.starts_with('-') || name.is_empty()) {
        return Err(malformed(
            "libsecret",
            rest,
            "secrets are looked up by their attributes: libsecret://COLLECTION?ATTRIBUTE=VALUE",
        ));
    }
    let pairs = attributes.into_iter().flat_map(|(name, value)| [name.to_string(), value.to_string()]);
    Ok(std::iter::once("lookup".to_owned()).chain(pairs).collect())
}

/// `NAME`, `NAME/versions/VERSION` or `projects/PROJECT/secrets/NAME`, with or without a version.
fn gcp(path: &str, env: &HashMap<OsString, OsString>) -> Result<Vec<String>, RemoteError> {
    let parts: Vec<&str> = path.split('/').collect();
    let (project, name, version) = match parts[..] {
        [name] => (None, name, "latest"),
        [name, "versions", version] => (None, name, version),
        ["projects", project, "secrets", name] => (Some(project), name, "latest"),
        ["projects", project, "secrets", name, "versions", version] => (Some(project), name, version),
        _ => (None, "", ""),
    };
    if name.is_empty() || version.is_empty() || version.starts_with('-') {
        let expected = "expected gcp://NAME or gcp://projects/PROJECT/secrets/NAME, and /versions/VERSION if not the latest";
        return Err(malformed("gcp", path, expected));
    }
    let mut args: Vec<String> = ["secrets", "versions", "access", version].map(Into::into).into();
    args.push(format!("--secret={name}"));
    let project = project.map(str::to_owned).or_else(|| {
        ["GCP_PROJECT_ID", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"]
            .iter()
            .find_map(|name| variable(env, name))
    });
    // Without one, gcloud takes that of its own configuration.
    args.extend(project.map(|project| format!("--project={project}")));
    Ok(args)
}

fn region(query: &HashMap<Cow<'_, str>, Cow<'_, str>>) -> Vec<String> {
    let region = query.get("region").map(|region| format!("--region={region}"));
    region.into_iter().chain(["--output=json".to_owned()]).collect()
}

/// A variable of the client that is set to something.
fn variable(env: &HashMap<OsString, OsString>, name: &str) -> Option<String> {
    let value = env.get(OsStr::new(name))?.to_str()?;
    (!value.is_empty()).then(|| value.to_owned())
}

fn malformed(scheme: &str, rest: &str, reason: &str) -> RemoteError {
    RemoteError::new(
        ErrorCode::Invalid,
        format!("malformed id: {:?}: {reason}", format!("{scheme}://{rest}")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(uri: &str, variables: &[(&str, &str)]) -> String {
        let env = variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let (scheme, rest) = uri.split_once("://").unwrap();
        match question(scheme, rest, &env) {
            Ok(Some(question)) => format!("{} {}", question.program, question.args.join(" ")),
            Ok(None) => "nobody".into(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn programs_and_arguments() {
        for (uri, expected) in [
            ("op://vault/an item/field?x=y", "op read --no-newline op://vault/an item/field?x=y"),
            ("vault://path/to.d/secret.key?ttl=5m", "vault kv get -mount=secret -field=key path/to.d/secret"),
            ("libsecret://login?user=me&site=a%20b", "secret-tool lookup site a b user me"),
            ("gcp://name", "gcloud secrets versions access latest --secret=name"),
            ("gcp://name/versions/7", "gcloud secrets versions access 7 --secret=name"),
            (
                "gcp://projects/p/secrets/name/versions/7",
                "gcloud secrets versions access 7 --secret=name --project=p",
            ),
            (
                "aws+sm://prod/db?region=eu-west-1&stage=AWSPREVIOUS&field=password",
                "aws secretsmanager get-secret-value --secret-id=prod/db --version-stage=AWSPREVIOUS --region=eu-west-1 --output=json",
            ),
            ("aws+ps://app/key", "aws ssm get-parameter --with-decryption --name=/app/key --output=json"),
            ("other://x", "nobody"),
        ] {
            assert_eq!(asked(uri, &[]), expected);
        }
        let prefix = asked("vault://a.b", &[("VAULT_PATH_PREFIX", "team/kv")]);
        assert_eq!(prefix, "vault kv get -mount=team/kv -field=b a");
        let project = asked("gcp://name", &[("GCP_PROJECT_ID", ""), ("GCLOUD_PROJECT", "p")]);
        assert!(project.ends_with("--secret=name --project=p"));
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        for uri in [
            "vault://path",
            "vault://-policy=x.y",
            "vault://a.b/c",
            "libsecret://login/label",
            "libsecret://login?--x=y",
            "gcp://a/b",
            "gcp://name/versions/--impersonate-service-account=x",
            "aws+sm://x?version=1&stage=y",
        ] {
            assert!(asked(uri, &[]).starts_with("malformed id: "), "{uri}");
        }
    }

    #[test]
    fn values_in_answers() {
        let value = |uri: &str, printed: &str| {
            let (scheme, rest) = uri.split_once("://").unwrap();
            let question = question(scheme, rest, &HashMap::new()).unwrap().unwrap();
            question.value(printed.into()).map(|value| String::from_utf8(value).unwrap())
        };
        let text = r#"{"Name": "x", "SecretString": "{\"a\": \"1\", \"b\": [2], \"c\": null}"}"#;
        assert_eq!(value("aws+sm://x", text).unwrap(), r#"{"a": "1", "b": [2], "c": null}"#);
        assert_eq!(value("aws+sm://x?field=a", text).unwrap(), "1");
        assert_eq!(value("aws+sm://x?field=b", text).unwrap(), "[2]");
        assert_eq!(value("aws+sm://x?field=c", text).unwrap(), "");
        assert!(value("aws+sm://x?field=d", text).unwrap_err().contains("no field \"d\""));
        assert_eq!(value("aws+sm://x", r#"{"SecretBinary": "aGk="}"#).unwrap(), "hi");
        assert!(
            value("aws+sm://x?field=a", r#"{"SecretString": "plain"}"#)
                .unwrap_err()
                .contains("not a JSON object")
        );
        assert!(value("aws+sm://x", "{}").is_err() && value("aws+sm://x", "oops").is_err());
        assert_eq!(value("aws+ps://x", r#"{"Parameter": {"Value": "v"}}"#).unwrap(), "v");
        assert!(value("aws+ps://x", "{}").is_err());
        assert_eq!(value("op://a/b", "as it is\n").unwrap(), "as it is\n");
    }
}
