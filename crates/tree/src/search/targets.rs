//! Which files are searched.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use ignore::Match;
use kukri_model::Digest;

use super::Search;
use crate::gitignore::Gitignores;
use crate::lookup::{Follow, FoundKind, lookup};
use crate::node::{BlobReader, EntryKind, Node, NodeReader, TreeError, TreeId};
use crate::path;
use crate::walk::{PathRoom, Walk};

/// Files that say what is ignored; the first that says something about a path decides.
const IGNORE_FILES: [&[u8]; 3] = [b".rgignore", b".ignore", b".gitignore"];

/// A file to be searched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// Its path.
    pub path: Vec<u8>,
    /// Digest of its content.
    pub blob: Digest,
    /// Length of its content in bytes.
    pub size: u64,
    /// Whether the query names the file itself, so that it is searched even if it is binary.
    pub named: bool,
}

/// What the ignore files that were met so far say.
#[derive(Default)]
struct Ignores([Gitignores; 3]);

impl Ignores {
    fn add(&mut self, blobs: &dyn BlobReader, dir: &[u8], node: &Node) -> Result<(), TreeError> {
        for (name, rules) in IGNORE_FILES.iter().zip(&mut self.0) {
            if let Some(EntryKind::File { blob, .. }) = node.get(name).map(|entry| &entry.kind) {
                rules.add(dir, &blobs.blob(blob)?);
            }
        }
        Ok(())
    }

    fn ignores(&self, path: &[u8], is_dir: bool) -> bool {
        self.0.iter().find_map(|rules| rules.verdict(path, is_dir)).unwrap_or(false)
    }
}

impl Search {
    /// The files of a tree that are searched, in walk order. Symbolic links are not followed, except where the query
    /// names them. `blobs` is asked for ignore files only.
    ///
    /// # Errors
    /// `NotFound` and `NotADirectory` for paths of the query, [`TreeError::Outside`] for those that leave the tree, and
    /// the readers'; [`TreeError::Invalid`] for too many files.
    pub fn targets(
        &self,
        reader: &dyn NodeReader,
        blobs: &dyn BlobReader,
        root: &TreeId,
    ) -> Result<Vec<Target>, TreeError> {
        let mut room = PathRoom::default();
        if self.query.paths.is_empty() {
            return self.walk(reader, blobs, root, b"", root, &mut room);
        }
        let mut targets = Vec::new();
        let mut seen = HashSet::new();
        for given in &self.query.paths {
            let clean = path::clean_inside(given.as_bytes()).map_err(|error| match error {
                TreeError::Escapes(path) => TreeError::Outside(path),
                other => other,
            })?;
            let new = match lookup(reader, root, &clean, Follow::All)?.kind {
                FoundKind::Dir { id, .. } => self.walk(reader, blobs, root, &clean, &id, &mut room)?,
                FoundKind::Entry(EntryKind::File { blob, size, .. }) => {
                    vec![Target { path: clean, blob, size, named: true }]
                }
                FoundKind::Entry(_) => Vec::new(),
            };
            // The same file may be named twice, or lie in a directory that is named too.
            targets.extend(new.into_iter().filter(|target| seen.insert(target.path.clone())));
        }
        Ok(targets)
    }

    /// The files below the directory `dir`, whose path is `base`.
    fn walk(
        &self,
        reader: &dyn NodeReader,
        blobs: &dyn BlobReader,
        root: &TreeId,
        base: &[u8],
        dir: &TreeId,
        room: &mut PathRoom,
    ) -> Result<Vec<Target>, TreeError> {
        let mut targets = Vec::new();
        let mut ignores = Ignores::default();
        if self.query.skip_ignored {
            let starts = (0..base.len()).filter(|at| base[*at] == b'/').map(|at| &base[..at]);
            let parents = (!base.is_empty()).then_some(&b""[..]).into_iter().chain(starts);
            for parent in parents {
                if let FoundKind::Dir { node, .. } = lookup(reader, root, parent, Follow::All)?.kind {
                    ignores.add(blobs, parent, &node)?;
                }
            }
            ignores.add(blobs, base, &*reader.node(&dir.stored)?)?;
        }
        let mut walk = Walk::new(reader, dir);
        while let Some(entry) = walk.next() {
            let entry = entry?;
            let is_dir = entry.is_dir();
            let full = if base.is_empty() { entry.path } else { [base, &entry.path].join(&b'/') };
            if !self.takes(&ignores, &full, is_dir) {
                if is_dir {
                    walk.skip_dir();
                }
                continue;
            }
            match entry.kind {
                EntryKind::File { blob, size, .. } => {
                    room.take(full.len() + size_of::<Target>())?;
                    targets.push(Target { path: full, blob, size, named: false });
                }
                EntryKind::Dir(id) if self.query.skip_ignored => {
                    ignores.add(blobs, &full, &*reader.node(&id.stored)?)?;
                }
                _ => {}
            }
        }
        Ok(targets)
    }

    /// Globs say more than ignore files, and these more than whether a name is hidden.
    fn takes(&self, ignores: &Ignores, full: &[u8], is_dir: bool) -> bool {
        match self.globs.matched(Path::new(OsStr::from_bytes(full)), is_dir) {
            Match::Ignore(_) => false,
            Match::Whitelist(_) => true,
            Match::None => {
                let hidden = path::split(full).is_some_and(|(_, name)| name.starts_with(b"."));
                let hidden = self.query.skip_hidden && hidden;
                let ignored = || self.query.skip_ignored && ignores.ignores(full, is_dir);
                !hidden && !ignored()
            }
        }
    }
}
