//! The configuration of an image, and its JSON form.
//!
//! Fields that this engine does not know are kept and written again.

use std::collections::{BTreeMap, BTreeSet};

use kukri_model::Platform;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::digest::Sha256Digest;

/// What an image says about how to run it.
#[derive(Clone, PartialEq, Debug)]
pub struct ImageConfig {
    /// What the image is built for.
    pub platform: Platform,
    /// Variables in their order, names without duplicates.
    pub env: Vec<(String, String)>,
    /// `ENTRYPOINT`; `None` where none is set.
    pub entrypoint: Option<Vec<String>>,
    /// `CMD`; `None` where none is set.
    pub cmd: Option<Vec<String>>,
    /// `user`, `uid`, `user:group` or `uid:gid`; empty means root.
    pub user: String,
    /// Working directory; empty means `/`.
    pub working_dir: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// `EXPOSE`d ports.
    pub exposed_ports: BTreeSet<ExposedPort>,
    /// `VOLUME`s.
    pub volumes: BTreeSet<String>,
    /// `HEALTHCHECK`.
    pub healthcheck: Option<Healthcheck>,
    /// `STOPSIGNAL`.
    pub stop_signal: Option<String>,
    /// Uncompressed digests of the layers, the base first.
    pub diff_ids: Vec<Sha256Digest>,
    /// When it was built, RFC 3339.
    pub created: Option<String>,
    /// How it was built, entry by entry, as found.
    pub history: Vec<Value>,
    /// Other fields of the document, as found (`author`, `os.version`, …).
    pub other: Map<String, Value>,
    /// Other fields of its `config` object, as found (`OnBuild`, `Shell`, …).
    pub other_config: Map<String, Value>,
}

/// A port with its protocol.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ExposedPort {
    /// 1 to 65535.
    pub port: u16,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
}

/// A health check in Docker's terms. Durations are nanoseconds; 0 means that Docker's default holds.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Healthcheck {
    /// `["NONE"]`, `["CMD", …]` or `["CMD-SHELL", command]`; empty: inherited.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub test: Vec<String>,
    /// Between two checks.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub interval: i64,
    /// Of one check.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub timeout: i64,
    /// During which failures do not count.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub start_period: i64,
    /// Between two checks during the start period.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub start_interval: i64,
    /// How many failures in a row make it unhealthy.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retries: i64,
}

/// The bytes are not an image configuration.
#[derive(Debug, thiserror::Error)]
#[error("not an image configuration: {0}")]
pub struct ConfigError(String);

impl ImageConfig {
    /// The configuration of an image without layers that says nothing.
    #[must_use]
    pub fn empty(platform: Platform) -> Self {
        Self {
            platform,
            env: Vec::new(),
            entrypoint: None,
            cmd: None,
            user: String::new(),
            working_dir: String::new(),
            labels: BTreeMap::new(),
            exposed_ports: BTreeSet::new(),
            volumes: BTreeSet::new(),
            healthcheck: None,
            stop_signal: None,
            diff_ids: Vec::new(),
            created: None,
            history: Vec::new(),
            other: Map::new(),
            other_config: Map::new(),
        }
    }

    /// Reads the JSON document of an image (OCI or Docker).
    pub fn from_json(bytes: &[u8]) -> Result<Self, ConfigError> {
        let document: Document =
            serde_json::from_slice(bytes).map_err(|error| ConfigError(error.to_string()))?;
        let RunConfig {
            env,
            entrypoint,
            cmd,
            user,
            working_dir,
            labels,
            exposed_ports,
            volumes,
            healthcheck,
            stop_signal,
            other,
        } = document.config;
        let exposed_ports = exposed_ports
            .keys()
            .map(|text| parse_port(text).ok_or_else(|| ConfigError(format!("{text:?} is not a port"))))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            platform: Platform::normalised(&document.os, &document.architecture, document.variant.as_deref()),
            env: parse_env(&env),
            entrypoint,
            cmd,
            user,
            working_dir,
            labels,
            exposed_ports,
            volumes: volumes.into_keys().collect(),
            healthcheck,
            stop_signal,
            diff_ids: document.rootfs.diff_ids,
            created: document.created,
            history: document.history,
            other: document.other,
            other_config: other,
        })
    }

    /// The JSON document. The same configuration always gives the same bytes.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let empty = |text: &String| -> (String, Value) { (text.clone(), Value::Object(Map::new())) };
        let config = RunConfig {
            env: self.env.iter().map(|(name, value)| format!("{name}={value}")).collect(),
            entrypoint: self.entrypoint.clone(),
            cmd: self.cmd.clone(),
            user: self.user.clone(),
            working_dir: self.working_dir.clone(),
            labels: self.labels.clone(),
            exposed_ports: self.exposed_ports.iter().map(|port| empty(&port.to_string())).collect(),
            volumes: self.volumes.iter().map(empty).collect(),
            healthcheck: self.healthcheck.clone(),
            stop_signal: self.stop_signal.clone(),
            other: self.other_config.clone(),
        };
        let document = Document {
            created: self.created.clone(),
            architecture: self.platform.architecture.clone(),
            os: self.platform.os.clone(),
            variant: self.platform.variant.clone(),
            config,
            rootfs: RootFs { kind: "layers".to_owned(), diff_ids: self.diff_ids.clone() },
            history: self.history.clone(),
            other: self.other.clone(),
        };
        // Maps with text keys and finite numbers only: this cannot fail.
        serde_json::to_vec(&document).unwrap_or_default()
    }

    /// The value of a variable.
    #[must_use]
    pub fn env_var(&self, name: &str) -> Option<&str> {
        self.env.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Sets a variable, in place if there is one of that name.
    pub fn set_env(&mut self, name: &str, value: &str) {
        match self.env.iter_mut().find(|(found, _)| found == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.env.push((name.to_owned(), value.to_owned())),
        }
    }
}

impl std::fmt::Display for ExposedPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.port, self.protocol)
    }
}

fn parse_env(lines: &[String]) -> Vec<(String, String)> {
    let mut env: Vec<(String, String)> = Vec::with_capacity(lines.len());
    for line in lines {
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        match env.iter_mut().find(|(found, _)| found == name) {
            Some((_, old)) => value.clone_into(old),
            None => env.push((name.to_owned(), value.to_owned())),
        }
    }
    env
}

fn parse_port(text: &str) -> Option<ExposedPort> {
    let (port, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let port = port.parse().ok().filter(|&port| port != 0)?;
    Some(ExposedPort { port, protocol: protocol.to_ascii_lowercase() })
}

fn is_zero(value: &i64) -> bool {
    *value == 0
}

/// Go writes `null` for empty lists and maps.
fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Serialize, Deserialize)]
struct Document {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    os: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    variant: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    config: RunConfig,
    #[serde(default, deserialize_with = "null_is_default")]
    rootfs: RootFs,
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    history: Vec<Value>,
    #[serde(flatten)]
    other: Map<String, Value>,
}

#[derive(Serialize, Deserialize, Default)]
struct RootFs {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default, deserialize_with = "null_is_default")]
    diff_ids: Vec<Sha256Digest>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct RunConfig {
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    user: String,
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    exposed_ports: BTreeMap<String, Value>,
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    env: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entrypoint: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cmd: Option<Vec<String>>,
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    volumes: BTreeMap<String, Value>,
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    working_dir: String,
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    healthcheck: Option<Healthcheck>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stop_signal: Option<String>,
    #[serde(flatten)]
    other: Map<String, Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"{
        "created":"2024-01-02T03:04:05Z","author":"me","architecture":"arm","variant":"v6","os":"linux","os.features":["x"],
        "config":{"User":"www:www","ExposedPorts":{"80/tcp":{},"53/UDP":{}},"Env":["A=1","B=x=y","A=2","C"],
          "Entrypoint":["/e"],"Cmd":[],"Volumes":{"/data":{}},"WorkingDir":"/w","Labels":{"k":"v"},"StopSignal":"SIGINT",
          "Healthcheck":{"Test":["CMD","true"],"Interval":1000000000,"Retries":3},"OnBuild":["RUN x"],"Shell":["sh"]},
        "rootfs":{"type":"layers","diff_ids":["sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]},
        "history":[{"created_by":"a","empty_layer":true}]}"#;

    #[test]
    fn all_fields_are_read() {
        let config = ImageConfig::from_json(DOCUMENT.as_bytes()).unwrap();
        assert_eq!(config.platform.to_string(), "linux/arm/v6");
        let env: Vec<_> = config.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(env, [("A", "2"), ("B", "x=y"), ("C", "")]);
        assert_eq!(config.cmd, Some(vec![]), "set, but empty");
        let ports: Vec<_> = config.exposed_ports.iter().map(ToString::to_string).collect();
        assert_eq!(ports, ["53/udp", "80/tcp"]);
        assert_eq!(config.healthcheck.as_ref().unwrap().retries, 3);
        assert_eq!(config.other_config["Shell"], serde_json::json!(["sh"]));
        assert_eq!(config.other["os.features"], serde_json::json!(["x"]));
        assert_eq!(config.diff_ids, [Sha256Digest::of(b"")]);
    }

    #[test]
    fn round_trip() {
        let config = ImageConfig::from_json(DOCUMENT.as_bytes()).unwrap();
        let again = ImageConfig::from_json(&config.to_json()).unwrap();
        assert_eq!(again, config);
        assert_eq!(again.to_json(), config.to_json());
        let empty = ImageConfig::empty(Platform::host());
        assert_eq!(ImageConfig::from_json(&empty.to_json()).unwrap(), empty);
    }

    #[test]
    fn go_nulls_are_empty() {
        let text = r#"{"os":"linux","architecture":"amd64","config":{"Env":null,"Cmd":null,"Labels":null,"Volumes":null},"history":null,"rootfs":{"type":"layers","diff_ids":null}}"#;
        assert_eq!(
            ImageConfig::from_json(text.as_bytes()).unwrap(),
            ImageConfig::empty("linux/amd64".parse().unwrap())
        );
        let text = r#"{"os":"linux","architecture":"amd64","config":null}"#;
        assert_eq!(
            ImageConfig::from_json(text.as_bytes()).unwrap(),
            ImageConfig::empty("linux/amd64".parse().unwrap())
        );
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(ImageConfig::from_json(b"[]").is_err());
        assert!(ImageConfig::from_json(br#"{"config":{"ExposedPorts":{"0":{}}}}"#).is_err());
    }
}
