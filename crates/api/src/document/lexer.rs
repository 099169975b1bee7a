//! Tokens of a document, one at a time, from the bytes of its text.

use super::Span;
use super::parser::SyntaxError;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One of `! $ & ( ) : = @ [ ] { | }`.
    Punctuator(u8),
    Spread,
    Name,
    Int,
    Float,
    String,
    BlockString,
    End,
}

/// A token and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Span,
}

/// Walks over the text.
pub(super) struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

const fn is_name_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

const fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, bytes: text.as_bytes(), at: 0 }
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn skip_ignored(&mut self) {
        loop {
            match self.peek(0) {
                b' ' | b'\t' | b'\n' | b'\r' | b',' => self.at += 1,
                b'#' => {
                    while !matches!(self.peek(0), b'\n' | b'\r') && self.at < self.bytes.len() {
                        self.at += 1;
                    }
                }
                0xEF if self.bytes[self.at..].starts_with("\u{feff}".as_bytes()) => self.at += 3,
                _ => return,
            }
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the parser refuses texts of 4 GiB and more")]
    fn error(&self, at: usize, message: impl Into<String>) -> SyntaxError {
        SyntaxError { message: message.into(), at: at as u32 }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the parser refuses texts of 4 GiB and more")]
    const fn token(&self, kind: Kind, start: usize) -> Token {
        Token { kind, span: Span { start: start as u32, end: self.at as u32 } }
    }

    pub(super) fn next(&mut self) -> Result<Token, SyntaxError> {
        self.skip_ignored();
        let start = self.at;
        if start >= self.bytes.len() {
            return Ok(self.token(Kind::End, start));
        }
        match self.bytes[start] {
            byte @ (b'!' | b'$' | b'&' | b'(' | b')' | b':' | b'=' | b'@' | b'[' | b']' | b'{' | b'|'
            | b'}') => {
                self.at += 1;
                Ok(self.token(Kind::Punctuator(byte), start))
            }
            b'.' if self.bytes[start..].starts_with(b"...") => {
                self.at += 3;
                Ok(self.token(Kind::Spread, start))
            }
            byte if is_name_start(byte) => {
                while is_name(self.peek(0)) {
                    self.at += 1;
                }
                Ok(self.token(Kind::Name, start))
            }
            b'"' if self.bytes[start..].starts_with(b"\"\"\"") => self.block_string(start),
            b'"' => self.string(start),
            b'-' | b'0'..=b'9' => self.number(start),
            _ => {
                let found = self.text[start..].chars().next().unwrap_or_default();
                Err(self.error(start, format!("Cannot parse the unexpected character {found:?}.")))
            }
        }
    }

    fn digits(&mut self) -> Result<(), SyntaxError> {
        if !self.peek(0).is_ascii_digit() {
            return Err(self.error(self.at, "Invalid number, expected digit."));
        }
        while self.peek(0).is_ascii_digit() {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self, start: usize) -> Result<Token, SyntaxError> {
        let mut kind = Kind::Int;
        if self.peek(0) == b'-' {
            self.at += 1;
        }
        if self.peek(0) == b'0' && self.peek(1).is_ascii_digit() {
            return Err(self.error(self.at, "Invalid number, unexpected digit after 0."));
        }
        self.digits()?;
        if self.peek(0) == b'.' {
            kind = Kind::Float;
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(0), b'e' | b'E') {
            kind = Kind::Float;
            self.at += 1;
            if matches!(self.peek(0), b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
        }
        if self.peek(0) == b'.' || is_name_start(self.peek(0)) {
            return Err(self.error(self.at, "Invalid number, expected digit."));
        }
        Ok(self.token(kind, start))
    }

    fn string(&mut self, start: usize) -> Result<Token, SyntaxError> {
        self.at += 1;
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(self.token(Kind::String, start));
                }
                Some(b'\\') => self.at = (self.at + 2).min(self.bytes.len()),
                None | Some(b'\n' | b'\r') => return Err(self.error(start, "Unterminated string.")),
                Some(_) => self.at += 1,
            }
        }
    }

    fn block_string(&mut self, start: usize) -> Result<Token, SyntaxError> {
        self.at += 3;
        loop {
            let rest = &self.bytes[self.at..];
            if rest.is_empty() {
                return Err(self.error(start, "Unterminated string."));
            } else if rest.starts_with(b"\"\"\"") {
                self.at += 3;
                return Ok(self.token(Kind::BlockString, start));
            }
            self.at += if rest.starts_with(b"\\\"\"\"") { 4 } else { 1 };
        }
    }
}
