//! The place of a span in a distributed trace, as W3C Trace Context defines it.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::event::SpanId;

/// A span of any program: what the header `traceparent` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// The trace; never all zero.
    pub trace_id: [u8; 16],
    /// The span in it; never all zero.
    pub span_id: [u8; 8],
    /// Whether the trace is recorded.
    pub sampled: bool,
}

impl TraceContext {
    /// Reads a `traceparent`: `00-`, 32 digits, `-`, 16 digits, `-`, 2 digits, all hexadecimal and in lower case. Later
    /// versions may have more behind that. None for everything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let [version] = bytes::<1>(parts.next()?)?;
        let trace_id = bytes::<16>(parts.next()?)?;
        let span_id = bytes::<8>(parts.next()?)?;
        let [flags] = bytes::<1>(parts.next()?)?;
        let valid = version != 0xff
            && (version != 0 || parts.next().is_none())
            && trace_id != [0; 16]
            && span_id != [0; 8];
        valid.then_some(Self { trace_id, span_id, sampled: flags & 1 == 1 })
    }

    /// Whether both name one span, whatever they say about recording.
    #[must_use]
    pub fn is_same_span(&self, other: &Self) -> bool {
        (self.trace_id, self.span_id) == (other.trace_id, other.span_id)
    }
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N || !digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut out = [0; N];
    for (byte, at) in out.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(out)
}

/// Hexadecimal digits in lower case.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// As the header has it.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-0{}", hex(&self.trace_id), hex(&self.span_id), u8::from(self.sampled))
    }
}

impl Serialize for TraceContext {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TraceContext {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a traceparent"))
    }
}

/// What a span is to a distributed trace. Only told to clients that export telemetry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Traced {
    /// The span itself.
    pub context: TraceContext,
    /// What it is under, maybe a span of another program.
    pub parent: TraceContext,
    /// The header `tracestate` that goes with the trace; empty if there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub state: String,
    /// The call of the API that it stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<TracedCall>,
    /// Names the work that it does, whoever asks for it; empty if it has no name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub effect: String,
    /// The call that described the work, which is done later, when something needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// A call that describes work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The span of the call.
    pub context: TraceContext,
    /// Identity of the object that the call gives.
    pub output: String,
}

/// A call of the API.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TracedCall {
    /// Its identity.
    pub digest: String,
    /// The call on whose result it is called; empty for the root.
    pub receiver: String,
    /// The field.
    pub field: String,
    /// Name of the type of its result.
    pub type_name: String,
    /// Whether the result is an object, which later calls can be called on.
    pub is_object: bool,
    /// Arguments that are no secrets.
    pub args: Vec<(String, TracedValue)>,
}

/// A value of an argument.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TracedValue {
    /// The object that a call gives.
    Call(String),
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Another number.
    Float(f64),
    /// A text; long ones are cut.
    Text(String),
    /// A word of an enumeration.
    Word(String),
    /// Several.
    List(Vec<TracedValue>),
    /// Fields by name.
    Object(Vec<(String, TracedValue)>),
}

impl TracedCall {
    /// The calls whose results it uses, in order.
    #[must_use]
    pub fn inputs(&self) -> Vec<String> {
        fn visit(value: &TracedValue, found: &mut Vec<String>) {
            match value {
                TracedValue::Call(digest) => found.push(digest.clone()),
                TracedValue::List(items) => items.iter().for_each(|item| visit(item, found)),
                TracedValue::Object(fields) => fields.iter().for_each(|(_, value)| visit(value, found)),
                _ => {}
            }
        }
        let mut found = Vec::new();
        if !self.receiver.is_empty() {
            found.push(self.receiver.clone());
        }
        self.args.iter().for_each(|(_, value)| visit(value, &mut found));
        found
    }
}

/// A moment in the life of a span.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Which span.
    pub id: SpanId,
    /// What happened.
    pub name: String,
    /// The exit code, at the end of a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// When.
    pub time_ns: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn contexts_are_read_and_written() {
        let context = TraceContext::parse(TEXT).unwrap();
        assert_eq!((context.trace_id[0], context.span_id[7], context.sampled), (0x0a, 0x31, true));
        assert_eq!(context.to_string(), TEXT);
        assert!(TraceContext::parse(&TEXT.replace("00-", "01-").replace("-01", "-01-more")).is_some());
        let json = serde_json::to_string(&context).unwrap();
        assert_eq!(serde_json::from_str::<TraceContext>(&json).unwrap(), context);
    }

    #[test]
    fn what_is_no_context_is_refused() {
        for text in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-äaf7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
        ] {
            assert_eq!(TraceContext::parse(text), None, "{text}");
        }
    }
}
