//! Applying a patch to a tree.

use std::collections::BTreeMap;

use kukri_model::Digest;

use super::parse::parse;
use super::{Body, FilePatch, MODE_EXECUTABLE, MODE_LINK, TextHunk, TextLine, binary, object_id};
use crate::edit::{Editor, Kind};
use crate::lines::split;
use crate::lookup::Follow;
use crate::node::{BlobReader, EntryKind, Meta, TreeError};
use crate::path;

/// A file while the patch is applied.
#[derive(Clone)]
struct Content {
    bytes: Vec<u8>,
    is_link: bool,
    meta: Meta,
}

/// Files that the patch has changed so far; none where one is gone.
type Changed = BTreeMap<Vec<u8>, Option<Content>>;

/// Applies a patch, as `git apply` does: lines may have moved, but must all be there. Either all of it is applied or, on
/// an error, nothing. Gives the new contents. New files and those whose content changes get the time `mtime_ns`.
///
/// # Errors
/// [`TreeError::Invalid`] when the text is no patch or does not apply, `NotFound`, `IsADirectory`, `Escapes`, and the
/// readers'.
pub fn apply_patch(
    editor: &mut Editor<'_>,
    blobs: &dyn BlobReader,
    patch: &[u8],
    mtime_ns: i64,
) -> Result<Vec<(Digest, Vec<u8>)>, TreeError> {
    let mut changed = Changed::new();
    for file in parse(patch)? {
        one(editor, blobs, &file, mtime_ns, &mut changed)?;
    }
    // Nothing was touched before; from here on only the tree itself can be in the way.
    let mut contents = BTreeMap::new();
    for (path, _) in changed.iter().filter(|(_, content)| content.is_none()) {
        remove(editor, path)?;
    }
    for (path, content) in changed {
        let Some(Content { bytes, is_link, meta }) = content else { continue };
        let kind = if is_link {
            EntryKind::Symlink { meta, target: bytes.into() }
        } else {
            let (blob, size) = (Digest::of(&bytes), bytes.len() as u64);
            contents.insert(blob, bytes);
            EntryKind::File { meta, blob, size, link_group: 0 }
        };
        if matches!(editor.kind(&path, Follow::Parents)?, Some(Kind::Dir)) {
            return Err(TreeError::IsADirectory(path::text(&path)));
        }
        editor.put_entry(&path, kind)?;
    }
    Ok(contents.into_iter().collect())
}

/// Removes a file, and the directories that are empty without it.
fn remove(editor: &mut Editor<'_>, path: &[u8]) -> Result<(), TreeError> {
    editor.remove_exactly(path)?;
    let mut dir = path;
    while let Some((parent, _)) = path::split(dir).filter(|(parent, _)| !parent.is_empty()) {
        if !editor.is_empty_dir(parent)? {
            break;
        }
        editor.remove_exactly(parent)?;
        dir = parent;
    }
    Ok(())
}

fn fails<T>(path: &[u8], why: &str) -> Result<T, TreeError> {
    Err(TreeError::Invalid(format!("patch does not apply to {}: {why}", path::text(path))))
}

/// Applies the patch of one file.
fn one(
    editor: &mut Editor<'_>,
    blobs: &dyn BlobReader,
    file: &FilePatch,
    mtime_ns: i64,
    changed: &mut Changed,
) -> Result<(), TreeError> {
    let clean = |name: &Option<Vec<u8>>| name.as_deref().map(path::clean_inside).transpose();
    let (old, new) = (clean(&file.old)?, clean(&file.new)?);
    if [&old, &new].into_iter().flatten().any(Vec::is_empty) {
        return Err(TreeError::Invalid("the patch changes a file without a name".to_owned()));
    }
    let renamed = matches!((&old, &new), (Some(old), Some(new)) if old != new);
    let before = match &old {
        // Names are exchanged by renames, so a source is what it was before the patch.
        Some(old) if renamed => Some(read(editor, blobs, old)?),
        Some(old) => Some(match changed.get(old) {
            Some(Some(content)) => content.clone(),
            Some(None) => return fails(old, "the patch removes it before"),
            None => read(editor, blobs, old)?,
        }),
        None => None,
    };
    if let Some(new) = new.as_ref().filter(|_| old.is_none() || renamed) {
        let exists = match changed.get(new) {
            Some(content) => content.is_some(),
            // A source of another rename makes room; that is seen when all is done.
            // A directory may be empty in the end, and then gone.
            None => old.is_none() && matches!(there(editor, new)?, Some(Kind::Other(_))),
        };
        if exists {
            return fails(new, "it exists already");
        }
    }
    let name = old.as_ref().or(new.as_ref()).cloned().unwrap_or_default();
    let bytes = content(file, before.as_ref(), &name)?;
    let Some(new) = new else {
        if !bytes.is_empty() && !matches!(file.body, Body::Same) {
            return fails(&name, "it has more than the patch removes");
        }
        changed.insert(name, None);
        return Ok(());
    };
    let mut content = match before {
        Some(before) => {
            let same = before.bytes == bytes;
            let mtime_ns = if same { before.meta.mtime_ns } else { mtime_ns };
            Content { bytes, is_link: before.is_link, meta: Meta { mtime_ns, ..before.meta } }
        }
        None => Content { bytes, is_link: false, meta: Meta { mtime_ns, ..Meta::new(0o644) } },
    };
    match file.new_mode {
        Some(MODE_LINK) => {
            content.is_link = true;
            content.meta.mode = 0o777;
        }
        Some(mode) => {
            content.is_link = false;
            content.meta.mode = if mode == MODE_EXECUTABLE { 0o755 } else { 0o644 };
        }
        None => {}
    }
    if renamed
        && !file.copy
        && let Some(old) = old
    {
        // It may have got another content under this name meanwhile.
        changed.entry(old).or_insert(None);
    }
    changed.insert(new, Some(content));
    Ok(())
}

/// What is at a path; nothing where a file is on the way, which the patch may remove.
fn there(editor: &mut Editor<'_>, path: &[u8]) -> Result<Option<Kind>, TreeError> {
    match editor.kind(path, Follow::Parents) {
        Err(TreeError::NotADirectory(_)) => Ok(None),
        other => other,
    }
}

fn read(editor: &mut Editor<'_>, blobs: &dyn BlobReader, path: &[u8]) -> Result<Content, TreeError> {
    match there(editor, path)? {
        Some(Kind::Other(EntryKind::File { meta, blob, .. })) => {
            Ok(Content { bytes: blobs.blob(&blob)?, is_link: false, meta })
        }
        Some(Kind::Other(EntryKind::Symlink { meta, target })) => {
            Ok(Content { bytes: target.into(), is_link: true, meta })
        }
        Some(Kind::Dir) => Err(TreeError::IsADirectory(path::text(path))),
        Some(Kind::Other(_)) => fails(path, "it is neither a file nor a link"),
        None => Err(TreeError::NotFound(path::text(path))),
    }
}

/// The content after the patch.
fn content(file: &FilePatch, before: Option<&Content>, name: &[u8]) -> Result<Vec<u8>, TreeError> {
    let old = before.map_or(&[][..], |content| &content.bytes);
    match &file.body {
        Body::Same => return Ok(old.to_vec()),
        Body::Text(hunks) => return text(old, hunks, name),
        Body::Literal(_) | Body::Delta(_) => {}
    }
    // Nothing but its digest says that binary data belongs to this file.
    if let Some(id) = &file.old_id
        && before.is_some()
        && *id != object_id(old)
    {
        return fails(name, "its content is another than that from which the patch was made");
    }
    match &file.body {
        Body::Delta(delta) => binary::apply_delta(old, delta).or_else(|reason| fails(name, reason)),
        Body::Literal(content) => Ok(content.clone()),
        _ => Ok(old.to_vec()),
    }
}

fn text(old: &[u8], hunks: &[TextHunk], name: &[u8]) -> Result<Vec<u8>, TreeError> {
    let lines = split(old);
    let mut out = Vec::with_capacity(old.len());
    // Lines that are done, and how far the last hunk was from where it said.
    let (mut done, mut drift) = (0, 0_isize);
    for hunk in hunks {
        let wanted: Vec<&[u8]> = hunk
            .lines
            .iter()
            .filter_map(|line| match line {
                TextLine::Context(text) | TextLine::Removed(text) => Some(&text[..]),
                TextLine::Added(_) => None,
            })
            .collect();
        let said = if wanted.is_empty() { hunk.old_start } else { hunk.old_start.saturating_sub(1) };
        let Some(at) = find(&lines, &wanted, done, said.saturating_add_signed(drift), hunk) else {
            return fails(name, &format!("hunk at line {} of the patch: its lines are not there", hunk.at));
        };
        drift = at as isize - said as isize;
        lines[done..at].iter().for_each(|line| out.extend_from_slice(line));
        for line in &hunk.lines {
            if let TextLine::Context(text) | TextLine::Added(text) = line {
                out.extend_from_slice(text);
            }
        }
        done = at + wanted.len();
    }
    lines[done..].iter().for_each(|line| out.extend_from_slice(line));
    Ok(out)
}

/// Where the lines of a hunk are: nearest to where it says. A hunk that says that it is at the beginning is only there, and
/// one without lines after what it changes only at the end, as in git.
fn find(lines: &[&[u8]], wanted: &[&[u8]], from: usize, said: usize, hunk: &TextHunk) -> Option<usize> {
    let last = lines.len().checked_sub(wanted.len())?;
    let at_start = hunk.old_start <= 1;
    let at_end = !matches!(hunk.lines.last(), Some(TextLine::Context(_)));
    let fits = |at: usize| {
        at >= from
            && at <= last
            && (!at_start || at == 0)
            && (!at_end || at == last)
            && lines[at..at + wanted.len()] == *wanted
    };
    if at_start || at_end {
        let only = if at_start { 0 } else { last };
        return fits(only).then_some(only);
    }
    (0..=lines.len()).find_map(|distance| {
        [said.checked_sub(distance), said.checked_add(distance)].into_iter().flatten().find(|at| fits(*at))
    })
}
