//! Values as they are written: quotes, escapes and references, as in a shell.

use crate::error::OpError;

/// References inside the defaults of references, and so on.
const DEEPEST: usize = 16;

/// A part of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text as it is.
    Text(String),
    /// The value of a variable.
    Variable {
        /// Its name.
        name: String,
        /// What to do where it is not there, or where it is.
        or: Option<Otherwise>,
    },
}

/// What stands after the name in `${NAME:-…}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Otherwise {
    /// What it is for.
    pub kind: Kind,
    /// Whether an empty value counts as none (the form with `:`).
    pub empty_is_none: bool,
    /// The text after the operator.
    pub parts: Vec<Part>,
}

/// The operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `-`: taken where the variable has no value.
    Default,
    /// `+`: taken where it has one, else nothing.
    Alternative,
    /// `?`: the error where it has none.
    Error,
}

/// Takes a value apart.
pub fn parse(text: &str) -> Result<Vec<Part>, OpError> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    let parts = parser.parts(None)?;
    Ok(trimmed(parts, text))
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

/// Blanks around a value are not part of it, unless they are quoted.
fn trimmed(mut parts: Vec<Part>, text: &str) -> Vec<Part> {
    let quoted = |c: Option<char>| matches!(c, Some('"' | '\''));
    let inner = text.trim();
    if !quoted(inner.chars().next())
        && let Some(Part::Text(first)) = parts.first_mut()
    {
        *first = first.trim_start().to_owned();
    }
    if !quoted(inner.chars().last())
        && !text.trim_end_matches([' ', '\t']).ends_with('\\')
        && let Some(Part::Text(last)) = parts.last_mut()
    {
        *last = last.trim_end().to_owned();
    }
    parts
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn fail<T>(&self, what: &str) -> Result<T, OpError> {
        Err(OpError::new(format!("{:?}: {what}", self.text)))
    }

    /// Up to `end`, which is taken too; up to the end of the text if there is none.
    fn parts(&mut self, end: Option<char>) -> Result<Vec<Part>, OpError> {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut double = false;
        loop {
            let Some(c) = self.next() else {
                if double {
                    return self.fail("\" without its end (write \\\" for the character itself)");
                }
                if end.is_some() {
                    return self.fail("${ without }");
                }
                break;
            };
            match c {
                _ if Some(c) == end && !double => break,
                '"' => double = !double,
                '\'' if !double => match self.text[self.at..].find('\'') {
                    Some(length) => {
                        text.push_str(&self.text[self.at..self.at + length]);
                        self.at += length + 1;
                    }
                    None => return self.fail("' without its end (write \\' for the character itself)"),
                },
                '\\' => match self.next() {
                    Some(c) if !double || matches!(c, '"' | '\\' | '$' | '`') => text.push(c),
                    Some(c) => text.extend(['\\', c]),
                    None => text.push('\\'),
                },
                '`' => return self.fail("commands (`…`) are not run; write \\` for the character itself"),
                '$' => match self.reference()? {
                    Some(part) => {
                        if !text.is_empty() {
                            parts.push(Part::Text(std::mem::take(&mut text)));
                        }
                        parts.push(part);
                    }
                    None => text.push('$'),
                },
                c => text.push(c),
            }
        }
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Ok(parts)
    }

    /// What follows a `$`; none if that is no name.
    fn reference(&mut self) -> Result<Option<Part>, OpError> {
        match self.peek() {
            Some('(') => self.fail("commands ($(…)) are not run; write \\$ for the character itself"),
            Some('{') => {
                self.at += 1;
                let name = self.name();
                if name.is_empty() {
                    return self.fail("${ without the name of a variable");
                }
                let or = self.otherwise()?;
                Ok(Some(Part::Variable { name, or }))
            }
            _ => {
                let name = self.name();
                Ok((!name.is_empty()).then_some(Part::Variable { name, or: None }))
            }
        }
    }

    fn name(&mut self) -> String {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        if rest.starts_with(|c: char| c.is_ascii_digit()) {
            return String::new();
        }
        self.at += end;
        rest[..end].to_owned()
    }

    /// What follows the name in `${NAME`, with the `}`.
    fn otherwise(&mut self) -> Result<Option<Otherwise>, OpError> {
        let empty_is_none = self.peek() == Some(':');
        if empty_is_none {
            self.at += 1;
        }
        let kind = match self.next() {
            Some('}') if !empty_is_none => return Ok(None),
            Some('-') => Kind::Default,
            Some('+') => Kind::Alternative,
            Some('?') => Kind::Error,
            _ => return self.fail("after the name in ${…} only :-, -, :+, +, :? and ? are known"),
        };
        if self.depth == DEEPEST {
            return self.fail("${…} nested too deep");
        }
        self.depth += 1;
        let parts = self.parts(Some('}'))?;
        self.depth -= 1;
        Ok(Some(Otherwise { kind, empty_is_none, parts }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(parts: &[Part]) -> String {
        parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.clone(),
                Part::Variable { name, or: None } => format!("<{name}>"),
                Part::Variable { name, or: Some(or) } => {
                    format!(
                        "<{name}{}{:?} {}>",
                        if or.empty_is_none { ":" } else { "" },
                        or.kind,
                        shown(&or.parts)
                    )
                }
            })
            .collect()
    }

    #[test]
    fn quotes_escapes_and_references() {
        for (text, expected) in [
            ("bar", "bar"),
            ("", ""),
            ("  a   b  ", "a   b"),
            ("\" a \"", " a "),
            ("' a '", " a "),
            (r"a\ b\ c", "a b c"),
            (r"hello\nworld", "hellonworld"),
            (r#""a\nb \" \\ \$X""#, r#"a\nb " \ $X"#),
            ("$A-b", "<A>-b"),
            ("${A}b$C", "<A>b<C>"),
            ("'$A'", "$A"),
            ("hello, nice '$A'", "hello, nice $A"),
            ("\"hello, nice '$A'\"", "hello, nice '<A>'"),
            ("!@#$%^&*()", "!@#$%^&*()"),
            ("$1 $", "$1 $"),
            ("${A:-x y}", "<A:Default x y>"),
            ("${A-}", "<ADefault >"),
            ("${A:+\"}\"}z", "<A:Alternative }>z"),
            ("${A:-${B:-c}}", "<A:Default <B:Default c>>"),
            ("${A?gone}", "<AError gone>"),
            ("[\"ga\", 42]", "[ga, 42]"),
            ("{\"a\": 1}", "{a: 1}"),
            ("é$A é", "é<A> é"),
            ("\"x\ny\"", "x\ny"),
        ] {
            assert_eq!(shown(&parse(text).unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for (text, expected) in [
            ("\"a", "\" without its end"),
            ("don't", "' without its end"),
            ("${A", "only :-"),
            ("${A:-x", "${ without }"),
            ("${}", "without the name"),
            ("${A/b/c}", "only :-"),
            ("$(echo hello)", "commands"),
            ("`echo hello`", "commands"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let deep = format!("{}x{}", "${A:-".repeat(100), "}".repeat(100));
        assert!(parse(&deep).unwrap_err().to_string().contains("too deep"));
    }
}
