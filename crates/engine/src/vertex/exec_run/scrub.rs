//! Keeps the values of secrets out of what commands write.

use std::sync::Arc;

use aho_corasick::{AhoCorasick, AhoCorasickKind, BuildError, MatchKind};

/// What stands in the place of a secret.
const MASK: &[u8] = b"***";

/// Most bytes of secrets for which a DFA is made.
const MAX_DFA: usize = 16 << 10;

/// Replaces secrets in a stream, also where a value is written in several pieces.
pub struct Scrubber {
    /// Longest first.
    values: Vec<Vec<u8>>,
    /// Finds them, the longest of those that begin at a place.
    finder: AhoCorasick,
    /// What may be the start of a secret.
    held: Vec<u8>,
}

impl Scrubber {
    /// For these values: as they are, and without whitespace around them. Empty ones are left out.
    pub fn new(secrets: &[Arc<[u8]>]) -> Result<Self, BuildError> {
        let mut values: Vec<Vec<u8>> = secrets
            .iter()
            .flat_map(|secret| [secret.to_vec(), secret.trim_ascii().to_vec()])
            .filter(|value| !value.is_empty())
            .collect();
        values.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        values.dedup();
        // A DFA is the quickest, but takes 1 KiB for each byte of a secret.
        let small = values.iter().map(Vec::len).sum::<usize>() <= MAX_DFA;
        let kind = if small { AhoCorasickKind::DFA } else { AhoCorasickKind::ContiguousNFA };
        let finder =
            AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).kind(Some(kind)).build(&values)?;
        Ok(Self { values, finder, held: Vec::new() })
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
        let mut open = if end { self.held.len() } else { self.open_from(0) };
        // A longer secret may still be coming in where one is open: wait for it rather than take a shorter one.
        while let Some(found) = self.finder.find(&self.held[at..])
            && at + found.start() < open
        {
            out.extend_from_slice(&self.held[at..at + found.start()]);
            out.extend_from_slice(MASK);
            at += found.end();
            if open < at {
                open = self.open_from(at);
            }
        }
        out.extend_from_slice(&self.held[at..open]);
        self.held.drain(..open);
        out
    }

    /// The first place from `at` on where a secret begins of which more must come; the end if there is none.
    fn open_from(&self, at: usize) -> usize {
        let longest = self.values.first().map_or(0, Vec::len);
        let first = at.max((self.held.len() + 1).saturating_sub(longest));
        (first..self.held.len())
            .find(|start| {
                let rest = &self.held[*start..];
                self.values.iter().any(|value| value.len() > rest.len() && value.starts_with(rest))
            })
            .unwrap_or(self.held.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrub(secrets: &[&str], pieces: &[&str]) -> String {
        let secrets: Vec<Arc<[u8]>> = secrets.iter().map(|secret| Arc::from(secret.as_bytes())).collect();
        let mut scrubber = Scrubber::new(&secrets).unwrap();
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
        assert_eq!(scrub(&["ab", "bcd"], &["abc", "d"]), "***cd", "what comes first is taken first");
        assert_eq!(scrub(&["abc", "a"], &["a", "a", "bd"]), "******bd");
    }
}
