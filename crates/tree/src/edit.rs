//! Changing a tree. Nodes are loaded when they are touched and sealed once, at the end.
//!
//! Hard links: every name of a group has the whole file, so changing one name takes it out of the group; names belong
//! together only while group, content and metadata are all equal. That is also why groups need no renumbering when trees
//! are merged.

mod map;
mod merge;
mod open;

use kukri_model::Digest;

use crate::cancel;
use crate::lookup::Follow;
use crate::node::{EntryKind, Meta, NodeReader, TreeError, TreeId};
use crate::path;
use crate::pattern::{Pattern, is_pattern};
use crate::sealed::Sealed;
use crate::walk::PathRoom;

use map::{Change, Made, change_entry};
pub use merge::CopyOptions;
use open::{Dir, Here, Place, Slot};

/// Longest target of a symbolic link, in bytes: Linux's `PATH_MAX` without its NUL.
const MAX_TARGET: usize = 4095;

/// A regular file to put into a tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileSource {
    /// Digest of the content.
    pub blob: Digest,
    /// Length of the content in bytes.
    pub size: u64,
    /// Mode, owner, time.
    pub meta: Meta,
    /// See [`EntryKind::File`]; 0 for a file with one name.
    pub link_group: u64,
}

/// What an [`Editor`] has at a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A directory.
    Dir,
    /// Anything else.
    Other(EntryKind),
}

/// A directory of an [`Editor`]: in use, or as it is stored.
enum Found {
    Open(Slot),
    Stored(TreeId),
}

/// A tree being changed.
///
/// Paths may be relative or absolute, both from the root; relative ones that leave it by `..` are refused where something
/// is made. Symbolic links on the way (not the last component) are followed inside the root. Missing parents are made:
/// 0755, root. After an error, what was done before it stays done.
pub struct Editor<'r> {
    reader: &'r dyn NodeReader,
    /// Directories in use; the first is the root. Those that were removed stay, unreachable.
    dirs: Vec<Dir>,
    made: Made,
    clock: i64,
}

impl<'r> Editor<'r> {
    /// Starts from a tree, or from an empty directory (0755, root, time 0).
    ///
    /// # Errors
    /// The reader's.
    pub fn new(reader: &'r dyn NodeReader, base: Option<TreeId>) -> Result<Self, TreeError> {
        let root = match base {
            Some(id) => Dir::loaded(id, reader.node(&id.stored)?),
            None => Dir::new(Meta::new(0o755)),
        };
        Ok(Self { reader, dirs: vec![root], made: Made::new(), clock: 0 })
    }

    /// Time (nanoseconds since 1970) of the directories and links made from now on; 0 at first.
    pub fn set_clock(&mut self, mtime_ns: i64) {
        self.clock = mtime_ns;
    }

    fn new_dir(&self, mode: u32) -> Meta {
        Meta { mtime_ns: self.clock, ..Meta::new(mode) }
    }

    /// What is at `path`; none when there is nothing.
    ///
    /// # Errors
    /// `NotADirectory`, `TooManyLinks`, and the reader's.
    pub fn kind(&mut self, path: impl AsRef<[u8]>, follow: Follow) -> Result<Option<Kind>, TreeError> {
        Ok(self.locate(&path::clean(path.as_ref())?, follow)?.map(|(_, place)| match place {
            Place::Dir(_) => Kind::Dir,
            Place::Entry(_, _, kind) => Kind::Other(kind),
        }))
    }

    /// Where `path` really leads, without links; none when there is nothing.
    ///
    /// # Errors
    /// `NotADirectory`, `TooManyLinks`, and the reader's.
    pub fn real_path(
        &mut self,
        path: impl AsRef<[u8]>,
        follow: Follow,
    ) -> Result<Option<Vec<u8>>, TreeError> {
        Ok(self.locate(&path::clean(path.as_ref())?, follow)?.map(|(path, _)| path))
    }

    /// The directory in which a path's last component lies or is to be made, and that component. None for the root.
    fn parent<'p>(&mut self, clean: &'p [u8]) -> Result<Option<(Slot, &'p [u8])>, TreeError> {
        let Some((dir, name)) = path::split(clean) else { return Ok(None) };
        let dir = self.find_dir(dir, true)?.expect("what is missing is made");
        Ok(Some((dir, name)))
    }

    /// Puts something that is not a directory at a path where no directory is.
    fn put_leaf(&mut self, given: &[u8], kind: EntryKind) -> Result<(), TreeError> {
        let clean = path::clean_inside(given)?;
        let is_dir = || TreeError::IsADirectory(path::text(if clean.is_empty() { b"/" } else { given }));
        let (dir, name) = self.parent(&clean)?.ok_or_else(is_dir)?;
        match self.here(dir, name) {
            Here::Dir => Err(is_dir()),
            Here::Nothing | Here::Other(_) => self.put(dir, name, kind),
        }
    }

    /// Adds or replaces a file. A symbolic link at `path` is replaced, not followed.
    ///
    /// # Errors
    /// `IsADirectory`, `NotADirectory`, `Escapes`, `NameTooLong`, `TooManyLinks`, and the reader's.
    pub fn set_file(&mut self, path: impl AsRef<[u8]>, file: FileSource) -> Result<(), TreeError> {
        let FileSource { blob, size, meta, link_group } = file;
        self.put_leaf(path.as_ref(), EntryKind::File { meta, blob, size, link_group })
    }

    /// Adds or replaces a symbolic link. The target is kept as it is.
    ///
    /// # Errors
    /// As [`Editor::set_file`], and [`TreeError::Invalid`] for a target that no file system can hold.
    pub fn set_symlink(&mut self, path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Result<(), TreeError> {
        let (path, target) = (path.as_ref(), target.as_ref());
        let problem = match target {
            [] => "it is empty".to_owned(),
            _ if target.contains(&0) => "it contains a NUL byte".to_owned(),
            _ if target.len() > MAX_TARGET => {
                format!("it has {} bytes, at most {MAX_TARGET} are possible", target.len())
            }
            _ => {
                let kind = EntryKind::Symlink { meta: self.new_dir(0o777), target: target.into() };
                return self.put_leaf(path, kind);
            }
        };
        let path = path::text(path);
        Err(TreeError::Invalid(format!("{path}: the target of a symbolic link cannot be made: {problem}")))
    }

    /// Makes a directory with these permission bits, owned by root. An existing one (or a link to one) is left as it is.
    ///
    /// # Errors
    /// `NotADirectory` where a file is, `Escapes`, `NameTooLong`, `TooManyLinks`, and the reader's.
    pub fn make_dir(&mut self, path: impl AsRef<[u8]>, mode: u32) -> Result<(), TreeError> {
        let given = path.as_ref();
        let clean = path::clean_inside(given)?;
        let Some((dir, name)) = self.parent(&clean)? else { return Ok(()) };
        match self.here(dir, name) {
            Here::Dir => Ok(()),
            Here::Nothing => self.add_dir(dir, name, self.new_dir(mode & 0o7777)).map(|_| ()),
            Here::Other(EntryKind::Symlink { .. }) => self.find_dir(&clean, true).map(|_| ()),
            Here::Other(_) => Err(TreeError::NotADirectory(path::text(given))),
        }
    }

    /// Removes what is at a path, with all below it; or, if nothing has exactly that name, all that matches it as a
    /// pattern. Nothing there is no error. The root is emptied. Links on the way are followed up to the first component
    /// with a `*`, `?`, `[` or `\`.
    ///
    /// # Errors
    /// [`TreeError::Invalid`] for a bad pattern, `TooManyLinks`, and the reader's.
    pub fn remove(&mut self, path_or_glob: impl AsRef<[u8]>) -> Result<(), TreeError> {
        match self.try_remove(&path::clean(path_or_glob.as_ref())?) {
            // A file on the way: so there is nothing.
            Err(TreeError::NotADirectory(_)) => Ok(()),
            other => other,
        }
    }

    fn try_remove(&mut self, clean: &[u8]) -> Result<(), TreeError> {
        let Some((dir, name)) = path::split(clean) else {
            self.clear(0);
            return Ok(());
        };
        if let Some(dir) = self.find_dir(dir, false)?
            && !matches!(self.here(dir, name), Here::Nothing)
        {
            self.drop_child(dir, name);
            return Ok(());
        }
        if !is_pattern(clean) {
            return Ok(());
        }
        let plain =
            path::parts(clean).take_while(|part| !is_pattern(part)).map(|part| part.len() + 1).sum::<usize>();
        let (start, pattern) = clean.split_at(plain);
        let start = start.strip_suffix(b"/").unwrap_or(start);
        let Some(start) = self.find_dir(start, false)? else { return Ok(()) };
        self.remove_matching(start, &Pattern::new(&path::text(pattern))?)
    }

    /// Removes what is at a path, with all below it. Nothing there is no error, and nothing is a pattern.
    ///
    /// # Errors
    /// `NotADirectory`, `TooManyLinks`, and the reader's.
    pub fn remove_exactly(&mut self, path: impl AsRef<[u8]>) -> Result<(), TreeError> {
        let clean = path::clean(path.as_ref())?;
        let Some((dir, name)) = path::split(&clean) else {
            self.clear(0);
            return Ok(());
        };
        if let Some(dir) = self.find_dir(dir, false)? {
            self.drop_child(dir, name);
        }
        Ok(())
    }

    /// Whether there is a directory with nothing in it at a path.
    ///
    /// # Errors
    /// `NotADirectory`, `TooManyLinks`, and the reader's.
    pub fn is_empty_dir(&mut self, path: impl AsRef<[u8]>) -> Result<bool, TreeError> {
        Ok(match self.locate(&path::clean(path.as_ref())?, Follow::Parents)? {
            Some((_, Place::Dir(dir))) => self.dirs[dir].is_empty(),
            _ => false,
        })
    }

    /// Gives a directory this metadata; it is made if it is missing, in place of whatever else is there.
    ///
    /// # Errors
    /// Those of [`Editor::set_file`].
    pub fn set_dir(&mut self, path: impl AsRef<[u8]>, meta: Meta) -> Result<(), TreeError> {
        let clean = path::clean_inside(path.as_ref())?;
        let Some((dir, name)) = self.parent(&clean)? else {
            self.dirs[0].meta = meta;
            return Ok(());
        };
        match self.here(dir, name) {
            Here::Dir => {
                let slot = self.enter(dir, name)?;
                self.dirs[slot].meta = meta;
                Ok(())
            }
            Here::Nothing | Here::Other(_) => self.add_dir(dir, name, meta).map(|_| ()),
        }
    }

    fn remove_matching(&mut self, start: Slot, pattern: &Pattern) -> Result<(), TreeError> {
        for path in self.matching(start, pattern)? {
            cancel::check()?;
            let Some((parent, name)) = path::split(&path) else { continue };
            let dir = path::parts(parent).try_fold(start, |dir, part| self.enter(dir, part))?;
            self.drop_child(dir, name);
        }
        Ok(())
    }

    /// Paths from `start` that match, without what lies below them. Directories that are not in use are only read: a small
    /// tree may have more of them than memory holds.
    fn matching(&self, start: Slot, pattern: &Pattern) -> Result<Vec<Vec<u8>>, TreeError> {
        let (mut found, mut room) = (Vec::new(), PathRoom::default());
        let mut stack = vec![(Found::Open(start), Vec::new())];
        while let Some((dir, at)) = stack.pop() {
            cancel::check()?;
            let mut visit = |name: &[u8], dir: Option<Found>| {
                let mut path = at.clone();
                path::push(&mut path, name);
                if pattern.matches(&path) {
                    room.take(path.len())?;
                    found.push(path);
                } else if let Some(dir) = dir
                    && pattern.may_match_below(&path)
                {
                    stack.push((dir, path));
                }
                Ok::<_, TreeError>(())
            };
            let stored = |kind: &EntryKind| match kind {
                EntryKind::Dir(id) => Some(Found::Stored(*id)),
                _ => None,
            };
            match dir {
                Found::Open(slot) => {
                    for (name, child) in self.dirs[slot].children() {
                        visit(name, child.map_or_else(|slot| Some(Found::Open(slot)), stored))?;
                    }
                }
                Found::Stored(id) => {
                    for entry in &self.node(&id.stored)?.entries {
                        visit(&entry.name, stored(&entry.kind))?;
                    }
                }
            }
        }
        Ok(found)
    }

    /// Puts any entry at `path`, in place of whatever is there. At the root it must be a directory.
    ///
    /// # Errors
    /// `IsADirectory` at the root, and those of [`Editor::set_file`].
    pub fn put_entry(&mut self, path: impl AsRef<[u8]>, kind: EntryKind) -> Result<(), TreeError> {
        let given = path.as_ref();
        let clean = path::clean_inside(given)?;
        match (self.parent(&clean)?, kind) {
            (Some((dir, name)), kind) => self.put(dir, name, kind),
            (None, EntryKind::Dir(id)) => {
                self.dirs[0] = Dir::loaded(id, self.node(&id.stored)?);
                Ok(())
            }
            (None, _) => Err(TreeError::IsADirectory(path::text(given))),
        }
    }

    /// Puts a tree at `path` in place of whatever is there; at the root too. Costs nothing per file.
    ///
    /// # Errors
    /// Those of [`Editor::set_file`].
    pub fn replace_subtree(&mut self, path: impl AsRef<[u8]>, tree: &TreeId) -> Result<(), TreeError> {
        self.put_entry(path, EntryKind::Dir(*tree))
    }

    /// Gives everything the same modification time, nanoseconds since 1970.
    ///
    /// # Errors
    /// The reader's.
    pub fn set_times(&mut self, mtime_ns: i64) -> Result<(), TreeError> {
        self.change_all(0, true, &mut |meta, _| meta.mtime_ns = mtime_ns)
    }

    /// Changes the owner of what is at `path`, and of all below if asked. A link at `path` is changed itself.
    ///
    /// # Errors
    /// `NotFound`, `NotADirectory`, `TooManyLinks`, and the reader's.
    pub fn chown(
        &mut self,
        path: impl AsRef<[u8]>,
        uid: u32,
        gid: u32,
        recursive: bool,
    ) -> Result<(), TreeError> {
        self.change(path.as_ref(), recursive, Follow::Parents, &mut |meta, _| {
            (meta.uid, meta.gid) = (uid, gid)
        })
    }

    /// Changes the permission bits of what is at `path` (links are followed), and of all below if asked, where links are
    /// left alone.
    ///
    /// # Errors
    /// `NotFound`, `NotADirectory`, `TooManyLinks`, and the reader's.
    pub fn chmod(&mut self, path: impl AsRef<[u8]>, mode: u32, recursive: bool) -> Result<(), TreeError> {
        self.change(path.as_ref(), recursive, Follow::All, &mut |meta, kind| {
            if !matches!(kind, Some(EntryKind::Symlink { .. })) {
                meta.mode = mode & 0o7777;
            }
        })
    }

    fn change(
        &mut self,
        given: &[u8],
        recursive: bool,
        follow: Follow,
        change: Change<'_>,
    ) -> Result<(), TreeError> {
        match self.locate(&path::clean(given)?, follow)? {
            None => Err(TreeError::NotFound(path::text(given))),
            Some((_, Place::Dir(dir))) => self.change_all(dir, recursive, change),
            Some((_, Place::Entry(dir, name, mut kind))) => {
                change_entry(&mut kind, change);
                self.put(dir, &name, kind)
            }
        }
    }

    /// Seals what changed. A tree that ends up as it began has no new nodes.
    ///
    /// # Errors
    /// None at present: all that is needed was read before. Callers need not change when sealing comes to read.
    pub fn finish(self) -> Result<Sealed, TreeError> {
        self.seal()
    }
}

#[cfg(test)]
mod tests;
