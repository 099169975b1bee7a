//! Copying the contents of one tree into another.

use std::sync::Arc;

use crate::cancel;
use crate::edit::Editor;
use crate::edit::map::Mapped;
use crate::edit::open::{Dir, Here, Slot};
use crate::filter::{Decision, Filter};
use crate::node::{EntryKind, Meta, Node, TreeError, TreeId};
use crate::path;

/// How [`Editor::merge`] copies.
#[derive(Clone, Copy, Default, Debug)]
pub struct CopyOptions<'a> {
    /// User and group of everything copied; none keeps the source's.
    pub owner: Option<(u32, u32)>,
    /// Permission bits of everything copied but links; none keeps the source's.
    pub mode: Option<u32>,
    /// What is copied, by its path in the source.
    pub filter: Option<&'a Filter>,
}

impl CopyOptions<'_> {
    fn apply(&self, meta: &mut Meta, is_link: bool) {
        if let Some((uid, gid)) = self.owner {
            (meta.uid, meta.gid) = (uid, gid);
        }
        if let Some(mode) = self.mode
            && !is_link
        {
            meta.mode = mode & 0o7777;
        }
    }

    fn change(&self, meta: &mut Meta, kind: Option<&EntryKind>) {
        self.apply(meta, matches!(kind, Some(EntryKind::Symlink { .. })));
    }

    fn keeps_meta(&self) -> bool {
        self.owner.is_none() && self.mode.is_none()
    }
}

/// A directory of the source on the way.
struct Frame {
    node: Arc<Node>,
    next: usize,
    /// Length of its path in the source.
    base: usize,
    /// Where its contents go; none until something is taken from it.
    target: Option<Slot>,
}

impl Editor<'_> {
    /// Copies the contents of `source` into the directory at `path`, which is made (0755, root, or as `options` say) if
    /// it is missing. Files are replaced; directories that exist are merged and, without include patterns, get the
    /// source's metadata, except the one at `path` itself. A directory never replaces a file, nor a file a directory.
    ///
    /// What needs no change is shared: without options, merging into nothing costs nothing per file.
    ///
    /// # Errors
    /// `NotADirectory` and `IsADirectory` with the path in the result, `Escapes`, `TooManyLinks`, and the reader's.
    pub fn merge(
        &mut self,
        path: impl AsRef<[u8]>,
        source: &TreeId,
        options: CopyOptions<'_>,
    ) -> Result<(), TreeError> {
        let clean = path::clean_inside(path.as_ref())?;
        let filter = options.filter.filter(|filter| !filter.takes_all(b""));
        let node = self.node(&source.stored)?;
        let target = match self.find_dir(&clean, false)? {
            Some(slot) => slot,
            None => {
                let slot = self.find_dir(&clean, true)?.expect("what is missing is made");
                options.apply(&mut self.dirs[slot].meta, false);
                slot
            }
        };
        if filter.is_none() && options.keeps_meta() && self.dirs[target].is_empty() {
            let meta = Meta { mtime_ns: node.meta.mtime_ns, ..self.dirs[target].meta.clone() };
            if meta == node.meta {
                self.dirs[target] = Dir::loaded(*source, node);
                return Ok(());
            }
        }
        let start = Frame { node, next: 0, base: 0, target: Some(target) };
        self.merge_all(start, &clean, filter, &options)
    }

    fn merge_all(
        &mut self,
        start: Frame,
        into: &[u8],
        filter: Option<&Filter>,
        options: &CopyOptions<'_>,
    ) -> Result<(), TreeError> {
        let overwrite = filter.is_none_or(|filter| !filter.has_include());
        let shown = |path: &[u8]| path::text(&whole_path(into, path));
        let mut path = Vec::new();
        let mut mapped = Mapped::new();
        let mut stack = vec![start];
        while let Some(frame) = stack.last_mut() {
            cancel::check()?;
            path.truncate(frame.base);
            if frame.next == frame.node.entries.len() {
                stack.pop();
                continue;
            }
            let node = Arc::clone(&frame.node);
            let entry = &node.entries[frame.next];
            frame.next += 1;
            path::push(&mut path, &entry.name);
            let is_dir = matches!(entry.kind, EntryKind::Dir(_));
            let taken = filter.is_none_or(|filter| filter.decide(&path, is_dir) == Decision::Take);
            let descend = is_dir && filter.is_some_and(|filter| filter.may_contain(&path));
            if !taken && !descend {
                continue;
            }
            let EntryKind::Dir(id) = &entry.kind else {
                let target = self.target(&mut stack, into, &path, options, &shown)?;
                if matches!(self.here(target, &entry.name), Here::Dir) {
                    return Err(TreeError::IsADirectory(shown(&path)));
                }
                let mut kind = entry.kind.clone();
                let is_link = matches!(kind, EntryKind::Symlink { .. });
                if let Some(meta) = kind.meta_mut() {
                    options.apply(meta, is_link);
                }
                self.put(target, &entry.name, kind)?;
                continue;
            };
            let inner = self.node(&id.stored)?;
            let mut target = None;
            if taken {
                let dir = self.target(&mut stack, into, &path, options, &shown)?;
                let whole = filter.is_none_or(|filter| filter.takes_all(&path));
                if whole && matches!(self.here(dir, &entry.name), Here::Nothing) {
                    let id = if options.keeps_meta() {
                        *id
                    } else {
                        self.map_tree(*id, &mut |meta, kind| options.change(meta, kind), &mut mapped)?
                    };
                    self.put(dir, &entry.name, EntryKind::Dir(id))?;
                    continue;
                }
                target = Some(
                    self.copy_dir(dir, &whole_path(into, &path), &inner.meta, options, overwrite)
                        .map_err(at(&shown, &path))?,
                );
            }
            stack.push(Frame { node: inner, next: 0, base: path.len(), target });
        }
        Ok(())
    }

    /// The directory into which the top of the stack goes, made now if it was not needed before. `path` is that of the
    /// entry to be put into it.
    fn target(
        &mut self,
        stack: &mut [Frame],
        into: &[u8],
        path: &[u8],
        options: &CopyOptions<'_>,
        shown: &dyn Fn(&[u8]) -> String,
    ) -> Result<Slot, TreeError> {
        let ready = stack.iter().rposition(|frame| frame.target.is_some()).expect("the first is ready");
        let mut slot = stack[ready].target.expect("it is ready");
        for at_frame in ready + 1..stack.len() {
            let dir = &path[..stack[at_frame].base];
            let meta = stack[at_frame].node.meta.clone();
            slot =
                self.copy_dir(slot, &whole_path(into, dir), &meta, options, false).map_err(at(shown, dir))?;
            stack[at_frame].target = Some(slot);
        }
        Ok(slot)
    }

    /// Merges a directory into the one at `whole` (from the root of the tree), whose parent is known. Where there is a
    /// link to a directory, that is where it goes.
    fn copy_dir(
        &mut self,
        parent: Slot,
        whole: &[u8],
        meta: &Meta,
        options: &CopyOptions<'_>,
        overwrite: bool,
    ) -> Result<Slot, TreeError> {
        let mut meta = meta.clone();
        options.apply(&mut meta, false);
        let (_, name) = path::split(whole).expect("below the root");
        match self.here(parent, name) {
            Here::Nothing => self.add_dir(parent, name, meta),
            Here::Dir => {
                let slot = self.enter(parent, name)?;
                if overwrite {
                    self.dirs[slot].meta = meta;
                }
                Ok(slot)
            }
            // The directory behind a link belongs to somebody else, so it keeps its own metadata.
            Here::Other(EntryKind::Symlink { .. }) => {
                self.find_dir(whole, false)?.ok_or_else(|| TreeError::NotADirectory(path::text(name)))
            }
            Here::Other(_) => Err(TreeError::NotADirectory(path::text(name))),
        }
    }
}

fn whole_path(into: &[u8], path: &[u8]) -> Vec<u8> {
    if into.is_empty() { path.to_vec() } else { [into, path].join(&b'/') }
}

/// Puts the whole path into the error.
fn at<'a>(shown: &'a dyn Fn(&[u8]) -> String, path: &'a [u8]) -> impl Fn(TreeError) -> TreeError + 'a {
    move |error| match error {
        TreeError::NotADirectory(_) => TreeError::NotADirectory(shown(path)),
        other => other,
    }
}
