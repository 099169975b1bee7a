//! Writing a patch from two trees.

use std::collections::HashMap;

use super::{MAX_CONTENT, MODE_EXECUTABLE, MODE_FILE, MODE_LINK, binary, object_id};
use crate::cancel;
use crate::changes::{Delta, Item, deltas};
use crate::lines::{Hunk, hunks, is_binary, split};
use crate::node::{BlobReader, EntryKind, NodeReader, TreeError, TreeId};
use crate::path;
use crate::renames::{Rename, renames};

/// Lines around what changed.
const CONTEXT: usize = 3;

/// One side of a change as git sees it.
struct Side {
    mode: u32,
    content: Vec<u8>,
}

/// Longest binary content, as it is written, that is kept for files with the same one.
const MAX_KEPT: usize = 16 << 20;

/// What is written of one file, and the last binary content: among changed files, copies and hard links stand together.
#[derive(Default)]
struct Written {
    out: Vec<u8>,
    id: String,
    literal: Vec<u8>,
}

impl Written {
    /// A binary content; `id` is its object ID.
    fn literal(&mut self, id: &str, content: &[u8]) {
        if self.id != id {
            self.literal.clear();
            binary::write_literal(&mut self.literal, content);
            id.clone_into(&mut self.id);
        }
        self.out.extend_from_slice(&self.literal);
        if self.literal.len() > MAX_KEPT {
            (self.id, self.literal) = Default::default();
        }
    }
}

/// Gives what turns `before` into `after`, with renames, file by file to `take`. Nothing when nothing changed that a patch
/// can say.
///
/// # Errors
/// [`TreeError::Invalid`] for contents over 1 GiB, the readers', and that of `take`.
pub fn write_patch(
    reader: &dyn NodeReader,
    blobs: &dyn BlobReader,
    before: &TreeId,
    after: &TreeId,
    take: &mut dyn FnMut(&[u8]) -> Result<(), TreeError>,
) -> Result<(), TreeError> {
    let deltas = deltas(reader, before, after)?;
    let renames = renames(blobs, &deltas)?;
    let by_new: HashMap<usize, Rename> = renames.iter().map(|rename| (rename.new, *rename)).collect();
    let moved: std::collections::HashSet<usize> = renames.iter().map(|rename| rename.old).collect();
    let mut written = Written::default();
    for (at, Delta { path, old, new }) in deltas.iter().enumerate() {
        cancel::check()?;
        take(&written.out)?;
        written.out.clear();
        let out = &mut written;
        if let Some(rename) = by_new.get(&at) {
            let from = &deltas[rename.old];
            let (Some(old), Some(new)) =
                (side(blobs, &from.path, from.old.as_ref())?, side(blobs, path, new.as_ref())?)
            else {
                continue;
            };
            head(&mut out.out, &from.path, path);
            modes(&mut out.out, &old, &new);
            let similarity = format!("similarity index {}%\n", rename.similarity);
            out.out.extend_from_slice(similarity.as_bytes());
            for (what, path) in [("rename from ", &from.path), ("rename to ", path)] {
                out.out.extend_from_slice(what.as_bytes());
                out.out.extend_from_slice(&quoted(b"", path));
                out.out.push(b'\n');
            }
            body(out, Some((&from.path, &old)), Some((path, &new)));
            continue;
        }
        let old = if moved.contains(&at) { None } else { side(blobs, path, old.as_ref())? };
        match (old, side(blobs, path, new.as_ref())?) {
            // A file and a link in its place have nothing in common.
            (Some(old), Some(new)) if (old.mode == MODE_LINK) != (new.mode == MODE_LINK) => {
                removed(out, path, &old);
                added(out, path, &new);
            }
            (Some(old), Some(new)) if old.mode == new.mode && old.content == new.content => {}
            (Some(old), Some(new)) => {
                head(&mut out.out, path, path);
                modes(&mut out.out, &old, &new);
                body(out, Some((path, &old)), Some((path, &new)));
            }
            (Some(old), None) => removed(out, path, &old),
            (None, Some(new)) => added(out, path, &new),
            (None, None) => {}
        }
    }
    take(&written.out)
}

/// None for what a patch cannot say.
fn side(blobs: &dyn BlobReader, path: &[u8], item: Option<&Item>) -> Result<Option<Side>, TreeError> {
    Ok(match item {
        Some(Item::Other(EntryKind::File { size, .. })) if *size > MAX_CONTENT => {
            return Err(TreeError::Invalid(format!(
                "{}: {size} bytes are too many for a patch (at most {MAX_CONTENT}); exclude the file, or use the layer",
                path::text(path)
            )));
        }
        Some(Item::Other(EntryKind::File { meta, blob, .. })) => {
            let mode = if meta.mode & 0o100 == 0 { MODE_FILE } else { MODE_EXECUTABLE };
            Some(Side { mode, content: blobs.blob(blob)? })
        }
        Some(Item::Other(EntryKind::Symlink { target, .. })) => {
            Some(Side { mode: MODE_LINK, content: target.to_vec() })
        }
        _ => None,
    })
}

fn head(out: &mut Vec<u8>, old: &[u8], new: &[u8]) {
    out.extend_from_slice(b"diff --git ");
    out.extend_from_slice(&quoted(b"a/", old));
    out.push(b' ');
    out.extend_from_slice(&quoted(b"b/", new));
    out.push(b'\n');
}

fn modes(out: &mut Vec<u8>, old: &Side, new: &Side) {
    if old.mode != new.mode {
        out.extend_from_slice(format!("old mode {:o}\nnew mode {:o}\n", old.mode, new.mode).as_bytes());
    }
}

fn removed(out: &mut Written, path: &[u8], old: &Side) {
    head(&mut out.out, path, path);
    out.out.extend_from_slice(format!("deleted file mode {:o}\n", old.mode).as_bytes());
    body(out, Some((path, old)), None);
}

fn added(out: &mut Written, path: &[u8], new: &Side) {
    head(&mut out.out, path, path);
    out.out.extend_from_slice(format!("new file mode {:o}\n", new.mode).as_bytes());
    body(out, None, Some((path, new)));
}

/// A side and its name; none where there is no file.
type End<'a> = Option<(&'a [u8], &'a Side)>;

/// The line `index`, the names, and what changed in the content; nothing for equal contents.
fn body(written: &mut Written, old: End<'_>, new: End<'_>) {
    let empty: &[u8] = &[];
    let (before, after) =
        (old.map_or(empty, |(_, side)| &side.content[..]), new.map_or(empty, |(_, side)| &side.content[..]));
    if before == after && old.is_some() && new.is_some() {
        return;
    }
    let is_binary = is_binary(before) || is_binary(after);
    let id = |end: End<'_>, content: &[u8]| {
        let mut id = if end.is_some() { object_id(content) } else { "0".repeat(40) };
        if !is_binary {
            id.truncate(7);
        }
        id
    };
    let mode = match (old, new) {
        (Some((_, old)), Some((_, new))) if old.mode == new.mode => format!(" {:o}", old.mode),
        _ => String::new(),
    };
    let (old_id, new_id) = (id(old, before), id(new, after));
    written.out.extend_from_slice(format!("index {old_id}..{new_id}{mode}\n").as_bytes());
    if is_binary {
        written.out.extend_from_slice(b"GIT binary patch\n");
        for (end, id, content) in [(new, new_id, after), (old, old_id, before)] {
            match end {
                Some(_) => written.literal(&id, content),
                None => binary::write_literal(&mut written.out, content),
            }
        }
        return;
    }
    let out = &mut written.out;
    let hunks = hunks(before, after);
    if hunks.is_empty() {
        return;
    }
    for (sign, prefix, end) in [("--- ", &b"a/"[..], old), ("+++ ", b"b/", new)] {
        out.extend_from_slice(sign.as_bytes());
        match end {
            Some((path, _)) => {
                let name = quoted(prefix, path);
                out.extend_from_slice(&name);
                // Where a name with spaces ends is said by a tab.
                if name.contains(&b' ') && !name.starts_with(b"\"") {
                    out.push(b'\t');
                }
            }
            None => out.extend_from_slice(b"/dev/null"),
        }
        out.push(b'\n');
    }
    text(out, &split(before), &split(after), &hunks);
}

/// Hunks with lines around them; those that are near become one.
fn text(out: &mut Vec<u8>, before: &[&[u8]], after: &[&[u8]], hunks: &[Hunk]) {
    let mut at = 0;
    while at < hunks.len() {
        let mut end = at + 1;
        while end < hunks.len() && hunks[end].before.start - hunks[end - 1].before.end <= 2 * CONTEXT {
            end += 1;
        }
        let group = &hunks[at..end];
        at = end;
        let (first, last) = (&group[0], &group[group.len() - 1]);
        let lead = first.before.start.min(CONTEXT);
        let trail = (before.len() - last.before.end).min(CONTEXT);
        let old = first.before.start - lead..last.before.end + trail;
        let new = first.after.start - lead..last.after.end + trail;
        out.extend_from_slice(format!("@@ -{} +{} @@\n", span(&old), span(&new)).as_bytes());
        let mut done = old.start;
        for hunk in group {
            before[done..hunk.before.start].iter().for_each(|line| push_line(out, b' ', line));
            before[hunk.before.clone()].iter().for_each(|line| push_line(out, b'-', line));
            after[hunk.after.clone()].iter().for_each(|line| push_line(out, b'+', line));
            done = hunk.before.end;
        }
        before[done..old.end].iter().for_each(|line| push_line(out, b' ', line));
    }
}

/// Start and length; the start is the line before when there are no lines.
fn span(range: &std::ops::Range<usize>) -> String {
    match range.len() {
        0 => format!("{},0", range.start),
        1 => format!("{}", range.start + 1),
        count => format!("{},{count}", range.start + 1),
    }
}

fn push_line(out: &mut Vec<u8>, sign: u8, line: &[u8]) {
    out.push(sign);
    out.extend_from_slice(line);
    if !line.ends_with(b"\n") {
        out.extend_from_slice(b"\n\\ No newline at end of file\n");
    }
}

/// A name as git writes it: in quotes where it has characters that would end it or are not text.
fn quoted(prefix: &[u8], path: &[u8]) -> Vec<u8> {
    let plain = std::str::from_utf8(path).is_ok()
        && !path.iter().any(|byte| *byte < 0x20 || *byte == 0x7f || matches!(byte, b'"' | b'\\'));
    if plain {
        return [prefix, path].concat();
    }
    let mut out = vec![b'"'];
    out.extend_from_slice(prefix);
    for byte in path {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x20..=0x7e => out.push(*byte),
            _ => out.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
        }
    }
    out.push(b'"');
    out
}
