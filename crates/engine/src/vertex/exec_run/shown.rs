//! What people are shown of a command's output. Escape sequences and control characters are taken out there, which would put
//! the value of a secret together that a command has written with them in between, as `grep --color` does.

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
            Some((Cleaner::default(), Scrubber::new(secrets).map_err(io::Error::other)?))
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
        let mut safe = scrubber.push(cleaner.push(&text).as_bytes());
        if end {
            safe.extend(scrubber.finish());
        }
        // Values may be parts of characters.
        String::from_utf8_lossy(&safe).into_owned()
    }
}

/// An output for an error: as it was written, unless that would show a secret once it is cleaned.
pub fn in_error(output: String, secrets: &[Arc<[u8]>]) -> String {
    let cleaned = Cleaner::default().push(&output);
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
        for text in ["a s3\u{1b}[1mcr\u{1b}[0met b", "a s\x003\0c\0r\0e\0t b", "a s3\u{8}cr\u{202e}et b"] {
            for size in 1..=text.len() {
                let mut shown = Shown::new(&secrets()).unwrap();
                let mut seen: String =
                    text.as_bytes().chunks(size).map(|piece| shown.push(piece, false)).collect();
                seen += &shown.push(b"", true);
                assert_eq!(seen, "a *** b", "{text:?} in pieces of {size}");
            }
        }
    }

    #[test]
    fn commands_without_secrets_are_shown_as_they_write() {
        let mut shown = Shown::new(&[]).unwrap();
        assert_eq!(shown.push(b"\x1b[1mx", true), "\u{1b}[1mx");
    }

    #[test]
    fn errors_keep_what_shows_nothing() {
        let in_error = |text: &str| in_error(text.to_owned(), &secrets());
        assert_eq!(in_error("\u{1b}[1mbold\u{1b}[0m"), "\u{1b}[1mbold\u{1b}[0m");
        assert_eq!(in_error("\u{1b}[1ms3\u{1b}[0mcret\tx\n"), "***\tx\n");
    }
}
