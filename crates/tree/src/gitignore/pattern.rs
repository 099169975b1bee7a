//! One line of a `.gitignore` file.

use super::wildcard::{Wildcard, is_special};
use crate::path;

/// A line that says something.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    /// Whether it brings entries back, by `!`.
    pub(super) negated: bool,
    /// Whether it is about directories only, by a slash at its end.
    dirs_only: bool,
    test: Test,
}

/// What an entry is compared with. Most lines are names or endings, which need no wildcards to be followed.
#[derive(Clone, Debug)]
enum Test {
    /// The name alone is this.
    Name(Box<[u8]>),
    /// The name alone ends with this: `*.log`.
    Ending(Box<[u8]>),
    /// The name alone fits.
    Wild(Wildcard),
    /// The path from the file's directory starts with this text, and the rest of it fits.
    Path(Box<[u8]>, Wildcard),
}

impl Pattern {
    /// Reads a line without its line break. `None` for what says nothing: empty lines, comments, and what can never match.
    pub(super) fn new(line: &[u8]) -> Option<Self> {
        if line.starts_with(b"#") {
            return None;
        }
        // git keeps lines as C strings.
        let line = line.split(|byte| *byte == 0).next().unwrap_or_default();
        let line = without_trailing_spaces(line);
        let (negated, text) = line.strip_prefix(b"!").map_or((false, line), |rest| (true, rest));
        let (dirs_only, text) = text.strip_suffix(b"/").map_or((false, text), |rest| (true, rest));
        if text.is_empty() {
            return None;
        }
        let plain = |text: &[u8]| !text.iter().copied().any(is_special);
        let test = if text.contains(&b'/') {
            let text = text.strip_prefix(b"/").unwrap_or(text);
            // git compares the text before the first wildcard by itself. So `a**/b` starts anew at its `**`, which then
            // stands for directories although there is no slash before it.
            let start = text.iter().position(|byte| is_special(*byte)).unwrap_or(text.len());
            Test::Path(text[..start].into(), Wildcard::new(&text[start..])?)
        } else if plain(text) {
            Test::Name(text.into())
        } else if text[0] == b'*' && plain(&text[1..]) {
            Test::Ending(text[1..].into())
        } else {
            Test::Wild(Wildcard::new(text)?)
        };
        Some(Self { negated, dirs_only, test })
    }

    /// Whether it is about this entry; `path` starts at the directory of the file.
    pub(super) fn matches(&self, path: &[u8], is_dir: bool) -> bool {
        if self.dirs_only && !is_dir {
            return false;
        }
        let name = || path::split(path).map_or(path, |(_, name)| name);
        match &self.test {
            Test::Name(text) => name() == &**text,
            Test::Ending(text) => name().ends_with(text),
            Test::Wild(wildcard) => wildcard.matches(name()),
            Test::Path(start, rest) => path.strip_prefix(&**start).is_some_and(|path| rest.matches(path)),
        }
    }
}

/// Spaces at the end mean nothing, unless a backslash stands before the first of them. Tabs stay.
fn without_trailing_spaces(line: &[u8]) -> &[u8] {
    let (mut at, mut end) = (0, 0);
    while at < line.len() {
        match line[at] {
            // A line that ends in a single backslash stays as it is.
            b'\\' if at + 1 == line.len() => return line,
            b'\\' => {
                at += 2;
                end = at;
            }
            b' ' => at += 1,
            _ => {
                at += 1;
                end = at;
            }
        }
    }
    &line[..end]
}
