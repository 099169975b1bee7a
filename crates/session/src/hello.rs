//! Who is on the other end, and which protocol version both speak.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Protocol versions this build speaks.
pub const PROTOCOL: ProtocolRange = ProtocolRange { min: 1, max: 1 };

/// Path of the request that opens a session.
pub const SESSION_PATH: &str = "/v1/session";

/// Value of the `Upgrade` header of that request.
pub const UPGRADE_TOKEN: &str = "kukri-session/1";

/// Header that tells to which session an ordinary request belongs.
pub const SESSION_HEADER: &str = "kukri-session";

/// Versions from `min` to `max`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProtocolRange {
    /// Oldest.
    pub min: u32,
    /// Newest.
    pub max: u32,
}

impl ProtocolRange {
    /// The newest version that both speak.
    #[must_use]
    pub const fn common(self, other: Self) -> Option<u32> {
        let max = if self.max < other.max { self.max } else { other.max };
        let min = if self.min > other.min { self.min } else { other.min };
        if min <= max { Some(max) } else { None }
    }
}

/// What a client says of itself when it opens a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientHello {
    /// Protocol versions the client speaks.
    pub protocol: ProtocolRange,
    /// Version of the client program.
    #[serde(default)]
    pub version: String,
    /// Identifies this client; the client makes it up.
    pub client_id: String,
    /// Identifies the session; requests name it in [`SESSION_HEADER`].
    pub session_id: String,
    /// `--label k:v`.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Absolute directory to which the client's paths are relative.
    #[serde(default)]
    pub workdir: String,
    /// Whether the client wants progress events.
    #[serde(default)]
    pub want_events: bool,
    /// Version whose schema the client wants to see; empty: the engine's own.
    #[serde(default)]
    pub schema_version: String,
    /// The trace that the session is a part of; none: the client exports no telemetry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telemetry: Option<TelemetryHello>,
}

/// The trace of a client that exports telemetry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TelemetryHello {
    /// The span of requests that name none, as in the header `traceparent`.
    pub traceparent: String,
    /// What goes with it, as in the header `tracestate`; empty if there is nothing.
    pub tracestate: String,
    /// The span in which the session was opened, as in the header `traceparent`: requests that name it belong to the
    /// session, which stands between. Empty if there is none.
    pub above: String,
    /// As in the header `baggage`; empty if there is none.
    pub baggage: String,
    /// Whether all traces are recorded, whatever the spans of requests say; none: these decide.
    pub sampled: Option<bool>,
    /// What the client takes of programs in containers: `traces`, `logs`, `metrics`. Empty: nothing.
    pub signals: Vec<String>,
    /// How often the client wants to know what steps use while they run, milliseconds; 0: only at their end.
    pub sample_ms: u64,
}

impl ClientHello {
    /// Of this build, without labels and events.
    pub fn new(
        client_id: impl Into<String>,
        session_id: impl Into<String>,
        workdir: impl Into<String>,
    ) -> Self {
        Self {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            client_id: client_id.into(),
            session_id: session_id.into(),
            labels: BTreeMap::new(),
            workdir: workdir.into(),
            want_events: false,
            schema_version: String::new(),
            telemetry: None,
        }
    }
}

/// What an engine says of itself: with the answer to [`ClientHello`], also when it refuses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineHello {
    /// Protocol versions the engine speaks.
    pub protocol: ProtocolRange,
    /// Version of the engine program.
    #[serde(default)]
    pub version: String,
    /// Process id.
    #[serde(default)]
    pub pid: u32,
    /// Where the engine writes its log; empty if nowhere.
    #[serde(default)]
    pub log_path: String,
    /// Identifies the engine's data, whichever process works on them; engines of before do not tell it.
    #[serde(default)]
    pub id: String,
}

impl EngineHello {
    /// Of this build and process.
    pub fn new(log_path: impl Into<String>) -> Self {
        Self {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            log_path: log_path.into(),
            id: String::new(),
        }
    }
}

/// Why the two cannot work together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HelloError {
    /// The engine is too old for the client.
    #[error(
        "engine {engine} is too old for client {client} (session protocol {engine_protocol} against {client_protocol}): \
         update the engine, or let the running one exit and start again"
    )]
    UpdateEngine {
        /// Engine version.
        engine: String,
        /// Client version.
        client: String,
        /// Newest protocol version of the engine.
        engine_protocol: u32,
        /// Oldest protocol version of the client.
        client_protocol: u32,
    },
    /// The client is too old for the engine.
    #[error(
        "client {client} is too old for engine {engine} (session protocol {client_protocol} against {engine_protocol}): \
         update the client"
    )]
    UpdateClient {
        /// Engine version.
        engine: String,
        /// Client version.
        client: String,
        /// Oldest protocol version of the engine.
        engine_protocol: u32,
        /// Newest protocol version of the client.
        client_protocol: u32,
    },
    /// The request is not a hello.
    #[error("not a session request: {0}")]
    Malformed(String),
}

/// The protocol version to use, or which side must be updated.
pub(crate) fn negotiate(client: &ClientHello, engine: &EngineHello) -> Result<u32, HelloError> {
    if let Some(version) = client.protocol.common(engine.protocol) {
        return Ok(version);
    }
    let (engine_version, client_version) = (engine.version.clone(), client.version.clone());
    Err(if engine.protocol.max < client.protocol.min {
        HelloError::UpdateEngine {
            engine: engine_version,
            client: client_version,
            engine_protocol: engine.protocol.max,
            client_protocol: client.protocol.min,
        }
    } else {
        HelloError::UpdateClient {
            engine: engine_version,
            client: client_version,
            engine_protocol: engine.protocol.min,
            client_protocol: client.protocol.max,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(client: (u32, u32), engine: (u32, u32)) -> Result<u32, HelloError> {
        let mut hello = ClientHello::new("c", "s", "/");
        hello.protocol = ProtocolRange { min: client.0, max: client.1 };
        let mut answer = EngineHello::new("");
        answer.protocol = ProtocolRange { min: engine.0, max: engine.1 };
        negotiate(&hello, &answer)
    }

    #[test]
    fn newest_common_version_is_used() {
        assert_eq!(ends((1, 3), (2, 5)), Ok(3));
        assert_eq!(ends((1, 9), (2, 5)), Ok(5));
        assert_eq!(ends((1, 1), (1, 1)), Ok(1));
    }

    #[test]
    fn a_mismatch_names_the_side_to_update() {
        assert!(matches!(ends((3, 4), (1, 2)), Err(HelloError::UpdateEngine { .. })));
        let error = ends((1, 1), (2, 2)).unwrap_err();
        assert!(error.to_string().contains("update the client"), "{error}");
    }

    #[test]
    fn fields_of_newer_and_older_versions_do_not_hurt() {
        let text = r#"{"protocol":{"min":1,"max":9,"x":0},"client_id":"c","session_id":"s","new":[1]}"#;
        let hello: ClientHello = serde_json::from_str(text).unwrap();
        assert!(!hello.want_events && hello.workdir.is_empty());
    }
}
