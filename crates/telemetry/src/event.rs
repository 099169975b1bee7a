//! What happens, as it goes over the wire and into files.
//!
//! Readers and writers may be of different ages: unknown fields are ignored, and what is of an unknown kind is kept as
//! it is (`Other`), so that it can be passed on. A field that is added later must have a default.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::context::{Moment, Traced};
use crate::usage::SpanUsage;

/// Number of a span, unique within one stream of events.
pub type SpanId = u64;

/// One thing that happened.
///
/// Times are nanoseconds since any moment that stays the same within one stream; engines use 1970-01-01 UTC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Something that takes time begins.
    SpanStarted {
        /// Its number, not used before.
        id: SpanId,
        /// The span that it is a part of.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<SpanId>,
        /// One line for people.
        label: String,
        /// What sort of thing it is.
        kind: SpanKind,
        /// Earlier spans whose results it uses, as far as they are known.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        inputs: Vec<SpanId>,
        /// When.
        time_ns: u64,
        /// Its place in a distributed trace, for clients that want it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trace: Option<Box<Traced>>,
    },
    /// Something happened to it.
    SpanMoment(Moment),
    /// It wrote something. Chunks may end within a line.
    SpanLog {
        /// Which span.
        id: SpanId,
        /// Where it wrote to.
        stream: Stream,
        /// What it wrote; bytes that are not UTF-8 have been replaced (see [`crate::text::Utf8Chunks`]).
        text: String,
        /// When.
        time_ns: u64,
    },
    /// It has got so far.
    SpanProgress {
        /// Which span.
        id: SpanId,
        /// How much is done.
        current: u64,
        /// How much there is to do, if known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        total: Option<u64>,
        /// What is counted: `bytes`, `files`, …
        #[serde(default)]
        unit: String,
        /// How much of `total` is unpacked as well, where something is unpacked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        extracted: Option<u64>,
        /// How much of `current` was there already, so that nothing was moved.
        #[serde(default, skip_serializing_if = "is_zero")]
        present: u64,
        /// How many files it is, as far as that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        files: Option<u64>,
        /// What is done, where it is not a transfer: `pack`. Amounts of another phase begin anew.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        phase: String,
        /// When; 0 if that is not known.
        #[serde(default, skip_serializing_if = "is_zero")]
        time_ns: u64,
    },
    /// Its result comes from an earlier run.
    SpanCached {
        /// Which span.
        id: SpanId,
        /// How that was found.
        #[serde(default)]
        reason: String,
        /// How long the earlier run took, nanoseconds; 0 if that is not known.
        #[serde(default, skip_serializing_if = "is_zero")]
        saved_ns: u64,
        /// How much of that no other step has told already, nanoseconds: two may have the result of one run. Engines of
        /// before do not tell it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        spared_ns: Option<u64>,
    },
    /// It has spared steps before it, too, which nobody had to look at. May come after its end.
    SpanSpared {
        /// Which span.
        id: SpanId,
        /// How long their runs took together, nanoseconds, without those that were in this of other steps.
        spared_ns: u64,
    },
    /// It has to run, because no earlier result could be used.
    SpanNotCached {
        /// Which span.
        id: SpanId,
        /// Why not.
        #[serde(default)]
        reason: String,
    },
    /// Which line of the client's program made it. Told by the client, when it has failed.
    SpanSource {
        /// Which span.
        id: SpanId,
        /// Path of the file, absolute.
        file: String,
        /// Number of the line, from 1.
        line: u32,
    },
    /// What it has cost so far, told before its end; to clients that export metrics also while it runs.
    SpanUsage {
        /// Which span.
        id: SpanId,
        /// How much.
        #[serde(flatten)]
        usage: SpanUsage,
        /// When it was counted; 0 if that is not known.
        #[serde(default, skip_serializing_if = "is_zero")]
        time_ns: u64,
    },
    /// It has ended.
    SpanFinished {
        /// Which span.
        id: SpanId,
        /// How.
        outcome: SpanOutcome,
        /// When.
        time_ns: u64,
    },
    /// Something to tell that belongs to no span.
    Message {
        /// How serious it is.
        level: Level,
        /// The text.
        text: String,
    },
    /// Something that only newer versions know.
    #[serde(untagged)]
    Other(Map<String, Value>),
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What sort of thing a span is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpanKind {
    /// A command in a container.
    Exec,
    /// An image comes from a registry.
    Pull,
    /// Files come from or go to a client.
    Sync,
    /// A result leaves the engine: image, tar file, directory.
    Export,
    /// Files are changed without a container, or put into an archive.
    Tree,
    /// A registry is asked what a reference means. Told where that takes long or fails.
    Resolve,
    /// A call of the API. It does no work itself and is no step.
    Call,
    /// Some other sort of work: `git`, `http`, `build`, … and what only newer versions know.
    #[serde(untagged)]
    Other(String),
}

impl SpanKind {
    /// Whether it does work.
    #[must_use]
    pub const fn is_step(&self) -> bool {
        !matches!(self, Self::Call)
    }

    /// Whether it only moves something between the engine and others, be it an answer: it happens each time, so no cache
    /// can spare it.
    #[must_use]
    pub const fn is_transfer(&self) -> bool {
        matches!(self, Self::Sync | Self::Export | Self::Resolve)
    }
}

/// How a span ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum SpanOutcome {
    /// Well.
    Ok,
    /// Without running: the result was there.
    Cached,
    /// Not well.
    Failed {
        /// Why, in one or more lines.
        message: String,
        /// The exit code, if it was a command that failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exit_code: Option<i32>,
    },
    /// Nobody wanted the result any more.
    Cancelled,
    /// In a way that only newer versions know.
    #[serde(untagged)]
    Other(Map<String, Value>),
}

/// Where a command writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// File descriptor 1.
    Stdout,
    /// File descriptor 2.
    Stderr,
}

/// How serious a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// For those who look for a fault in the engine.
    Debug,
    /// Good to know.
    Info,
    /// Something should be changed.
    Warning,
    /// Something went wrong.
    Error,
}

impl Event {
    /// The span that it is about.
    #[must_use]
    pub const fn span(&self) -> Option<SpanId> {
        match self {
            Self::SpanStarted { id, .. }
            | Self::SpanLog { id, .. }
            | Self::SpanProgress { id, .. }
            | Self::SpanCached { id, .. }
            | Self::SpanSpared { id, .. }
            | Self::SpanNotCached { id, .. }
            | Self::SpanSource { id, .. }
            | Self::SpanUsage { id, .. }
            | Self::SpanFinished { id, .. } => Some(*id),
            Self::SpanMoment(moment) => Some(moment.id),
            Self::Message { .. } | Self::Other(_) => None,
        }
    }

    /// When it happened, where that is known.
    #[must_use]
    pub const fn time_ns(&self) -> Option<u64> {
        match self {
            Self::SpanStarted { time_ns, .. }
            | Self::SpanLog { time_ns, .. }
            | Self::SpanFinished { time_ns, .. } => Some(*time_ns),
            Self::SpanUsage { time_ns, .. } if *time_ns > 0 => Some(*time_ns),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(json: &str) -> Event {
        let event: Event = serde_json::from_str(json).unwrap();
        let again: Event = serde_json::from_str(&serde_json::to_string(&event).unwrap()).unwrap();
        assert_eq!(event, again);
        event
    }

    #[test]
    fn unknown_fields_are_ignored_and_missing_optional_ones_have_defaults() {
        let event = round_trip(
            r#"{"event":"span_started","id":3,"label":"l","kind":"exec","time_ns":5,"colour":"red"}"#,
        );
        let expected = Event::SpanStarted {
            id: 3,
            parent: None,
            label: "l".into(),
            kind: SpanKind::Exec,
            inputs: Vec::new(),
            time_ns: 5,
            trace: None,
        };
        assert_eq!(event, expected);
    }

    /// Engines of before say less of how far something has got.
    #[test]
    fn short_progress_is_understood_and_stays_short() {
        let json = r#"{"event":"span_progress","id":1,"current":5,"unit":"bytes"}"#;
        assert_eq!(serde_json::to_string(&round_trip(json)).unwrap(), json);
    }

    /// A machine that does not count a command's memory must not seem to say that it needed none.
    #[test]
    fn what_is_not_counted_is_left_out_and_a_counted_zero_is_not() {
        let json = r#"{"event":"span_usage","id":1,"user_ns":5,"system_ns":0}"#;
        let event = round_trip(json);
        assert!(matches!(event, Event::SpanUsage { usage, .. } if usage.memory_bytes.is_none()));
        assert_eq!(serde_json::to_string(&event).unwrap(), json);
        let json =
            r#"{"event":"span_usage","id":1,"user_ns":5,"system_ns":0,"memory_bytes":7,"read_bytes":0}"#;
        assert_eq!(serde_json::to_string(&round_trip(json)).unwrap(), json);
    }

    #[test]
    fn unknown_kinds_are_kept() {
        let json = r#"{"event":"span_teleported","id":3,"to":{"x":1}}"#;
        let event = round_trip(json);
        assert!(matches!(event, Event::Other(_)));
        assert_eq!(
            serde_json::from_str::<Value>(&serde_json::to_string(&event).unwrap()).unwrap(),
            serde_json::from_str::<Value>(json).unwrap()
        );
        let event = round_trip(r#"{"event":"span_started","id":3,"label":"l","kind":"dream","time_ns":5}"#);
        assert!(
            matches!(event, Event::SpanStarted { kind: SpanKind::Other(ref kind), .. } if kind == "dream")
        );
        let event =
            round_trip(r#"{"event":"span_finished","id":3,"outcome":{"status":"postponed"},"time_ns":5}"#);
        assert!(matches!(event, Event::SpanFinished { outcome: SpanOutcome::Other(_), .. }));
    }

    /// Written files and other versions depend on these texts.
    #[test]
    fn golden() {
        let event = Event::SpanFinished {
            id: 1,
            outcome: SpanOutcome::Failed { message: "m".into(), exit_code: Some(2) },
            time_ns: 9,
        };
        assert_eq!(
            serde_json::to_string(&event).unwrap(),
            r#"{"event":"span_finished","id":1,"outcome":{"status":"failed","message":"m","exit_code":2},"time_ns":9}"#
        );
        let event = Event::SpanLog { id: 1, stream: Stream::Stderr, text: "x".into(), time_ns: 9 };
        assert_eq!(
            serde_json::to_string(&event).unwrap(),
            r#"{"event":"span_log","id":1,"stream":"stderr","text":"x","time_ns":9}"#
        );
    }
}
