//! Patterns in the dialect of `.dockerignore` and of include and exclude arguments.
//!
//! `*` and `?` stay within a component, `**` crosses them (also none), `[a-z]` and `[^a-z]` are classes, `\` takes the
//! next character as it is, and `!` in front turns a pattern of a list into an exception. Patterns are anchored at the
//! root. In a list, a pattern that matches a directory matches all below it, and the last pattern that matches decides.

use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

use crate::node::TreeError;

/// Memory for one compiled list; thousands of ordinary patterns fit.
const SIZE_LIMIT: usize = 64 << 20;

/// Any sequence of bytes.
const ALL: &str = "(?s-u:.)*";
/// Any sequence of bytes within a component.
const NAME: &str = "(?-u:[^/])*";
/// Matches nothing.
const NEVER: &str = "[a&&b]";

/// One compiled pattern. `!` has no special meaning here, and parents do not count.
#[derive(Clone, Debug)]
pub struct Pattern {
    itself: Regex,
    above: Regex,
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// [`TreeError::Invalid`] for an unclosed class or a `\` at the end.
    pub fn new(pattern: &str) -> Result<Self, TreeError> {
        let source = Source::parse(&tidy(pattern.trim()))?;
        let compile = |text: &str| {
            RegexBuilder::new(&format!("^(?:{text})$"))
                .size_limit(SIZE_LIMIT)
                .build()
                .map_err(|error| invalid(pattern, &error.to_string()))
        };
        Ok(Self { itself: compile(&source.itself)?, above: compile(&source.above)? })
    }

    /// Whether a clean path matches.
    #[must_use]
    pub fn matches(&self, path: &[u8]) -> bool {
        self.itself.is_match(path)
    }

    /// Whether a path below the directory `dir` may match. `false` is certain, `true` is not.
    #[must_use]
    pub fn may_match_below(&self, dir: &[u8]) -> bool {
        dir.is_empty() || self.above.is_match(dir)
    }
}

/// A compiled list of patterns.
#[derive(Clone, Debug)]
pub struct Patterns {
    /// What matches a path or one of its parents.
    matching: RegexSet,
    /// What may match below a directory.
    above: RegexSet,
    /// Which patterns began with `!`.
    exceptions: Vec<bool>,
}

impl Patterns {
    /// Compiles a list. Blank patterns and `.` mean nothing and are dropped.
    ///
    /// # Errors
    /// [`TreeError::Invalid`] with the pattern.
    pub fn new<S: AsRef<str>>(patterns: &[S]) -> Result<Self, TreeError> {
        let (mut matching, mut above, mut exceptions) = (Vec::new(), Vec::new(), Vec::new());
        for given in patterns.iter().map(AsRef::as_ref) {
            let pattern = given.trim();
            let (pattern, exception) = match pattern.strip_prefix('!') {
                Some("") => return Err(invalid(given, "nothing after the exclamation mark")),
                Some(rest) => (tidy(rest), true),
                None => (tidy(pattern), false),
            };
            if pattern.is_empty() {
                continue;
            }
            let source = Source::parse(&pattern)?;
            matching.push(format!("^(?:{})(?:/{ALL})?$", source.itself));
            above.push(format!("^(?:{})$", source.above));
            exceptions.push(exception);
        }
        let compile = |sources: &[String]| {
            RegexSetBuilder::new(sources)
                .size_limit(SIZE_LIMIT)
                .build()
                .map_err(|error| TreeError::Invalid(format!("patterns cannot be compiled: {error}")))
        };
        Ok(Self { matching: compile(&matching)?, above: compile(&above)?, exceptions })
    }

    /// Whether there is no pattern.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.exceptions.is_empty()
    }

    /// Whether a clean path or one of its parents matches, exceptions counted.
    #[must_use]
    pub fn matches(&self, path: &[u8]) -> bool {
        let matches = self.matching.matches(path);
        matches.iter().next_back().is_some_and(|last| !self.exceptions[last])
    }

    /// Whether a pattern (or, when asked, an exception) may match something below `dir` that does not match `dir`.
    #[must_use]
    pub fn may_match_below(&self, dir: &[u8], exception: bool) -> bool {
        if dir.is_empty() {
            return self.exceptions.contains(&exception);
        }
        self.above.matches(dir).iter().any(|at| self.exceptions[at] == exception)
    }
}

/// Cleans a pattern as a path, without its leading and trailing slashes. `..` components that cannot be resolved stay
/// and then match nothing.
fn tidy(pattern: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in pattern.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

fn invalid(pattern: &str, reason: &str) -> TreeError {
    TreeError::Invalid(format!("invalid pattern {pattern:?}: {reason}"))
}

/// The regular expressions of a pattern, without anchors.
struct Source {
    /// What it matches.
    itself: String,
    /// Directories below which it may match.
    above: String,
}

impl Source {
    fn parse(pattern: &str) -> Result<Self, TreeError> {
        if let Some(suffix) =
            pattern.strip_prefix("**").filter(|rest| is_plain(rest) && !rest.starts_with('/'))
        {
            // `**` directly before plain text does not stop at component borders.
            return Ok(Self { itself: format!("{ALL}{}", regex::escape(suffix)), above: ALL.to_owned() });
        }
        let mut itself = String::new();
        // The expressions of the complete components so far, and whether `**` was met.
        let (mut parents, mut start, mut crossed) = (Vec::new(), 0, false);
        let mut rest = pattern.chars().peekable();
        while let Some(next) = rest.next() {
            match next {
                '*' if rest.next_if_eq(&'*').is_some() => {
                    crossed = true;
                    rest.next_if_eq(&'/');
                    match rest.peek() {
                        None => itself.push_str(ALL),
                        Some(_) => itself.push_str(&format!("(?:{ALL}/)?")),
                    }
                }
                '*' => itself.push_str(NAME),
                '?' => itself.push_str("[^/]"),
                '[' => itself.push_str(&class(pattern, &mut rest)?),
                '\\' => match rest.next() {
                    Some(literal) => push_literal(&mut itself, literal),
                    None => return Err(invalid(pattern, "nothing after the backslash")),
                },
                '/' => {
                    if !crossed {
                        parents.push(itself[start..].to_owned());
                    }
                    itself.push('/');
                    start = itself.len();
                }
                literal => push_literal(&mut itself, literal),
            }
        }
        Ok(Self { itself, above: above(&parents, crossed) })
    }
}

/// Directories that match a beginning of `parents`; with `crossed`, also all below the last of them.
fn above(parents: &[String], crossed: bool) -> String {
    if parents.is_empty() {
        return if crossed { ALL } else { NEVER }.to_owned();
    }
    let mut out = parents.join("(?:/");
    if crossed {
        out.push_str("(?:/");
        out.push_str(ALL);
        out.push_str(")?");
    }
    out.push_str(&")?".repeat(parents.len() - 1));
    out
}

/// Without anything that has a meaning in a pattern.
fn is_plain(text: &str) -> bool {
    !text.contains(['*', '?', '[', '\\'])
}

/// Whether the text has characters with a meaning in patterns, so that it may be one.
pub(crate) fn is_pattern(text: &[u8]) -> bool {
    text.iter().any(|byte| matches!(byte, b'*' | b'?' | b'[' | b'\\'))
}

fn push_literal(out: &mut String, literal: char) {
    out.push_str(&regex::escape(literal.encode_utf8(&mut [0; 4])));
}

/// A character class, after its `[`.
fn class(pattern: &str, rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<String, TreeError> {
    let unclosed = || invalid(pattern, "a class is not closed");
    let mut out = String::from("[");
    let negated = rest.next_if_eq(&'^').is_some();
    if negated {
        out.push_str("^/");
    }
    let mut any = false;
    loop {
        let low = match rest.next().ok_or_else(unclosed)? {
            ']' if any => break,
            ']' => return Err(invalid(pattern, "a class is empty")),
            '\\' => rest.next().ok_or_else(unclosed)?,
            other => other,
        };
        any = true;
        let mut high = low;
        if rest.next_if_eq(&'-').is_some() {
            high = match rest.next().ok_or_else(unclosed)? {
                '\\' => rest.next().ok_or_else(unclosed)?,
                other => other,
            };
            if high == ']' || high < low {
                return Err(invalid(pattern, "a range in a class has no end or is reversed"));
            }
        }
        out.push_str(&format!("\\x{{{:x}}}-\\x{{{:x}}}", u32::from(low), u32::from(high)));
    }
    // A class never matches the border of a component.
    out.push_str(if negated { "]" } else { "&&[^/]]" });
    Ok(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(pattern: &str, path: &str) -> bool {
        Pattern::new(pattern).unwrap().matches(path.as_bytes())
    }

    fn list(patterns: &[&str], path: &str) -> bool {
        Patterns::new(patterns).unwrap().matches(path.as_bytes())
    }

    #[test]
    fn single_patterns() {
        for (pattern, yes, no) in [
            ("a", &["a"][..], &["b", "a/b", "aa", "x/a"][..]),
            ("/a/", &["a"], &["a/b"]),
            ("./a//b", &["a/b"], &["a"]),
            ("*", &["a", ".hidden", ""], &["a/b"]),
            ("*.py", &["x.py", ".py"], &["a/x.py", "x.pyc", "xapy"]),
            ("a/*", &["a/b"], &["a", "a/b/c"]),
            ("a?c", &["abc", "aéc"], &["ac", "a/c", "abbc"]),
            ("**", &["a", "a/b"], &[]),
            ("**/x", &["x", "a/x", "a/b/x"], &["ax", "x/a"]),
            ("**x", &["x", "ax", "a/x", "a/bx"], &["xa"]),
            ("**/*.py", &["x.py", "a/b/x.py"], &["x.pyc"]),
            ("a/**", &["a/b", "a/b/c"], &["a", "ab"]),
            ("a**", &["a", "ab", "a/b", "ab/c"], &["ba"]),
            ("a/**/b", &["a/b", "a/x/b", "a/x/y/b"], &["ab", "a/xb"]),
            ("a**b", &["ab", "a/b", "ax/y/b"], &["axb"]),
            ("[a-c]x", &["ax", "cx"], &["dx", "x"]),
            ("[^a-c]x", &["dx"], &["ax", "/x"]),
            ("x[a\\]]", &["x]", "xa"], &["xb"]),
            ("\\*", &["*"], &["a"]),
            ("a.b+(c)|{d}$^", &["a.b+(c)|{d}$^"], &["aXb+(c)|{d}$^"]),
            ("!a", &["!a"], &["a", "b"]),
        ] {
            for path in yes {
                assert!(one(pattern, path), "{pattern} should match {path}");
            }
            for path in no {
                assert!(!one(pattern, path), "{pattern} should not match {path}");
            }
        }
    }

    #[test]
    fn names_that_are_not_text_are_matched_too() {
        assert!(Pattern::new("*.py").unwrap().matches(b"\xff.py"));
        assert!(Pattern::new("**/x").unwrap().matches(b"\xff/x"));
    }

    #[test]
    fn a_match_of_a_parent_counts_in_lists() {
        assert!(list(&["a"], "a/b/c"));
        assert!(list(&["*/b"], "a/b/c"));
        assert!(!list(&["a/*/c"], "a/b"));
    }

    #[test]
    fn the_last_match_decides() {
        assert!(list(&["*.md", "!README.md"], "x.md"));
        assert!(!list(&["*.md", "!README.md"], "README.md"));
        assert!(list(&["!README.md", "*.md"], "README.md"));
        assert!(!list(&["a", "!a/b"], "a/b/c"));
        assert!(list(&["a", "!a/b", "a/b/c"], "a/b/c"));
        assert!(!list(&["!a"], "a"));
        assert!(!list(&["!a"], "b"));
        assert!(list(&[" a/ ", "", "."], "a"));
    }

    #[test]
    fn mistakes_are_named() {
        for pattern in ["[a", "[", "a\\", "[]", "[z-a]", "[a-]"] {
            let error = Pattern::new(pattern).unwrap_err().to_string();
            assert!(error.contains("invalid pattern"), "{pattern}: {error}");
        }
        assert!(Patterns::new(&["!"]).is_err());
    }

    #[test]
    fn directories_above_matches() {
        let below = |pattern: &str, dir: &str| Pattern::new(pattern).unwrap().may_match_below(dir.as_bytes());
        for dir in ["", "a", "a/x"] {
            assert!(below("a/*/c", dir), "{dir}");
        }
        for dir in ["b", "a/x/c", "a/x/d"] {
            assert!(!below("a/*/c", dir), "{dir}");
        }
        assert!(below("a/**/b", "a/x/y/z"));
        assert!(!below("a/**/b", "b"));
        assert!(!below("a", "a"));
    }

    /// Matching by trying everything, a component and a character at a time.
    fn naive(pattern: &[u8], path: &[u8]) -> bool {
        match pattern {
            [] => path.is_empty(),
            [b'*', b'*', b'/', rest @ ..] => {
                naive(rest, path)
                    || (0..path.len()).any(|at| path[at] == b'/' && naive(rest, &path[at + 1..]))
            }
            [b'*', b'*'] => true,
            [b'*', rest @ ..] => {
                naive(rest, path)
                    || path.first().is_some_and(|byte| *byte != b'/' && naive(pattern, &path[1..]))
            }
            [b'?', rest @ ..] => path.first().is_some_and(|byte| *byte != b'/') && naive(rest, &path[1..]),
            [literal, rest @ ..] => path.first() == Some(literal) && naive(rest, &path[1..]),
        }
    }

    proptest! {
        #[test]
        fn agrees_with_a_naive_matcher(
            pattern in proptest::collection::vec(prop_oneof!["[ab]{1,2}", "[ab?*]", Just("**".into()), "a?b"], 1..5),
            path in proptest::collection::vec("[ab]{1,3}", 1..5),
        ) {
            let (pattern, path): (String, String) = (pattern.join("/"), path.join("/"));
            prop_assert_eq!(one(&pattern, &path), naive(pattern.as_bytes(), path.as_bytes()), "{} {}", pattern, path);
        }

        #[test]
        fn nothing_matches_below_a_directory_that_was_ruled_out(
            pattern in proptest::collection::vec(prop_oneof!["[ab]", "[ab]\\*", Just("**".into())], 1..5),
            path in proptest::collection::vec("[ab]{1,2}", 2..5),
            cut in 1_usize..4,
        ) {
            let pattern = Pattern::new(&pattern.join("/")).unwrap();
            let dir = path[..cut.min(path.len() - 1)].join("/");
            if pattern.matches(path.join("/").as_bytes()) {
                prop_assert!(pattern.may_match_below(dir.as_bytes()));
            }
        }
    }
}
