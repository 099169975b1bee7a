//! Does the edits that look into contents: changesets, patches, replacing text.

use std::sync::Arc;

use kukri_model::Digest;
use kukri_store::Store;
use kukri_tree::edit::Kind;
use kukri_tree::{
    BlobReader as _, ChangeKind, Combined, Editor, EntryKind, Equality, FileSource, Follow, Meta, Replacing,
    TreeError, TreeId, apply_patch, combine, compare, write_patch,
};

use super::edit::{Source, Step};
use super::edit_run::{Blobs, Contents, NewBlobs, content_of, directory_at, file_at, next};
use crate::error::{OpError, OrFail};

/// Largest file in which a text is replaced, and largest that comes out, in bytes. The one is in memory meanwhile; the other
/// goes to the disk, which a few short steps would fill otherwise.
const MAX_REPLACED: u64 = 1 << 30;

/// Longest content that stays in memory until the end of a chain of steps, in bytes; longer ones go to the store as they come.
const SHORT: u64 = 32 << 10;

/// The trees of two directories.
fn pair(
    store: &Store,
    before: &Source,
    after: &Source,
    trees: &mut impl Iterator<Item = TreeId>,
) -> Result<(TreeId, TreeId), OpError> {
    let (one, other) = (next(trees)?, next(trees)?);
    Ok((directory_at(store, &one, &before.path)?, directory_at(store, &other, &after.path)?))
}

/// Does one of these steps.
pub(super) fn run(
    store: &Store,
    editor: &mut Editor<'_>,
    blobs: &mut NewBlobs,
    mtime_ns: i64,
    step: &Step,
    trees: &mut impl Iterator<Item = TreeId>,
) -> Result<(), OpError> {
    let contents = Contents { new: blobs, store: Blobs(store) };
    let made: Vec<(Digest, Vec<u8>)> = match step {
        Step::Apply { before, after } => {
            let (before, after) = pair(store, before, after, trees)?;
            apply(store, editor, &before, &after)?;
            Vec::new()
        }
        Step::Combine { sides, conflicts } => {
            let sides = sides
                .iter()
                .map(|(before, after)| pair(store, before, after, trees))
                .collect::<Result<Vec<_>, _>>()?;
            let combined = combine(store, &contents, &sides, *conflicts, mtime_ns).or_fail()?;
            combined.apply(editor).or_fail()?;
            combined.contents.into_iter().collect()
        }
        Step::Patch(patch) => apply_patch(editor, &contents, patch, mtime_ns).or_fail()?,
        Step::PatchFile(source) => {
            let patch: Arc<[u8]> = content_of(store, &file_at(store, &next(trees)?, source)?)?;
            apply_patch(editor, &contents, &patch, mtime_ns).or_fail()?
        }
        Step::Difference { path, before, after } => {
            let (before, after) = pair(store, before, after, trees)?;
            // As long as all that changed: it goes to the store as it comes.
            let mut writer = store.blob_writer();
            let mut take =
                |piece: &[u8]| writer.push(piece).map_err(|error| TreeError::Invalid(error.to_string()));
            write_patch(store, &contents, &before, &after, &mut take).or_fail()?;
            let (blob, size) = writer.finish().or_fail()?;
            let meta = Meta { mtime_ns, ..Meta::new(0o644) };
            editor.set_file(&**path, FileSource { blob, size, meta, link_group: 0 }).or_fail()?;
            Vec::new()
        }
        Step::Replace { path, search, replacement, which } => {
            let Some(Kind::Other(EntryKind::File { meta, blob, size, .. })) =
                editor.kind(&**path, Follow::All).or_fail()?
            else {
                return Err(OpError::new(format!("{path}: not a regular file")));
            };
            if size > MAX_REPLACED {
                return Err(OpError::new(format!(
                    "{path}: {size} bytes are too many to replace a text in (at most {MAX_REPLACED}); use a program such as \
                     sed in a container"
                )));
            }
            let content = contents.blob(&blob).or_fail()?;
            let at = |error: TreeError| OpError::new(format!("{path}: {error}"));
            let replacing = Replacing::new(&content, search.as_bytes(), replacement.as_bytes(), *which);
            let replacing = replacing.map_err(at)?;
            if replacing.size() > MAX_REPLACED {
                return Err(OpError::new(format!(
                    "{path}: would have {} bytes with the text replaced, which are too many (at most {MAX_REPLACED}); use a \
                     program such as sed in a container",
                    replacing.size()
                )));
            }
            let meta = Meta { mtime_ns, ..meta };
            if replacing.size() > SHORT {
                let mut writer = store.blob_writer();
                let mut take =
                    |piece: &[u8]| writer.push(piece).map_err(|error| TreeError::Invalid(error.to_string()));
                replacing.write(&mut take).map_err(at)?;
                let (blob, size) = writer.finish().or_fail()?;
                editor.set_file(&**path, FileSource { blob, size, meta, link_group: 0 }).or_fail()?;
                Vec::new()
            } else {
                let mut content = Vec::new();
                let mut take = |piece: &[u8]| {
                    content.extend_from_slice(piece);
                    Ok(())
                };
                replacing.write(&mut take).map_err(at)?;
                vec![put(editor, path, content, meta)?]
            }
        }
        _ => return Err(OpError::new("internal error: not a step that looks into contents")),
    };
    blobs.extend(made);
    Ok(())
}

/// Puts a file; gives its content for the store.
fn put(
    editor: &mut Editor<'_>,
    path: &str,
    content: Vec<u8>,
    meta: Meta,
) -> Result<(Digest, Vec<u8>), OpError> {
    let (blob, size) = (Digest::of(&content), content.len() as u64);
    editor.set_file(path, FileSource { blob, size, meta, link_group: 0 }).or_fail()?;
    Ok((blob, content))
}

/// Does to a tree what happened between two others: removes, then puts what is new or changed.
/// A removed directory goes with all that is in it.
fn apply(store: &Store, editor: &mut Editor<'_>, before: &TreeId, after: &TreeId) -> Result<(), OpError> {
    let changes = compare(store, before, after, Equality::Content).or_fail()?;
    for change in changes.iter().filter(|change| change.kind == ChangeKind::Removed) {
        editor.remove_exactly(&change.path).or_fail()?;
    }
    Combined::between(store, before, after).or_fail()?.apply(editor).or_fail()
}
