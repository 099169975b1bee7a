//! JSON in memory, with numbers as they are written: no type of the machine has all of them.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Write};

use crate::error::OpError;

/// Deepest nesting: values are read, dropped and written recursively.
pub const DEEPEST: usize = 127;

/// A JSON value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    #[default]
    Null,
    /// A truth value.
    Bool(bool),
    /// A number as it is written.
    Number(Box<str>),
    /// A text.
    String(String),
    /// Values in order.
    Array(Vec<Value>),
    /// Values by name.
    Object(BTreeMap<String, Value>),
}

/// Most bytes that a value may take in memory: fields can be set to a value any number of times, each twice as large as the
/// one before. It is enough for the JSON of a request's body, except where that has many values of few bytes.
pub const MAX_BYTES: usize = 256 << 20;

/// What a value takes in memory beside its texts, and with its place among others.
const VALUE: usize = size_of::<Value>() + 16;

/// What the name of a field takes beside its text.
const NAME: usize = size_of::<String>() + 24;

/// The error of a value that is too large.
pub fn check_bytes(bytes: usize) -> Result<(), OpError> {
    if bytes <= MAX_BYTES {
        return Ok(());
    }
    Err(too_large("value"))
}

fn too_large(what: &str) -> OpError {
    OpError::new(format!(
        "the JSON {what} takes more than {MAX_BYTES} bytes of memory; work on parts of it, or with a program in a container"
    ))
}

impl Value {
    /// About how many bytes of memory it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        VALUE
            + match self {
                Self::Null | Self::Bool(_) => 0,
                Self::Number(text) => text.len(),
                Self::String(text) => text.len(),
                Self::Array(items) => items.iter().map(Self::bytes).sum(),
                Self::Object(fields) => {
                    fields.iter().map(|(name, value)| NAME + name.len() + value.bytes()).sum()
                }
            }
    }

    /// Reads a text. Of fields with the same name, the last counts.
    pub fn parse(text: &str) -> Result<Self, OpError> {
        // This says where an error is, and lets numbers of any size pass.
        serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(invalid)?;
        Reader { text, at: 0, bytes: 0 }.value(0)
    }

    /// What kind of value it is, with its article.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }

    /// How deep the value is nested.
    #[must_use]
    pub fn depth(&self) -> usize {
        match self {
            Self::Array(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            Self::Object(fields) => 1 + fields.values().map(Self::depth).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// The value as a text: on one line without spaces, or on several that begin with `indent` once for each level.
    pub fn text(&self, indent: Option<&str>) -> Result<String, OpError> {
        let mut text = Bounded(String::new());
        self.write(&mut text, indent, 0).map_err(|_| too_large("text"))?;
        Ok(text.0)
    }

    fn write(&self, to: &mut Bounded, indent: Option<&str>, level: usize) -> fmt::Result {
        let line = |to: &mut Bounded, level: usize| {
            let Some(indent) = indent else { return Ok(()) };
            to.write_char('\n')?;
            (0..level).try_for_each(|_| to.write_str(indent))
        };
        match self {
            Self::Null => to.write_str("null"),
            Self::Bool(value) => to.write_str(if *value { "true" } else { "false" }),
            Self::Number(number) => to.write_str(number),
            Self::String(string) => write_string(to, string),
            Self::Array(items) if items.is_empty() => to.write_str("[]"),
            Self::Object(fields) if fields.is_empty() => to.write_str("{}"),
            Self::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    to.write_char(if at == 0 { '[' } else { ',' })?;
                    line(to, level + 1)?;
                    item.write(to, indent, level + 1)?;
                }
                line(to, level)?;
                to.write_char(']')
            }
            Self::Object(fields) => {
                for (at, (name, value)) in fields.iter().enumerate() {
                    to.write_char(if at == 0 { '{' } else { ',' })?;
                    line(to, level + 1)?;
                    write_string(to, name)?;
                    to.write_str(if indent.is_some() { ": " } else { ":" })?;
                    value.write(to, indent, level + 1)?;
                }
                line(to, level)?;
                to.write_char('}')
            }
        }
    }
}

/// A text that takes no more than [`MAX_BYTES`]: what is before each line, and escapes, make it longer than the value.
struct Bounded(String);

impl Write for Bounded {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        if self.0.len() + piece.len() > MAX_BYTES {
            return Err(fmt::Error);
        }
        self.0.push_str(piece);
        Ok(())
    }
}

fn write_string(to: &mut Bounded, string: &str) -> fmt::Result {
    write!(to, "{}", serde_json::Value::from(string))
}

fn invalid(error: impl Display) -> OpError {
    OpError::new(format!("invalid JSON: {error}"))
}

/// Reads what is known to be JSON.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// What was read takes so much memory, without texts: those are no longer than what they are read from.
    bytes: usize,
}

impl Reader<'_> {
    /// The next character that is no blank, which is not taken; a zero byte at the end.
    fn peek(&mut self) -> u8 {
        let rest = self.text[self.at..].trim_start_matches([' ', '\t', '\n', '\r']);
        self.at = self.text.len() - rest.len();
        rest.bytes().next().unwrap_or_default()
    }

    /// Takes what stands before the first byte that `ends` is true for.
    fn until(&mut self, mut ends: impl FnMut(u8) -> bool) -> &str {
        let rest = &self.text[self.at..];
        let length = rest.bytes().position(&mut ends).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    /// `level`: how many arrays and objects are around the value.
    fn value(&mut self, level: usize) -> Result<Value, OpError> {
        let first = self.peek();
        self.bytes += VALUE;
        check_bytes(self.bytes + self.at)?;
        if matches!(first, b'[' | b'{') && level == DEEPEST {
            return Err(invalid(format_args!("arrays and objects in more than {DEEPEST} others")));
        }
        Ok(match first {
            b'"' => Value::String(self.string()?),
            b'[' => {
                let mut items = Vec::new();
                while self.goes_on(b']') {
                    items.push(self.value(level + 1)?);
                }
                Value::Array(items)
            }
            b'{' => {
                let mut fields = BTreeMap::new();
                while self.goes_on(b'}') {
                    let name = self.string()?;
                    self.bytes += NAME;
                    self.peek();
                    self.at += 1; // The colon.
                    fields.insert(name, self.value(level + 1)?);
                }
                Value::Object(fields)
            }
            _ => match self.until(|byte| matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r')) {
                "null" => Value::Null,
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                number => Value::Number(number.into()),
            },
        })
    }

    /// Takes a bracket that opens, or a comma: whether something else than the one that closes follows.
    fn goes_on(&mut self, end: u8) -> bool {
        if self.peek() != end {
            self.at += 1;
        }
        let goes_on = self.peek() != end;
        self.at += usize::from(!goes_on);
        goes_on
    }

    fn string(&mut self) -> Result<String, OpError> {
        self.peek();
        let start = self.at;
        self.at += 1;
        let mut is_escaped = false;
        self.until(|byte| {
            let ends = byte == b'"' && !is_escaped;
            is_escaped = byte == b'\\' && !is_escaped;
            ends
        });
        self.at += 1;
        serde_json::from_str(&self.text[start..self.at]).map_err(invalid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compact(text: &str) -> String {
        Value::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).text(None).unwrap()
    }

    #[test]
    fn numbers_are_kept_as_they_are_written() {
        for number in
            ["0", "-0", "-0.0", "1.10", "1e400", "1E+2", "-12e-3", "123456789012345678901", &"9".repeat(1000)]
        {
            assert_eq!(compact(number), *number);
            assert_eq!(
                compact(&format!(" {{\"n\" : [ {number} ,\n{number}\t] }} ")),
                format!("{{\"n\":[{number},{number}]}}")
            );
        }
        for text in ["01", "1.", ".5", "+1", "1e", "0x1", "NaN", "-", "1 2"] {
            assert!(Value::parse(text).unwrap_err().to_string().starts_with("invalid JSON: "), "{text}");
        }
    }

    #[test]
    fn memory_has_a_bound() {
        let error = Value::parse(&format!("[{}0]", "0,".repeat(MAX_BYTES / VALUE))).unwrap_err().to_string();
        assert!(error.contains("more than 268435456 bytes of memory"), "{error}");
        let text = r#"{"name": ["text", 1, null, {}], "other": {"a": true}}"#;
        assert_eq!(Value::parse(text).unwrap().bytes(), 8 * VALUE + 3 * NAME + 10 + 5);
    }

    /// A short value may have a long text.
    #[test]
    fn texts_have_a_bound() {
        let value = Value::parse(&format!("[{}0]", "0,".repeat(14_000))).unwrap();
        let error = value.text(Some(&" ".repeat(20_000))).unwrap_err().to_string();
        assert!(error.contains("the JSON text takes more than 268435456 bytes of memory"), "{error}");
        assert!(value.text(Some(&" ".repeat(1_000))).is_ok());
        let escaped = Value::String("\u{1}".repeat(MAX_BYTES / 6 + 1));
        assert!(escaped.text(None).unwrap_err().to_string().contains("the JSON text"));
    }

    #[test]
    fn texts() {
        for (text, expected) in [
            (r#""""#, r#""""#),
            (r#" "a\"\\" "#, r#""a\"\\""#),
            (r#"["\u00e9\ud83d\ude00\n/\/","\\"]"#, "[\"é😀\\n//\",\"\\\\\"]"),
            (
                r#"{"]":"}","a\"":{},"b":[ ] , "]":[[],{"c":null}]}"#,
                r#"{"]":[[],{"c":null}],"a\"":{},"b":[]}"#,
            ),
            ("[true , false,null]", "[true,false,null]"),
        ] {
            assert_eq!(compact(text), expected);
        }
        for text in ["", "{", "[1,]", "{\"a\":1,}", "\"\\ud800\"", "tru", "[1}", "\"\n\"", "{1:2}", "\u{a0}1"]
        {
            assert!(Value::parse(text).unwrap_err().to_string().starts_with("invalid JSON: "), "{text}");
        }
    }

    /// Another reader, and another writer, see the same.
    #[test]
    fn values_are_written_as_elsewhere() {
        for text in [
            "{}",
            "[[],{},[{}]]",
            r#"{"b":[1,-2,{"c":"\u0000\u001f\u007f\t\"\\/é\u2028"}],"a":{"":null,"é":[true,false]},"c":"x"}"#,
            r#"{"same":1,"same":2}"#,
        ] {
            let expected: serde_json::Value = serde_json::from_str(text).unwrap();
            let read = Value::parse(text).unwrap();
            assert_eq!(read.text(None).unwrap(), expected.to_string());
            assert_eq!(read.text(Some("  ")).unwrap(), format!("{expected:#}"));
            assert_eq!(Value::parse(&read.text(Some("\t")).unwrap()).unwrap(), read);
        }
    }
}
