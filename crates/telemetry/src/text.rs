//! From chunks of bytes to whole, harmless lines.

use std::borrow::Cow;

/// Turns a stream of bytes into texts without cutting a character in two.
///
/// Bytes that are not UTF-8 become U+FFFD.
#[derive(Clone, Debug, Default)]
pub struct Utf8Chunks {
    rest: Vec<u8>,
}

impl Utf8Chunks {
    /// The text of all complete characters so far. Up to 3 bytes are held back.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        self.rest.extend_from_slice(bytes);
        let complete = match std::str::from_utf8(&self.rest) {
            Ok(_) => self.rest.len(),
            // Only a start of a character at the very end may still become one.
            Err(_) => self.rest.len() - unfinished(&self.rest),
        };
        let text = String::from_utf8_lossy(&self.rest[..complete]).into_owned();
        self.rest.drain(..complete);
        text
    }

    /// What was held back, at the end of the stream.
    pub fn finish(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.rest)).into_owned()
    }
}

/// How many bytes at the end are the start of a character whose other bytes are missing.
fn unfinished(bytes: &[u8]) -> usize {
    match bytes.utf8_chunks().last() {
        Some(last) if std::str::from_utf8(last.invalid()).is_err_and(|error| error.error_len().is_none()) => {
            last.invalid().len()
        }
        _ => 0,
    }
}

/// Cuts a stream of texts into lines.
///
/// A line that was overwritten by means of carriage returns (a progress bar) counts as what it last was.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    partial: String,
}

impl Lines {
    /// A line longer than this is cut, in bytes: without a bound a stream without line ends would fill the memory.
    pub const MAX_LINE: usize = 16 * 1024;

    /// Adds a chunk and gives back the lines that are now complete, made harmless by [`clean`].
    pub fn push(&mut self, chunk: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let mut rest = chunk;
        while let Some(end) = rest.find('\n') {
            self.partial.push_str(&rest[..end]);
            lines.push(self.take());
            rest = &rest[end + 1..];
        }
        self.partial.push_str(rest);
        // What was overwritten need not be kept. A carriage return at the end may yet be part of a line end.
        let kept = self.partial.trim_end_matches('\r');
        if let Some(overwritten) = kept.rfind('\r') {
            self.partial.drain(..=overwritten);
        }
        while self.partial.len() > Self::MAX_LINE {
            let cut = (0..=Self::MAX_LINE).rev().find(|at| self.partial.is_char_boundary(*at)).unwrap_or(0);
            let tail = self.partial.split_off(cut);
            lines.push(self.take());
            self.partial = tail;
        }
        lines
    }

    /// The line that has no end yet, if there is one.
    pub fn finish(&mut self) -> Option<String> {
        (!self.partial.is_empty()).then(|| self.take())
    }

    /// The beginning of a line that has no end yet, as it was written.
    pub fn take_rest(&mut self) -> String {
        std::mem::take(&mut self.partial)
    }

    fn take(&mut self) -> String {
        let line = clean(last_written(&self.partial)).into_owned();
        self.partial.clear();
        line
    }
}

/// What a terminal would show of a line with carriage returns, to a good approximation.
fn last_written(line: &str) -> &str {
    let line = line.trim_end_matches('\r');
    line.rfind('\r').map_or(line, |at| &line[at + 1..])
}

/// Whether a character is none that is written, but changes where or in which order others are.
fn moves(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Takes escape sequences and control characters out of a stream of texts, and leaves tabs and line ends.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cleaner {
    within: Within,
}

/// What of an escape sequence has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Within {
    /// Nothing.
    #[default]
    Text,
    /// ESC.
    Escape,
    /// The start of a control sequence, which goes up to a byte from @ to ~.
    Control,
    /// The start of an operating system command and its like, which goes up to BEL or ESC \.
    Command,
    /// The same, and the ESC that may end it.
    CommandEscape,
    /// The start of a choice of a character set: one more character.
    Charset,
}

impl Cleaner {
    /// What is left of a piece. A line end ends a sequence, whatever it lacks.
    pub fn push(&mut self, text: &str) -> String {
        text.chars().filter(|c| self.keeps(*c)).collect()
    }

    fn keeps(&mut self, c: char) -> bool {
        let within = if matches!(c, '\n' | '\r') { Within::Text } else { self.within };
        self.within = match (within, c) {
            (Within::Command | Within::CommandEscape, '\u{1b}') => Within::CommandEscape,
            (_, '\u{1b}') => Within::Escape,
            (Within::Escape, '[') => Within::Control,
            (Within::Escape, ']' | 'P' | 'X' | '^' | '_') => Within::Command,
            (Within::Escape, '(' | ')' | '*' | '+') => Within::Charset,
            (Within::Control, '@'..='~')
            | (Within::Command | Within::CommandEscape, '\u{7}')
            | (Within::CommandEscape, '\\')
            | (Within::Text | Within::Escape | Within::Charset, _) => Within::Text,
            (Within::CommandEscape, _) => Within::Command,
            (going_on, _) => going_on,
        };
        within == Within::Text && (!moves(c) || matches!(c, '\t' | '\n' | '\r'))
    }
}

/// Takes out escape sequences and control characters, and turns tabs into spaces: a log must not move the cursor or
/// recolour what comes after it.
#[must_use]
pub fn clean(line: &str) -> Cow<'_, str> {
    if !line.chars().any(moves) {
        return Cow::Borrowed(line);
    }
    Cow::Owned(Cleaner::default().push(line).replace(['\n', '\r'], "").replace('\t', "    "))
}

/// A text of several lines as one, cleaned.
#[must_use]
pub fn one_line(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    clean(&lines.join(" ")).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_not_cut() {
        let mut chunks = Utf8Chunks::default();
        let text = "aé€😀z".as_bytes();
        let together: String = text.iter().map(|byte| chunks.push(&[*byte])).collect();
        assert_eq!(together, "aé€😀z");
        assert_eq!(chunks.push(b"\xff\xc3"), "\u{fffd}");
        assert_eq!(chunks.finish(), "\u{fffd}");
        assert_eq!(chunks.finish(), "");
    }

    #[test]
    fn lines_are_whole_whatever_the_chunks() {
        let text = "one\r\ntwo\n\n 10%\r 20%\r100%\nrest";
        for size in 1..text.len() {
            let mut lines = Lines::default();
            let mut seen = Vec::new();
            for chunk in text.as_bytes().chunks(size) {
                seen.extend(lines.push(std::str::from_utf8(chunk).unwrap()));
            }
            seen.extend(lines.finish());
            assert_eq!(seen, ["one", "two", "", "100%", "rest"], "chunks of {size}");
        }
    }

    #[test]
    fn endless_lines_are_cut() {
        let mut lines = Lines::default();
        let cut = lines.push(&"é".repeat(Lines::MAX_LINE));
        assert_eq!(cut.len(), 1);
        assert!(cut[0].len() <= Lines::MAX_LINE);
        let mut bar = Lines::default();
        for _ in 0..10_000 {
            assert!(bar.push("\r[=====>      ]").is_empty());
        }
        assert_eq!(bar.finish().as_deref(), Some("[=====>      ]"));
    }

    #[test]
    fn lines_are_harmless() {
        assert_eq!(clean("plain é"), "plain é");
        assert_eq!(clean("\u{1b}[1;31mred\u{1b}[0m\tx\u{7}"), "red    x");
        assert_eq!(clean("\u{1b}]0;title\u{7}a\u{1b}]8;;http://x\u{1b}\\b"), "ab");
        assert_eq!(clean("\u{1b}(Bx\u{1b}"), "x");
        assert_eq!(clean("a\u{8}\u{b}b\u{85}\u{2028}c\u{202e}d\u{2066}é"), "abcdé");
        assert_eq!(clean("\u{1b}]0;a\u{1b}b\u{1b}\u{7}c\u{1b}[1\u{1b}[2md"), "cd");
    }

    #[test]
    fn a_stream_is_cleaned_whatever_the_pieces() {
        let text = "a\u{1b}[1;31mb\u{1b}]0;t\u{1b}\\c\td\r\ne\0f\u{1b}(Bg\u{1b}]8;;x\ny\u{1b}[12\rz";
        for size in 1..text.len() {
            let mut cleaner = Cleaner::default();
            let pieces = text.as_bytes().chunks(size).map(|piece| std::str::from_utf8(piece).unwrap());
            assert_eq!(pieces.map(|piece| cleaner.push(piece)).collect::<String>(), "abc\td\r\nefg\ny\rz");
        }
    }
}
