//! Keeps the values of secrets out of what commands write.

use std::cmp::Reverse;
use std::ops::Range;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, AhoCorasickKind, BuildError, MatchKind};

/// What stands in the place of a secret.
const MASK: &[u8] = b"***";

/// Most bytes of secrets for which a DFA is made.
const MAX_DFA: usize = 16 << 10;

/// Replaces secrets in a stream, also where a value is written in several pieces. Values that overlap are replaced as one:
/// the rest of the second would be readable otherwise.
pub struct Scrubber {
    values: Vec<Value>,
    /// Finds all of them, also those that overlap.
    finder: AhoCorasick,
    /// What may be the start of a secret.
    held: Vec<u8>,
    /// How much of that belongs to a secret whose mask was given already.
    masked: usize,
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
            AhoCorasick::builder().match_kind(MatchKind::Standard).kind(Some(kind)).build(&values)?;
        let values = values.into_iter().map(Value::new).collect();
        Ok(Self { values, finder, held: Vec::new(), masked: 0 })
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
        // A secret that begins from here on may still be coming in.
        let open = if end { self.held.len() } else { self.open() };
        let mut out = Vec::with_capacity(open);
        let mut masked = self.masked;
        for secret in self.secrets() {
            if secret.start >= open {
                break;
            }
            if secret.start >= masked {
                out.extend_from_slice(&self.held[masked..secret.start]);
                out.extend_from_slice(MASK);
            }
            masked = masked.max(secret.end);
        }
        if masked < open {
            out.extend_from_slice(&self.held[masked..open]);
        }
        self.masked = masked.saturating_sub(open);
        self.held.drain(..open);
        out
    }

    /// Where secrets are, by their beginnings. Of those that begin at one place the longest counts.
    fn secrets(&self) -> Vec<Range<usize>> {
        let mut found: Vec<_> =
            self.finder.find_overlapping_iter(&self.held).map(|found| found.range()).collect();
        found.sort_unstable_by_key(|range| (range.start, Reverse(range.end)));
        found.dedup_by_key(|range| range.start);
        found
    }

    /// The first place where a secret begins of which more must come; the end if there is none.
    fn open(&self) -> usize {
        let begun = self.values.iter().map(|value| value.begun_at_end_of(&self.held)).max();
        self.held.len() - begun.unwrap_or(0)
    }
}

/// A value, prepared for finding its beginning at the end of a text in linear time (Knuth, Morris and Pratt): values may
/// be long, and repeat their own beginnings.
struct Value {
    bytes: Vec<u8>,
    /// For each length of a beginning: the longest shorter beginning that it ends with.
    borders: Vec<usize>,
}

impl Value {
    fn new(bytes: Vec<u8>) -> Self {
        let mut value = Self { borders: vec![0; bytes.len() + 1], bytes };
        let mut matched = 0;
        for at in 1..value.bytes.len() {
            matched = value.step(matched, value.bytes[at]);
            value.borders[at + 1] = matched;
        }
        value
    }

    /// How much of the beginning a text ends with after one byte more, if it was `matched` before.
    fn step(&self, mut matched: usize, byte: u8) -> usize {
        if matched == self.bytes.len() {
            matched = self.borders[matched];
        }
        while matched > 0 && self.bytes[matched] != byte {
            matched = self.borders[matched];
        }
        matched + usize::from(self.bytes[matched] == byte)
    }

    /// The length of the longest beginning, but not the whole value, that a text ends with.
    fn begun_at_end_of(&self, text: &[u8]) -> usize {
        let end = &text[(text.len() + 1).saturating_sub(self.bytes.len())..];
        end.iter().fold(0, |matched, byte| self.step(matched, *byte))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

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
        assert_eq!(scrub(&["abc", "a"], &["a", "a", "bd"]), "******bd");
    }

    #[test]
    fn values_that_overlap_are_replaced_as_one() {
        assert_eq!(scrub(&["abc", "cdx"], &["-abcdx-"]), "-***-");
        assert_eq!(scrub(&["ab", "bcd"], &["abc", "d"]), "***");
        assert_eq!(scrub(&["ab", "bcd"], &["ab", "c"]), "***c");
        assert_eq!(scrub(&["ab", "bcd"], &["ab", "x"]), "***x");
        assert_eq!(scrub(&["abcdef", "bc"], &["abcdefbc"]), "******", "within another, and beside it");
        assert_eq!(scrub(&["abcdef", "bc", "cde"], &["abcde-"]), "a***-");
        assert_eq!(scrub(&["aa"], &["aa", "aa", "a", "b"]), "***b");
        assert_eq!(scrub(&["aba", "bab"], &["ab", "ab", "ab", "ba"]), "***ba");
    }

    #[test]
    fn what_is_held_is_bounded() {
        let mut scrubber = Scrubber::new(&[Arc::from(*b"aa")]).unwrap();
        let mut out = Vec::new();
        for _ in 0..1000 {
            out.extend(scrubber.push(&[b'a'; 100]));
            assert!(scrubber.held.len() < 2);
        }
        out.extend(scrubber.finish());
        assert_eq!(out, b"***");
    }

    /// Comparing from each place took minutes for these.
    #[test]
    fn a_long_value_that_repeats_its_beginning() {
        let long = 60_000;
        let secret = [&vec![b'a'; long][..], b"b"].concat();
        let mut scrubber = Scrubber::new(&[Arc::from(&*secret)]).unwrap();
        let text = [&vec![b'a'; 50_000][..], b"\n"].concat().repeat(100);
        let mut out = Vec::new();
        for piece in text.chunks(4 << 10) {
            out.extend(scrubber.push(piece));
        }
        out.extend(scrubber.finish());
        assert!(out == text);
        let mut scrubber = Scrubber::new(&[Arc::from(&*secret)]).unwrap();
        let mut out = scrubber.push(&vec![b'a'; long + 7]);
        out.extend(scrubber.push(b"bc"));
        out.extend(scrubber.finish());
        assert_eq!(out, b"aaaaaaa***c");
    }

    proptest! {
        /// The same as what a look at each byte says, however the text comes.
        #[test]
        fn pieces_make_no_difference(
            secrets in vec("[ab]{1,4}", 1..4),
            pieces in vec("[abc]{0,5}", 0..8),
        ) {
            let text = pieces.concat();
            let mut expected = String::new();
            let mut covered = 0;
            for at in 0..text.len() {
                let longest = secrets.iter().filter(|secret| text[at..].starts_with(secret.as_str())).map(String::len).max();
                if let Some(longest) = longest {
                    if at >= covered {
                        expected.push_str("***");
                    }
                    covered = covered.max(at + longest);
                }
                if at >= covered {
                    expected.push_str(&text[at..=at]);
                }
            }
            let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            prop_assert_eq!(scrub(&secrets, &pieces), expected);
        }
    }
}
