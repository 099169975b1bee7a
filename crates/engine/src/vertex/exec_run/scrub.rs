//! Keeps the values of secrets out of what commands write.

use std::sync::Arc;

/// What stands in the place of a secret.
const MASK: &[u8] = b"***";

/// Replaces secrets in a stream, also where a value is written in several pieces.
pub struct Scrubber {
    /// Longest first, so that a secret that contains another is replaced as a whole.
    values: Vec<Vec<u8>>,
    /// What may be the start of a secret.
    held: Vec<u8>,
}

impl Scrubber {
    /// For these values: as they are, and without whitespace around them. Empty ones are left out.
    pub fn new(secrets: &[Arc<[u8]>]) -> Self {
        let mut values: Vec<Vec<u8>> = secrets
            .iter()
            .flat_map(|secret| [secret.to_vec(), secret.trim_ascii().to_vec()])
            .filter(|value| !value.is_empty())
            .collect();
        values.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        values.dedup();
        Self { values, held: Vec::new() }
    }

    /// Takes the next piece; gives what is certain.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        if self.values.is_empty() {
            return bytes.to_vec();
        }
        self.held.extend_from_slice(bytes);
        self.scan(false)
    }

    /// The stream has ended; gives the rest.
    pub fn finish(&mut self) -> Vec<u8> {
        self.scan(true)
    }

    fn scan(&mut self, end: bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.held.len());
        let mut at = 0;
        while at < self.held.len() {
            let rest = &self.held[at..];
            // A longer secret may still be coming in: wait for it rather than take a shorter one.
            if !end && self.values.iter().any(|value| value.len() > rest.len() && value.starts_with(rest)) {
                break;
            }
            if let Some(value) = self.values.iter().find(|value| rest.starts_with(value)) {
                out.extend_from_slice(MASK);
                at += value.len();
            } else {
                out.push(rest[0]);
                at += 1;
            }
        }
        self.held.drain(..at);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrub(secrets: &[&str], pieces: &[&str]) -> String {
        let secrets: Vec<Arc<[u8]>> = secrets.iter().map(|secret| Arc::from(secret.as_bytes())).collect();
        let mut scrubber = Scrubber::new(&secrets);
        let mut out = Vec::new();
        for piece in pieces {
            out.extend(scrubber.push(piece.as_bytes()));
        }
        out.extend(scrubber.finish());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_are_replaced() {
        assert_eq!(scrub(&["s3cret"], &["the s3cret is s3cret\n"]), "the *** is ***\n");
        assert_eq!(scrub(&["s3cret\n"], &["s3cret"]), "***", "without whitespace around it as well");
        assert_eq!(scrub(&["", " "], &["a b"]), "a***b", "an empty value is none, a blank is one");
        assert_eq!(scrub(&["ab", "abc"], &["abc ab"]), "*** ***");
    }

    #[test]
    fn values_are_replaced_across_pieces() {
        assert_eq!(scrub(&["s3cret"], &["x s3", "cr", "et y"]), "x *** y");
        assert_eq!(scrub(&["s3cret"], &["x s3", "cr"]), "x s3cr");
        assert_eq!(scrub(&["aab"], &["a", "a", "a", "b"]), "a***");
        assert_eq!(scrub(&["line1\nline2"], &["line1\n", "line2"]), "***");
    }
}
