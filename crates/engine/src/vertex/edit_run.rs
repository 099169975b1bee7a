//! Does a chain of edits.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use kukri_model::Digest;
use kukri_store::Store;
use kukri_tree::edit::Kind;
use kukri_tree::owner::resolve_owner;
use kukri_tree::{
    BlobReader, CopyOptions, Editor, EntryKind, FileSource, Filter, Follow, FoundKind, Layered, Meta,
    NodeReader, TreeError, TreeId, diff_tree, filter, lookup,
};

use super::edit::{Edit, Owner, Selection, Source, Step};
use super::edit_changes as changes;
use crate::error::{OpError, OrFail};

/// Contents of new files, which the store gets together with the nodes.
pub(super) type NewBlobs = HashMap<Digest, Vec<u8>>;

/// What the steps read from.
struct Run<'a> {
    store: &'a Store,
    layered: Layered<'a>,
    nodes: Vec<(Digest, Vec<u8>)>,
    blobs: NewBlobs,
    mtime_ns: i64,
}

/// Does the chain that ends in `edit`. `trees` are the values of [`Edit::trees`].
pub fn run(store: &Store, edit: &Edit, trees: &[TreeId]) -> Result<TreeId, OpError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let mut run = Run {
        store,
        layered: Layered::new(store),
        nodes: Vec::new(),
        blobs: NewBlobs::new(),
        mtime_ns: i64::try_from(now).unwrap_or(i64::MAX),
    };
    let (_, chain) = edit.chain();
    let mut trees = trees.iter().copied();
    let mut current = trees.next().ok_or_else(|| OpError::new("internal error: an edit without a base"))?;
    let mut steps = chain.into_iter().map(|edit| &edit.step).peekable();
    while let Some(step) = steps.peek() {
        current = if step.is_in_place() {
            let Run { store, layered, blobs, mtime_ns, .. } = &mut run;
            let mut editor = Editor::new(&*layered, Some(current)).or_fail()?;
            editor.set_clock(*mtime_ns);
            while let Some(step) = steps.next_if(|step| step.is_in_place()) {
                in_place(store, &mut editor, blobs, *mtime_ns, step, &mut trees)?;
            }
            let sealed = editor.finish().or_fail()?;
            run.keep(sealed)?
        } else {
            let step = steps.next().ok_or_else(|| OpError::new("internal error: no step"))?;
            run.whole(current, step, &mut trees)?
        };
    }
    store.put_blobs(run.blobs.into_iter().collect()).or_fail()?;
    store.put_nodes(run.nodes).or_fail()?;
    Ok(current)
}

impl Step {
    /// Whether an [`Editor`] does it; the others make a new tree from a whole one.
    const fn is_in_place(&self) -> bool {
        !matches!(self, Self::Subtree(_) | Self::Filter(_) | Self::Diff(_) | Self::Fail(_))
    }
}

impl Run<'_> {
    fn keep(&mut self, sealed: kukri_tree::Sealed) -> Result<TreeId, OpError> {
        self.layered.add(&sealed).or_fail()?;
        self.nodes.extend(sealed.nodes);
        Ok(sealed.id)
    }

    fn whole(
        &mut self,
        current: TreeId,
        step: &Step,
        trees: &mut impl Iterator<Item = TreeId>,
    ) -> Result<TreeId, OpError> {
        match step {
            Step::Subtree(path) => directory_at(&self.layered, &current, path),
            Step::Filter(selection) => {
                let contents = Contents { new: &self.blobs, store: Blobs(self.store) };
                let rules = rules(selection, &self.layered, &contents, &current)?;
                let sealed = filter(&self.layered, &current, &rules).or_fail()?;
                self.keep(sealed)
            }
            Step::Diff(other) => {
                let tree = next(trees)?;
                let other = directory_at(&self.layered, &tree, &other.path)?;
                let sealed = diff_tree(&self.layered, &current, &other).or_fail()?;
                self.keep(sealed)
            }
            Step::Fail(message) => Err(OpError::new(message.to_string())),
            _ => Err(OpError::new("internal error: not a step on a whole tree")),
        }
    }
}

pub(super) fn next(trees: &mut impl Iterator<Item = TreeId>) -> Result<TreeId, OpError> {
    trees.next().ok_or_else(|| OpError::new("internal error: an edit lacks a tree"))
}

/// The directory at `path` of `tree`.
pub fn directory_at(reader: &dyn NodeReader, tree: &TreeId, path: &str) -> Result<TreeId, OpError> {
    if path.is_empty() {
        return Ok(*tree);
    }
    match lookup(reader, tree, path, Follow::All).or_fail()?.kind {
        FoundKind::Dir { id, .. } => Ok(id),
        FoundKind::Entry(_) => Err(OpError::new(TreeError::NotADirectory(path.to_owned()).to_string())),
    }
}

fn rules(
    selection: &Selection,
    reader: &dyn NodeReader,
    contents: &dyn BlobReader,
    root: &TreeId,
) -> Result<Filter, OpError> {
    let mut rules = Filter::new(&selection.include, &selection.exclude, selection.gitignore).or_fail()?;
    rules.load_gitignores(reader, contents, root).or_fail()?;
    Ok(rules)
}

/// Contents of the store for the tree functions.
pub struct Blobs<'a>(pub &'a Store);

impl BlobReader for Blobs<'_> {
    fn blob(&self, digest: &Digest) -> Result<Vec<u8>, TreeError> {
        self.0
            .read_blob(digest)
            .map_err(|error| TreeError::Missing { digest: *digest, reason: error.to_string() })
    }
}

/// Contents that the chain has made and the store does not have yet, and those of the store.
pub(super) struct Contents<'a> {
    pub(super) new: &'a NewBlobs,
    pub(super) store: Blobs<'a>,
}

impl BlobReader for Contents<'_> {
    fn blob(&self, digest: &Digest) -> Result<Vec<u8>, TreeError> {
        match self.new.get(digest) {
            Some(content) => Ok(content.clone()),
            None => self.store.blob(digest),
        }
    }
}

fn in_place(
    store: &Store,
    editor: &mut Editor<'_>,
    blobs: &mut NewBlobs,
    mtime_ns: i64,
    step: &Step,
    trees: &mut impl Iterator<Item = TreeId>,
) -> Result<(), OpError> {
    match step {
        Step::NewFile { path, content, mode, owner } => {
            let (uid, gid) = owner_ids(store, editor, blobs, owner.as_ref(), trees)?.unwrap_or((0, 0));
            let blob = Digest::of(content);
            let meta = Meta { uid, gid, mtime_ns, ..Meta::new(*mode) };
            editor
                .set_file(&**path, FileSource { blob, size: content.len() as u64, meta, link_group: 0 })
                .or_fail()?;
            blobs.insert(blob, content.to_vec());
        }
        Step::NewDirectory { path, mode } => editor.make_dir(&**path, *mode).or_fail()?,
        Step::Symlink { path, target } => editor.set_symlink(&**path, &**target).or_fail()?,
        Step::Remove(paths) => {
            for path in paths {
                editor.remove(path).or_fail()?;
            }
        }
        Step::Merge { path, source, selection, mode, owner } => {
            let source_tree = directory_at(store, &next(trees)?, &source.path)?;
            let owner = owner_ids(store, editor, blobs, owner.as_ref(), trees)?;
            let rules = if selection.is_all() {
                None
            } else {
                Some(rules(selection, store, &Blobs(store), &source_tree)?)
            };
            let options = CopyOptions { owner, mode: *mode, filter: rules.as_ref() };
            editor.merge(&**path, &source_tree, options).or_fail()?;
        }
        Step::PutFile { path, source, name, into, mode, owner } => {
            let entry = file_at(store, &next(trees)?, source)?;
            let owner = owner_ids(store, editor, blobs, owner.as_ref(), trees)?;
            put_file(editor, path, name, *into, entry, *mode, owner)?;
        }
        Step::Timestamps(time) => editor.set_times(*time).or_fail()?,
        Step::Chown { path, owner } => {
            let (uid, gid) = owner_ids(store, editor, blobs, Some(owner), trees)?.unwrap_or((0, 0));
            editor.chown(&**path, uid, gid, true).or_fail()?;
        }
        Step::Apply { .. }
        | Step::Combine { .. }
        | Step::Patch(_)
        | Step::PatchFile(_)
        | Step::Difference { .. }
        | Step::Replace { .. } => changes::run(store, editor, blobs, mtime_ns, step, trees)?,
        Step::Subtree(_) | Step::Filter(_) | Step::Diff(_) | Step::Fail(_) => {}
    }
    Ok(())
}

/// The regular file that `source` names.
pub fn file_at(reader: &dyn NodeReader, tree: &TreeId, source: &Source) -> Result<EntryKind, OpError> {
    match lookup(reader, tree, &*source.path, Follow::All).or_fail()?.kind {
        FoundKind::Entry(kind @ EntryKind::File { .. }) => Ok(kind),
        FoundKind::Entry(_) => Err(OpError::new(format!("{}: not a regular file", source.path))),
        FoundKind::Dir { .. } => {
            Err(OpError::new(TreeError::IsADirectory(source.path.to_string()).to_string()))
        }
    }
}

fn put_file(
    editor: &mut Editor<'_>,
    path: &str,
    name: &str,
    into: bool,
    mut entry: EntryKind,
    mode: Option<u32>,
    owner: Option<(u32, u32)>,
) -> Result<(), OpError> {
    let is_directory = into
        || path.is_empty()
        || path == "."
        || path.ends_with('/')
        || matches!(editor.kind(path, Follow::All).or_fail()?, Some(Kind::Dir));
    let target =
        if is_directory { format!("{}/{name}", path.trim_end_matches('/')) } else { path.to_owned() };
    if matches!(editor.kind(&target, Follow::Parents).or_fail()?, Some(Kind::Dir)) {
        let target = target.trim_start_matches('/').to_owned();
        return Err(OpError::new(TreeError::IsADirectory(target).to_string()));
    }
    if let EntryKind::File { meta, link_group, .. } = &mut entry {
        // A copy is a file of its own.
        *link_group = 0;
        if let Some(mode) = mode {
            meta.mode = mode;
        }
        if let Some((uid, gid)) = owner {
            (meta.uid, meta.gid) = (uid, gid);
        }
    }
    editor.put_entry(&target, entry).or_fail()
}

/// User and group of an [`Owner`], looked up where it says.
fn owner_ids(
    store: &Store,
    editor: &mut Editor<'_>,
    blobs: &NewBlobs,
    owner: Option<&Owner>,
    trees: &mut impl Iterator<Item = TreeId>,
) -> Result<Option<(u32, u32)>, OpError> {
    let Some(owner) = owner else { return Ok(None) };
    let names = owner.names.as_ref().map(|_| next(trees)).transpose()?;
    if let Ok(ids) = resolve_owner(&owner.spec, None, None) {
        return Ok(Some(ids));
    }
    let mut text = |path: &str| -> Result<Option<Vec<u8>>, OpError> {
        let kind = match &names {
            Some(tree) => match lookup(store, tree, path, Follow::All) {
                Ok(found) => match found.kind {
                    FoundKind::Entry(kind) => Some(kind),
                    FoundKind::Dir { .. } => None,
                },
                Err(TreeError::NotFound(_) | TreeError::NotADirectory(_)) => None,
                Err(error) => return Err(OpError::new(error.to_string())),
            },
            None => match editor.kind(path, Follow::All).or_fail()? {
                Some(Kind::Other(kind)) => Some(kind),
                _ => None,
            },
        };
        let Some(EntryKind::File { blob, .. }) = kind else { return Ok(None) };
        Contents { new: blobs, store: Blobs(store) }.blob(&blob).or_fail().map(Some)
    };
    let (passwd, group) = (text("etc/passwd")?, text("etc/group")?);
    resolve_owner(&owner.spec, passwd.as_deref(), group.as_deref()).or_fail().map(Some)
}

/// The content of a file that is in the store.
pub fn content_of(store: &Store, entry: &EntryKind) -> Result<Arc<[u8]>, OpError> {
    match entry {
        EntryKind::File { blob, .. } => store.read_blob(blob).or_fail().map(Into::into),
        _ => Err(OpError::new("not a regular file")),
    }
}
