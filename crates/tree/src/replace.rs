//! Replacing a text in a content.

use memchr::memmem::Finder;

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

/// Replaces `search`. Occurrences do not overlap.
///
/// # Errors
/// [`TreeError::Invalid`] when `search` is empty, is not there, or is there several times and nothing says which is
/// meant.
pub fn replace(
    content: &[u8],
    search: &[u8],
    replacement: &[u8],
    which: Occurrences,
) -> Result<Vec<u8>, TreeError> {
    let shown = || String::from_utf8_lossy(search);
    if search.is_empty() {
        return Err(TreeError::Invalid("the text to be replaced is empty".to_owned()));
    }
    let (mut line, mut counted) = (1, 0);
    let mut found: Vec<(usize, u64)> = Vec::new();
    for at in Finder::new(search).find_iter(content) {
        line += memchr::memchr_iter(b'\n', &content[counted..at]).count() as u64;
        counted = at;
        if which.from_line.is_none_or(|from| line >= from) {
            found.push((at, line));
            if which.from_line.is_some() && !which.all {
                break;
            }
        }
    }
    match (&found[..], which.from_line) {
        ([], None) => Err(TreeError::Invalid(format!("{:?} is not in the file", shown()))),
        ([], Some(from)) => {
            Err(TreeError::Invalid(format!("{:?} is not in the file from line {from} on", shown())))
        }
        ([_, _, ..], None) if !which.all => {
            let mut lines: Vec<String> = found.iter().take(NAMED).map(|(_, line)| line.to_string()).collect();
            if found.len() > NAMED {
                lines.push("…".to_owned());
            }
            Err(TreeError::Invalid(format!(
                "{:?} is in the file {} times (lines {}); replace all of them, or say from which line on",
                shown(),
                found.len(),
                lines.join(", ")
            )))
        }
        (places, _) => {
            let mut out = Vec::with_capacity(content.len() + places.len() * replacement.len());
            let mut done = 0;
            for (at, _) in places {
                out.extend_from_slice(&content[done..*at]);
                out.extend_from_slice(replacement);
                done = at + search.len();
            }
            out.extend_from_slice(&content[done..]);
            Ok(out)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(search: &str, all: bool, from_line: Option<u64>) -> Result<String, String> {
        let content = b"one two\ntwo\n\nthree\ntwo two";
        replace(content, search.as_bytes(), b"2", Occurrences { all, from_line })
            .map(|content| String::from_utf8(content).unwrap())
            .map_err(|error| error.to_string())
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
