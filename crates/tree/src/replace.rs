//! Replacing a text in a content.

use memchr::memmem::Finder;

use crate::cancel;
use crate::node::TreeError;

/// Which occurrences are replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Occurrences {
    /// Every one; otherwise there must be exactly one, or `from_line` says which.
    pub all: bool,
    /// Only those that begin in this line, counted from 1, or later; without `all` only the first of them.
    pub from_line: Option<u64>,
}

/// How many lines a message names.
const NAMED: usize = 10;

/// How much is given on at a time, about, in bytes.
const PIECE: usize = 256 << 10;

/// What is to be replaced in a content: found out by going through it once, and done by going through it again, so that neither
/// the places nor the result are in memory.
#[derive(Debug)]
pub struct Replacing<'a> {
    content: &'a [u8],
    search: Finder<'a>,
    replacement: &'a [u8],
    /// Where the first is that is replaced, and how many are.
    first: usize,
    count: usize,
}

impl<'a> Replacing<'a> {
    /// Finds what is to be replaced. Occurrences do not overlap.
    ///
    /// # Errors
    /// [`TreeError::Invalid`] when `search` is empty, is not there, or is there several times and nothing says which is
    /// meant; [`TreeError::Cancelled`].
    pub fn new(
        content: &'a [u8],
        search: &'a [u8],
        replacement: &'a [u8],
        which: Occurrences,
    ) -> Result<Self, TreeError> {
        let shown = || String::from_utf8_lossy(search);
        if search.is_empty() {
            return Err(TreeError::Invalid("the text to be replaced is empty".to_owned()));
        }
        let finder = Finder::new(search);
        let (mut line, mut counted) = (1, 0);
        let (mut first, mut count) = (0, 0);
        let mut lines: Vec<String> = Vec::new();
        for at in finder.find_iter(content) {
            line += memchr::memchr_iter(b'\n', &content[counted..at]).count() as u64;
            counted = at;
            if which.from_line.is_some_and(|from| line < from) {
                continue;
            }
            if count == 0 {
                first = at;
            }
            count += 1;
            if lines.len() < NAMED {
                lines.push(line.to_string());
            }
            if which.from_line.is_some() && !which.all {
                break;
            }
            if count % PIECE == 0 {
                cancel::check()?;
            }
        }
        match (count, which.from_line) {
            (0, None) => Err(TreeError::Invalid(format!("{:?} is not in the file", shown()))),
            (0, Some(from)) => {
                Err(TreeError::Invalid(format!("{:?} is not in the file from line {from} on", shown())))
            }
            (2.., None) if !which.all => {
                if count > NAMED {
                    lines.push("…".to_owned());
                }
                Err(TreeError::Invalid(format!(
                    "{:?} is in the file {count} times (lines {}); replace all of them, or say from which line on",
                    shown(),
                    lines.join(", ")
                )))
            }
            _ => Ok(Self { content, search: finder, replacement, first, count }),
        }
    }

    /// How long the result is, in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        let left = self.content.len() - self.count * self.search.needle().len();
        left as u64 + self.count as u64 * self.replacement.len() as u64
    }

    /// Gives the result, in order, in pieces of any size.
    ///
    /// # Errors
    /// Those of `sink`, and [`TreeError::Cancelled`].
    pub fn write(&self, sink: &mut dyn FnMut(&[u8]) -> Result<(), TreeError>) -> Result<(), TreeError> {
        let mut piece = Vec::new();
        let mut give = |bytes: &[u8]| {
            // Many short pieces would each cost a call.
            if piece.len() + bytes.len() > PIECE {
                cancel::check()?;
                sink(&piece)?;
                piece.clear();
            }
            if bytes.len() > PIECE {
                return sink(bytes);
            }
            piece.extend_from_slice(bytes);
            Ok(())
        };
        let mut done = 0;
        // Those before the first are none that are replaced, and might overlap with it.
        for at in self.search.find_iter(&self.content[self.first..]).take(self.count) {
            let at = self.first + at;
            give(&self.content[done..at])?;
            give(self.replacement)?;
            done = at + self.search.needle().len();
        }
        give(&self.content[done..])?;
        sink(&piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(search: &str, all: bool, from_line: Option<u64>) -> Result<String, String> {
        let content = b"one two\ntwo\n\nthree\ntwo two";
        let which = Occurrences { all, from_line };
        let replacing = Replacing::new(content, search.as_bytes(), b"2", which);
        let replacing = replacing.map_err(|error| error.to_string())?;
        let mut result = Vec::new();
        replacing
            .write(&mut |piece| {
                result.extend_from_slice(piece);
                Ok(())
            })
            .unwrap();
        assert_eq!(replacing.size(), result.len() as u64);
        Ok(String::from_utf8(result).unwrap())
    }

    #[test]
    fn which_are_replaced() {
        assert_eq!(run("three", false, None).unwrap(), "one two\ntwo\n\n2\ntwo two");
        assert_eq!(run("two", true, None).unwrap(), "one 2\n2\n\nthree\n2 2");
        assert_eq!(run("two", false, Some(2)).unwrap(), "one two\n2\n\nthree\ntwo two");
        assert_eq!(run("two", false, Some(3)).unwrap(), "one two\ntwo\n\nthree\n2 two");
        assert_eq!(run("two", true, Some(3)).unwrap(), "one two\ntwo\n\nthree\n2 2");
        assert_eq!(run("two\n\nth", false, None).unwrap(), "one two\n2ree\ntwo two");
    }

    #[test]
    fn what_fails() {
        assert_eq!(run("four", false, None).unwrap_err(), "\"four\" is not in the file");
        assert_eq!(run("four", true, None).unwrap_err(), "\"four\" is not in the file");
        assert_eq!(run("one", false, Some(2)).unwrap_err(), "\"one\" is not in the file from line 2 on");
        assert!(run("two", false, None).unwrap_err().contains("4 times (lines 1, 2, 5, 5)"));
        assert!(run("", true, None).is_err());
    }
}
