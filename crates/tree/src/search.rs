//! Searching the contents of files, with ripgrep's own crates and its rules.
//!
//! [`Search::targets`] says which files of a tree are searched; [`Searching`] searches one content after another. They
//! are apart so that whoever has the contents can read them in a good order and on several threads.

mod targets;

use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};

use grep_matcher::Matcher;
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder, Sink, SinkMatch};
use ignore::overrides::{Override, OverrideBuilder};

use crate::node::TreeError;

pub use targets::Target;

/// How far beyond a match a regular expression may look in a search across lines, in bytes, as in ripgrep.
const LOOK_AHEAD: usize = 128;

/// Bytes that a compiled pattern may take. What takes more is refused while it is compiled, so this bounds the time for that
/// as well: with ripgrep's own limit, 100 MB, it took seconds. It is enough for `\w{100}`.
const MAX_COMPILED: usize = 8 << 20;

/// Bytes of what a thread remembers of a pattern while it searches.
const MAX_STATES: usize = 16 << 20;

/// Most bytes of a content that are in memory at a time: its longest line, or all of it in a search across lines.
const MAX_BUFFER: usize = 128 << 20;

/// What a piece of memory takes beside its content, in bytes.
const ALLOCATION: usize = 16;

/// How much the matches of one search may take in memory, on all threads together.
#[derive(Debug)]
pub struct Room {
    left: AtomicU64,
    bytes: u64,
}

impl Room {
    /// Room for about so many bytes.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self { left: AtomicU64::new(bytes), bytes }
    }

    fn take(&self, bytes: usize) -> Result<(), std::io::Error> {
        let take = |left: u64| left.checked_sub(bytes as u64);
        match self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
            Ok(_) => Ok(()),
            Err(_) => Err(std::io::Error::other(NoRoom)),
        }
    }
}

/// The matches take more memory than there is room for.
#[derive(Debug, thiserror::Error)]
#[error("too many matches")]
struct NoRoom;

/// What is searched, and where.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// A regular expression, or a text with `literal`.
    pub pattern: String,
    /// Take the pattern as it is.
    pub literal: bool,
    /// Let matches go over several lines.
    pub multiline: bool,
    /// Let `.` match the end of a line; only with `multiline`.
    pub dotall: bool,
    /// Let upper and lower case be equal.
    pub insensitive: bool,
    /// Leave out what `.gitignore`, `.ignore` and `.rgignore` files say.
    pub skip_ignored: bool,
    /// Leave out names that begin with a dot.
    pub skip_hidden: bool,
    /// Tell only which files match.
    pub files_only: bool,
    /// Files and directories that are searched; all if empty.
    pub paths: Vec<String>,
    /// Which files are searched, as `rg --glob`: `*.md`, `!*.min.js`.
    pub globs: Vec<String>,
}

/// One match: the lines that it lies in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SearchMatch {
    /// Which file.
    pub path: String,
    /// Number of the first line, from 1; 0 when only files are told.
    pub line_number: u64,
    /// Where the first line begins in the file, in bytes.
    pub offset: u64,
    /// The lines, with their ends.
    pub lines: String,
    /// Where in the lines it matches.
    pub parts: Vec<SearchPart>,
}

impl SearchMatch {
    /// About how much memory it takes, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let parts: usize = self.parts.iter().map(|part| part_bytes(part.text.len())).sum();
        match_bytes(self.path.len() + self.lines.len()) + parts
    }
}

/// About how much memory a match takes whose texts are so long, without its parts.
const fn match_bytes(texts: usize) -> usize {
    size_of::<SearchMatch>() + 3 * ALLOCATION + texts
}

const fn part_bytes(text: usize) -> usize {
    size_of::<SearchPart>() + ALLOCATION + text
}

/// A place that matches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SearchPart {
    /// What is there.
    pub text: String,
    /// Where it begins in the lines, in bytes.
    pub start: u64,
    /// Where it ends.
    pub end: u64,
}

/// A query that is ready to be used.
#[derive(Debug)]
pub struct Search {
    query: Query,
    matcher: RegexMatcher,
    globs: Override,
}

impl Search {
    /// Compiles a query.
    ///
    /// # Errors
    /// [`TreeError::Invalid`] for a pattern or glob that is not valid.
    pub fn new(query: Query) -> Result<Self, TreeError> {
        let mut builder = RegexMatcherBuilder::new();
        builder
            .multi_line(true)
            .unicode(true)
            .octal(false)
            .size_limit(MAX_COMPILED)
            .dfa_size_limit(MAX_STATES)
            .case_insensitive(query.insensitive)
            .fixed_strings(query.literal);
        if query.multiline {
            builder.dot_matches_new_line(query.dotall);
        } else {
            builder.line_terminator(Some(b'\n'));
        }
        let matcher = builder.build(&query.pattern).map_err(|error| {
            TreeError::Invalid(format!("invalid search pattern {:?}: {error}", query.pattern))
        })?;
        let invalid = |error: ignore::Error| TreeError::Invalid(format!("invalid glob: {error}"));
        let mut globs = OverrideBuilder::new("");
        for glob in &query.globs {
            globs.add(glob).map_err(invalid)?;
        }
        let globs = globs.build().map_err(invalid)?;
        Ok(Self { query, matcher, globs })
    }

    /// Something that searches contents: one for each thread. All of them share the room for matches.
    #[must_use]
    pub fn searching<'s>(&'s self, room: &'s Room) -> Searching<'s> {
        let searcher = SearcherBuilder::new()
            .line_number(true)
            .multi_line(self.query.multiline)
            .max_matches(self.query.files_only.then_some(1))
            .heap_limit(Some(MAX_BUFFER))
            .build();
        Searching { search: self, searcher, room }
    }
}

/// Searches contents with one query.
pub struct Searching<'s> {
    search: &'s Search,
    searcher: Searcher,
    room: &'s Room,
}

impl Searching<'_> {
    /// The first matches in a content, at most `most`, in order. A search ends at the first NUL of a file that was not
    /// named itself.
    ///
    /// # Errors
    /// [`TreeError::Invalid`] when the search gives up, and when there is no room for the matches.
    pub fn content(
        &mut self,
        target: &Target,
        content: &[u8],
        most: usize,
    ) -> Result<Vec<SearchMatch>, TreeError> {
        if target.named && content.contains(&0) {
            // Only readers replace what is not text.
            return self.reader(target, content, most);
        }
        self.run(target, most, |searcher, matcher, sink| searcher.search_slice(matcher, content, sink))
    }

    /// The same for a content that is better not in memory as a whole. A search across lines reads it whole all the
    /// same. Nothing is read beyond the last match.
    ///
    /// # Errors
    /// Those of [`Searching::content`] and of the reader, and for lines over 128 MiB; in a search across lines, for
    /// contents of more than that.
    pub fn reader(
        &mut self,
        target: &Target,
        content: impl Read,
        most: usize,
    ) -> Result<Vec<SearchMatch>, TreeError> {
        self.run(target, most, |searcher, matcher, sink| searcher.search_reader(matcher, content, sink))
    }

    fn run(
        &mut self,
        target: &Target,
        most: usize,
        search: impl FnOnce(&mut Searcher, &RegexMatcher, &mut Found<'_>) -> std::io::Result<()>,
    ) -> Result<Vec<SearchMatch>, TreeError> {
        if most == 0 {
            return Ok(Vec::new());
        }
        let binary = if target.named { BinaryDetection::convert(0) } else { BinaryDetection::quit(0) };
        self.searcher.set_binary_detection(binary);
        let mut found =
            Found { search: self.search, path: &target.path, matches: Vec::new(), room: self.room, most };
        search(&mut self.searcher, &self.search.matcher, &mut found).map_err(|error| {
            TreeError::Invalid(match error.get_ref().is_some_and(|inner| inner.is::<NoRoom>()) {
                true => format!(
                    "the matches take more than {} MB; ask for fewer, with limit, filesOnly, paths or globs",
                    self.room.bytes / 1_000_000
                ),
                false => format!("{}: cannot be searched: {error}", crate::path::text(&target.path)),
            })
        })?;
        Ok(found.matches)
    }
}

/// Takes matches from the searcher.
struct Found<'a> {
    search: &'a Search,
    path: &'a [u8],
    matches: Vec<SearchMatch>,
    room: &'a Room,
    most: usize,
}

impl Sink for &mut Found<'_> {
    type Error = std::io::Error;

    fn matched(&mut self, searcher: &Searcher, found: &SinkMatch<'_>) -> Result<bool, Self::Error> {
        let path = crate::path::text(self.path);
        self.room.take(match_bytes(path.len()))?;
        if self.search.query.files_only {
            let nothing =
                SearchMatch { path, line_number: 0, offset: 0, lines: String::new(), parts: Vec::new() };
            self.matches.push(nothing);
            return Ok(false);
        }
        let (buffer, range) = (found.buffer(), found.bytes_range_in_buffer());
        let end = if searcher.multi_line_with_matcher(&self.search.matcher) {
            buffer.len().min(range.end + LOOK_AHEAD)
        } else {
            // The end of the line is no part of what `$` may see.
            range.end - usize::from(found.bytes().ends_with(b"\n"))
        };
        self.room.take(range.len())?;
        let mut parts = Vec::new();
        let mut room = Ok(());
        self.search
            .matcher
            .find_iter_at(&buffer[..end], range.start, |part| {
                if part.start() >= range.end && !(part.start() == range.end && range.is_empty()) {
                    return false;
                }
                let part_end = part.end().min(range.end);
                room = self.room.take(part_bytes(part_end - part.start()));
                if room.is_err() {
                    return false;
                }
                parts.push(SearchPart {
                    text: String::from_utf8_lossy(&buffer[part.start()..part_end]).into_owned(),
                    start: (part.start() - range.start) as u64,
                    end: (part_end - range.start) as u64,
                });
                true
            })
            .map_err(std::io::Error::other)?;
        room?;
        self.matches.push(SearchMatch {
            path,
            line_number: found.line_number().unwrap_or(0),
            offset: found.absolute_byte_offset(),
            lines: String::from_utf8_lossy(found.bytes()).into_owned(),
            parts,
        });
        Ok(self.matches.len() < self.most)
    }
}

#[cfg(test)]
mod tests;
