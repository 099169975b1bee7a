//! What people are shown of a command's output. Escape sequences and control characters are taken out there, which would put
//! the value of a secret together that a command has written with them in between, as `grep --color` does. Characters that are
//! not seen would leave it readable, so those are taken out as well where a command has secrets.

use std::io;
use std::sync::Arc;

use kukri_telemetry::text::{Cleaner, Utf8Chunks};

use super::scrub::Scrubber;

/// A stream of output on its way to those who watch.
pub struct Shown {
    text: Utf8Chunks,
    /// For commands that have secrets; the output of others is cleaned where it is shown.
    safe: Option<(Cleaner, Scrubber)>,
}

impl Shown {
    /// Of a command with these secrets, the values of which are replaced already where they stand in one piece.
    pub fn new(secrets: &[Arc<[u8]>]) -> io::Result<Self> {
        let safe = if secrets.is_empty() {
            None
        } else {
            // Values that have such characters come without them.
            let seen = secrets.iter().map(|secret| {
                Arc::from(cleaned(&mut Cleaner::default(), &String::from_utf8_lossy(secret)).as_bytes())
            });
            let values: Vec<Arc<[u8]>> = secrets.iter().cloned().chain(seen).collect();
            Some((Cleaner::default(), Scrubber::new(&values).map_err(io::Error::other)?))
        };
        Ok(Self { text: Utf8Chunks::default(), safe })
    }

    /// Takes the next bytes, the last ones with `end`; gives the text that is certain.
    pub fn push(&mut self, bytes: &[u8], end: bool) -> String {
        let mut text = self.text.push(bytes);
        if end {
            text.push_str(&self.text.finish());
        }
        let Some((cleaner, scrubber)) = &mut self.safe else { return text };
        let mut safe = scrubber.push(cleaned(cleaner, &text).as_bytes());
        if end {
            safe.extend(scrubber.finish());
        }
        // Values may be parts of characters.
        String::from_utf8_lossy(&safe).into_owned()
    }
}

/// What is seen of a piece.
fn cleaned(cleaner: &mut Cleaner, text: &str) -> String {
    let mut text = cleaner.push(text);
    text.retain(|c| !is_invisible(c));
    text
}

/// Whether a character is not seen where it stands: what Unicode calls default ignorable, and marks of annotations.
const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// An output for an error: as it was written, unless that would show a secret once it is cleaned.
pub fn in_error(output: String, secrets: &[Arc<[u8]>]) -> String {
    let cleaned = cleaned(&mut Cleaner::default(), &output);
    let safe = Shown::new(secrets).map(|mut shown| shown.push(output.as_bytes(), true));
    match safe {
        Ok(safe) if safe == cleaned || secrets.is_empty() => output,
        Ok(safe) => safe,
        Err(_) => "***".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> [Arc<[u8]>; 1] {
        [Arc::from(*b"s3cret")]
    }

    #[test]
    fn values_in_pieces_are_replaced() {
        for text in ["a s3\u{1b}[1mcr\u{1b}[0met b", "a s\x003\0c\0r\0e\0t b", "a s3\u{8}cr\u{202e}et b"]
            .into_iter()
            .chain(INVISIBLE)
        {
            for size in 1..=text.len() {
                let mut shown = Shown::new(&secrets()).unwrap();
                let mut seen: String =
                    text.as_bytes().chunks(size).map(|piece| shown.push(piece, false)).collect();
                seen += &shown.push(b"", true);
                assert_eq!(seen, "a *** b", "{text:?} in pieces of {size}");
            }
        }
    }

    /// Characters that are not seen, between those of the value.
    const INVISIBLE: [&str; 6] = [
        "a s\u{200b}3\u{200c}c\u{200d}r\u{200e}e\u{200f}t b",
        "a s\u{feff}3\u{ad}c\u{2060}r\u{34f}e\u{61c}t b",
        "a s\u{fe00}3\u{fe0f}c\u{e0100}r\u{e0041}e\u{e007f}t b",
        "a s\u{202a}3\u{202e}c\u{2066}r\u{2069}e\u{180b}t b",
        "a s\u{200b}\u{1b}[1m3\u{1b}[0m\u{200b}cret b",
        "a s3cr\u{2064}\u{3164}et b",
    ];

    #[test]
    fn a_value_may_have_invisible_characters_itself() {
        let mut shown = Shown::new(&[Arc::from("s3\u{200b}cret".as_bytes())]).unwrap();
        assert_eq!(shown.push("a s3\u{200b}c\u{1b}[1mret b".as_bytes(), true), "a *** b");
    }

    #[test]
    fn commands_without_secrets_are_shown_as_they_write() {
        let mut shown = Shown::new(&[]).unwrap();
        assert_eq!(shown.push(b"\x1b[1mx", true), "\u{1b}[1mx");
        assert_eq!(shown.push("❤\u{fe0f}".as_bytes(), true), "❤\u{fe0f}");
    }

    #[test]
    fn errors_keep_what_shows_nothing() {
        let in_error = |text: &str| in_error(text.to_owned(), &secrets());
        assert_eq!(in_error("\u{1b}[1mbold\u{1b}[0m"), "\u{1b}[1mbold\u{1b}[0m");
        assert_eq!(in_error("❤\u{fe0f}"), "❤\u{fe0f}");
        assert_eq!(in_error("\u{1b}[1ms3\u{1b}[0mcret\tx\n"), "***\tx\n");
    }
}
