//! Reading patches: those of git, and plain ones with `---` and `+++`.

use super::{Body, FilePatch, TextHunk, TextLine, binary};
use crate::node::TreeError;
use crate::path;

/// All files of a patch. Text before and between them means nothing. Only a patch that is empty has none.
///
/// # Errors
/// [`TreeError::Invalid`] with the number of the line.
pub(super) fn parse(patch: &[u8]) -> Result<Vec<FilePatch>, TreeError> {
    let lines: Vec<&[u8]> = patch.strip_suffix(b"\n").unwrap_or(patch).split(|byte| *byte == b'\n').collect();
    let mut parser = Parser { lines, at: 0 };
    let mut files = Vec::new();
    while let Some(line) = parser.peek() {
        if let Some(names) = line.strip_prefix(b"diff --git ") {
            parser.at += 1;
            files.push(parser.git(names)?);
        } else if line.starts_with(b"--- ")
            && parser.lines.get(parser.at + 1).is_some_and(|next| next.starts_with(b"+++ "))
        {
            let mut file = FilePatch::default();
            parser.names(&mut file)?;
            parser.hunks(&mut file)?;
            files.push(file);
        } else {
            parser.at += 1;
        }
    }
    if files.is_empty() && !patch.trim_ascii().is_empty() {
        return Err(TreeError::Invalid(
            "the patch has no file that it changes (no line `diff --git` or `---`)".to_owned(),
        ));
    }
    Ok(files)
}

struct Parser<'p> {
    lines: Vec<&'p [u8]>,
    at: usize,
}

impl<'p> Parser<'p> {
    fn peek(&self) -> Option<&'p [u8]> {
        self.lines.get(self.at).copied()
    }

    fn fail<T>(&self, what: &str) -> Result<T, TreeError> {
        Err(TreeError::Invalid(format!("invalid patch, line {}: {what}", self.at + 1)))
    }

    /// A file of a patch of git, after its first line.
    fn git(&mut self, header: &[u8]) -> Result<FilePatch, TreeError> {
        let (old, new) = header_names(header);
        let mut file = FilePatch { old, new, ..FilePatch::default() };
        let (mut is_new, mut is_removed) = (false, false);
        while let Some(line) = self.peek() {
            let value = |key: &[u8]| line.strip_prefix(key);
            if let Some(mode) = value(b"old mode ") {
                file.old_mode = Some(self.mode(mode)?);
            } else if let Some(mode) = value(b"new mode ") {
                file.new_mode = Some(self.mode(mode)?);
            } else if let Some(mode) = value(b"deleted file mode ") {
                (file.old_mode, is_removed) = (Some(self.mode(mode)?), true);
            } else if let Some(mode) = value(b"new file mode ") {
                (file.new_mode, is_new) = (Some(self.mode(mode)?), true);
            } else if let Some(name) = value(b"rename from ").or_else(|| value(b"copy from ")) {
                file.old = Some(unquote(name).0);
            } else if let Some(name) = value(b"rename to ") {
                file.new = Some(unquote(name).0);
            } else if let Some(name) = value(b"copy to ") {
                (file.new, file.copy) = (Some(unquote(name).0), true);
            } else if let Some(ids) = value(b"index ") {
                let old = ids.split(|byte| !byte.is_ascii_hexdigit()).next().unwrap_or_default();
                if old.len() == 40 && old.iter().any(|digit| *digit != b'0') {
                    file.old_id = Some(String::from_utf8_lossy(old).to_lowercase());
                }
            } else if line.starts_with(b"similarity index ") || line.starts_with(b"dissimilarity index ") {
                // Says nothing that is needed.
            } else {
                break;
            }
            self.at += 1;
        }
        match self.peek() {
            Some(line) if line.starts_with(b"--- ") => {
                self.names(&mut file)?;
                self.hunks(&mut file)?;
            }
            Some(b"GIT binary patch") => {
                self.at += 1;
                file.body = self.binary()?;
                // The way back is not needed.
                if self
                    .peek()
                    .is_some_and(|line| line.starts_with(b"literal ") || line.starts_with(b"delta "))
                {
                    self.binary()?;
                }
            }
            Some(line) if line.starts_with(b"Binary files ") => {
                return self
                    .fail("it has not the content of a binary file; make it with `git diff --binary`");
            }
            _ => {}
        }
        if is_new {
            file.old = None;
        }
        if is_removed {
            file.new = None;
        }
        if file.old.is_none() && file.new.is_none() {
            return self.fail("which file is changed cannot be found out");
        }
        Ok(file)
    }

    fn mode(&self, text: &[u8]) -> Result<u32, TreeError> {
        let mode = std::str::from_utf8(text).ok().and_then(|text| u32::from_str_radix(text.trim(), 8).ok());
        mode.map_or_else(|| self.fail("not a mode"), Ok)
    }

    /// The lines `---` and `+++`.
    fn names(&mut self, file: &mut FilePatch) -> Result<(), TreeError> {
        for (sign, name) in [(&b"--- "[..], &mut file.old), (b"+++ ", &mut file.new)] {
            let Some(given) = self.peek().and_then(|line| line.strip_prefix(sign)) else {
                return self.fail("the lines `---` and `+++` belong together");
            };
            *name = (given.trim_ascii_end() != b"/dev/null").then(|| strip(&unquote(end_of_name(given)).0));
            self.at += 1;
        }
        if file.old.is_none() && file.new.is_none() { self.fail("neither side is a file") } else { Ok(()) }
    }

    fn hunks(&mut self, file: &mut FilePatch) -> Result<(), TreeError> {
        let mut hunks = Vec::new();
        while let Some(line) = self.peek().filter(|line| line.starts_with(b"@@ -")) {
            let Some([(old_start, mut old), (new_start, mut new)]) = ranges(line) else {
                return self.fail("not the beginning of a hunk");
            };
            let mut hunk = TextHunk { at: self.at + 1, old_start, new_start, lines: Vec::new() };
            self.at += 1;
            while old > 0 || new > 0 {
                let Some(line) = self.peek() else { return self.fail("the hunk ends too early") };
                let text = |line: &[u8]| [line, b"\n"].concat();
                match line.split_first() {
                    Some((b'\\', _)) => {
                        end_line(&mut hunk);
                        self.at += 1;
                        continue;
                    }
                    // A line without anything is one whose space was lost on the way.
                    None if old > 0 && new > 0 => hunk.lines.push(TextLine::Context(text(b""))),
                    Some((b' ', rest)) if old > 0 && new > 0 => {
                        hunk.lines.push(TextLine::Context(text(rest)))
                    }
                    Some((b'-', rest)) if old > 0 => hunk.lines.push(TextLine::Removed(text(rest))),
                    Some((b'+', rest)) if new > 0 => hunk.lines.push(TextLine::Added(text(rest))),
                    _ => return self.fail("the hunk has other lines than its beginning says"),
                }
                let (is_old, is_new) = match hunk.lines.last() {
                    Some(TextLine::Removed(_)) => (1, 0),
                    Some(TextLine::Added(_)) => (0, 1),
                    _ => (1, 1),
                };
                (old, new) = (old - is_old, new - is_new);
                self.at += 1;
            }
            if self.peek().is_some_and(|line| line.starts_with(b"\\")) {
                end_line(&mut hunk);
                self.at += 1;
            }
            hunks.push(hunk);
        }
        file.body = if hunks.is_empty() { Body::Same } else { Body::Text(hunks) };
        Ok(())
    }

    fn binary(&mut self) -> Result<Body, TreeError> {
        let line = self.peek().unwrap_or_default();
        let text = std::str::from_utf8(line).unwrap_or_default();
        let (kind, size) = text.split_once(' ').unwrap_or_default();
        let Ok(size) = size.trim().parse::<u64>() else {
            return self.fail("not the beginning of binary data");
        };
        self.at += 1;
        let mut packed = Vec::new();
        while let Some(line) = self.peek().filter(|line| !line.is_empty()) {
            if let Err(reason) = binary::decode_line(line, &mut packed) {
                return self.fail(reason);
            }
            self.at += 1;
        }
        let content = match binary::inflate(&packed, size) {
            Ok(content) => content,
            Err(reason) => return self.fail(reason),
        };
        // The empty line at the end.
        self.at += 1;
        match kind {
            "literal" => Ok(Body::Literal(content)),
            "delta" => Ok(Body::Delta(content)),
            _ => self.fail("not the beginning of binary data"),
        }
    }
}

/// The line before has no end.
fn end_line(hunk: &mut TextHunk) {
    if let Some(TextLine::Context(line) | TextLine::Removed(line) | TextLine::Added(line)) =
        hunk.lines.last_mut()
    {
        line.pop();
    }
}

/// Start and length of both sides.
fn ranges(line: &[u8]) -> Option<[(usize, usize); 2]> {
    let text = String::from_utf8_lossy(line);
    let (old, rest) = text.strip_prefix("@@ -")?.split_once(" +")?;
    let (new, _) = rest.split_once(" @@")?;
    let range = |text: &str| -> Option<(usize, usize)> {
        match text.split_once(',') {
            Some((start, count)) => Some((start.parse().ok()?, count.parse().ok()?)),
            None => Some((text.parse().ok()?, 1)),
        }
    };
    Some([range(old)?, range(new)?])
}

/// What follows a name (a time) begins with a tab.
fn end_of_name(given: &[u8]) -> &[u8] {
    if given.starts_with(b"\"") {
        return given;
    }
    let end = given.iter().position(|byte| *byte == b'\t').unwrap_or(given.len());
    given[..end].strip_suffix(b"\r").unwrap_or(&given[..end])
}

/// Takes the first component away: `a/` and `b/`.
fn strip(name: &[u8]) -> Vec<u8> {
    path::split_first(name).to_vec()
}

/// A name that may stand in quotes, and what follows it.
fn unquote(text: &[u8]) -> (Vec<u8>, &[u8]) {
    let Some(mut rest) = text.strip_prefix(b"\"") else { return (text.to_vec(), b"") };
    let mut name = Vec::new();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match first {
            b'"' => return (name, rest),
            b'\\' => {
                let Some((escape, tail)) = rest.split_first() else { break };
                rest = tail;
                match escape {
                    b'n' => name.push(b'\n'),
                    b't' => name.push(b'\t'),
                    b'r' => name.push(b'\r'),
                    b'a' => name.push(7),
                    b'b' => name.push(8),
                    b'v' => name.push(11),
                    b'f' => name.push(12),
                    b'0'..=b'3' if rest.len() >= 2 => {
                        let octal = [*escape, rest[0], rest[1]];
                        let value = octal
                            .iter()
                            .fold(0_u32, |value, digit| value * 8 + u32::from(digit.wrapping_sub(b'0') & 7));
                        name.push((value & 0xff) as u8);
                        rest = &rest[2..];
                    }
                    other => name.push(*other),
                }
            }
            other => name.push(*other),
        }
    }
    (name, rest)
}

/// The names of `diff --git`. Without quotes they are found by being equal; else later lines say them.
fn header_names(header: &[u8]) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    if header.starts_with(b"\"") {
        let (old, rest) = unquote(header);
        let new = unquote(rest.trim_ascii_start()).0;
        return (Some(strip(&old)), Some(strip(&new)));
    }
    for at in (0..header.len()).filter(|at| header[*at] == b' ') {
        let (old, new) = (&header[..at], &header[at + 1..]);
        let new = if new.starts_with(b"\"") { unquote(new).0 } else { new.to_vec() };
        if strip(old) == strip(&new) && !old.is_empty() {
            return (Some(strip(old)), Some(strip(&new)));
        }
    }
    (None, None)
}
