//! From the text of an environment file to its lines, and back.

use std::sync::Arc;

use super::{EnvFile, Line};
use crate::error::OpError;

/// Reads the text of a file. Values are kept as they are written: quotes and references mean something only when a
/// value is asked for.
pub fn parse(text: &str) -> Result<EnvFile, OpError> {
    let mut lines = Vec::new();
    let mut rest = text.lines().enumerate();
    while let Some((at, line)) = rest.next() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            lines.push(Line::Other(line.into()));
            continue;
        }
        let assignment = match trimmed.strip_prefix("export") {
            Some(rest) if rest.starts_with(char::is_whitespace) => rest.trim_start(),
            _ => trimmed,
        };
        let (name, value) = assignment.split_once('=').unwrap_or((assignment, ""));
        let name = name.trim_end();
        if !is_name(name) {
            return Err(OpError::new(format!(
                "line {}: expected NAME=value, got {:?}",
                at + 1,
                shortened(trimmed)
            )));
        }
        let mut value = value.to_owned();
        // A value in quotes may have several lines.
        let mut open = OpenQuote::of(&value);
        while let Some(OpenQuote { quote, .. }) = open {
            let Some((_, more)) = rest.next() else {
                return Err(OpError::new(format!("line {}: {name} has {quote} without its end", at + 1)));
            };
            value.push('\n');
            value.push_str(more);
            open = open.and_then(|open| open.after("\n")).and_then(|open| open.after(more));
        }
        lines.push(Line::Variable { name: name.into(), raw: value.into() });
    }
    Ok(EnvFile { lines: Arc::new(lines), context: Arc::default() })
}

/// Whether a text can be the name of a variable: no blanks, no `=`, no control characters.
#[must_use]
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c == '=' || c.is_whitespace() || c.is_control())
}

/// The quote with which a value begins and which it has not closed yet.
#[derive(Clone, Copy)]
struct OpenQuote {
    quote: char,
    /// Whether what follows comes after a backslash.
    is_escaped: bool,
}

impl OpenQuote {
    fn of(value: &str) -> Option<Self> {
        let mut chars = value.trim_start().chars();
        let quote = chars.next().filter(|c| matches!(c, '"' | '\''))?;
        Self { quote, is_escaped: false }.after(chars.as_str())
    }

    /// The same when some more of the value was read; none where that closes it.
    fn after(mut self, more: &str) -> Option<Self> {
        for c in more.chars() {
            match c {
                _ if self.is_escaped => self.is_escaped = false,
                '\\' if self.quote == '"' => self.is_escaped = true,
                _ if c == self.quote => return None,
                _ => {}
            }
        }
        Some(self)
    }
}

fn shortened(text: &str) -> String {
    const MOST: usize = 40;
    let mut shown: String = text.chars().take(MOST).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

impl EnvFile {
    /// The text of the file.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for line in self.lines.iter() {
            match line {
                Line::Variable { name, raw } => {
                    text.push_str(name);
                    text.push('=');
                    // A value that was given to a step may go over several lines without being quoted.
                    if raw.contains('\n') && !raw.contains(['"', '\'']) {
                        text.extend(["\"", raw, "\""]);
                    } else {
                        text.push_str(raw);
                    }
                }
                Line::Other(line) => text.push_str(line),
            }
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Vec<(String, String)> {
        let file = parse(text).unwrap();
        file.variables().into_iter().map(|(name, raw)| (name.to_string(), raw.to_string())).collect()
    }

    #[test]
    fn lines() {
        for (text, expected) in [
            ("A=1\nB=2", vec![("A", "1"), ("B", "2")]),
            ("A=1\r\nB=\r\n", vec![("A", "1"), ("B", "")]),
            ("# no\n\n  \nA=1 # kept\n", vec![("A", "1 # kept")]),
            ("export   A=1\nexportable=yes\n", vec![("A", "1"), ("exportable", "yes")]),
            ("  A =  x y \n", vec![("A", "  x y")]),
            ("A=1\nA=2\n", vec![("A", "2")]),
            ("A=b=c", vec![("A", "b=c")]),
            ("A=\"x\ny\"\nB='1\n2\n3'\n", vec![("A", "\"x\ny\""), ("B", "'1\n2\n3'")]),
            ("A=\"\\\"\"\nB=don't\n", vec![("A", "\"\\\"\""), ("B", "don't")]),
            ("BARE\n", vec![("BARE", "")]),
        ] {
            let expected: Vec<(String, String)> =
                expected.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            assert_eq!(raw(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_value_of_very_many_lines() {
        let text = format!("KEY=\"{}\\\\\n\\\"end\"\nB=1\n", "a line of a long text\n".repeat(100_000));
        let started = std::time::Instant::now();
        let found = raw(&text);
        assert_eq!(found.len(), 2);
        assert!(found[0].1.ends_with("\\\"end\"") && found[0].1.len() > 2_000_000);
        // Reading it again for each of its lines takes minutes.
        assert!(started.elapsed() < std::time::Duration::from_secs(10), "{:?}", started.elapsed());
    }

    #[test]
    fn what_is_no_variable_is_named() {
        for (text, expected) in [
            ("A=1\nsome words\n", "line 2: expected NAME=value"),
            ("=x", "line 1"),
            ("\n\nA=\"x\ny\n", "line 3: A has \" without its end"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn the_text_stays_the_same() {
        let text = "# of a shop\nA=1\n\nB=\"x $A\"\n";
        assert_eq!(parse(text).unwrap().text(), text);
        assert_eq!(parse("A=1").unwrap().text(), "A=1\n");
        assert_eq!(parse("").unwrap().text(), "");
    }
}
