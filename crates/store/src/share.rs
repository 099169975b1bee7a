//! Files of a new layer that are objects already: they give way to links of those, so that a content with the same
//! metadata takes its room once however many layers have it.
//!
//! Not where the tree shows the object under several names that are no hard links of each other: as one inode, `cp -a` and
//! `tar` would make hard links of them. Such files stay, and count as the layer's own.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kukri_model::Digest;
use kukri_tree::{EntryKind, Node, NodeReader as _, TreeId, cancel};
use rustix::io::Errno;

use crate::disk::fsutil;
use crate::disk::objects::object_key;
use crate::error::{Result, StoreError};
use crate::sink::{ObjectRow, Rows};
use crate::store::Inner;

/// An object with more names than this gets no more of them by layers: file systems have limits, ext4 65,000.
const MAX_LINKS: u64 = 60_000;

/// Where a tree shows one object.
struct Place {
    dir: PathBuf,
    name: Box<[u8]>,
    link_group: u64,
    /// Of the directory, which must have it again afterwards.
    mtime_ns: i64,
}

/// The files of a layer that are objects already, and where its tree shows them.
#[derive(Default)]
pub(crate) struct Shared {
    objects: Vec<(ObjectRow, Vec<Place>)>,
}

impl Shared {
    /// Looks for `rows` in a tree whose new nodes are in `nodes`. Reads the whole tree, if there is anything to look for. Not
    /// for those who hold the gate.
    pub(crate) fn find(inner: &Inner, rows: Vec<ObjectRow>, tree: &TreeId, nodes: &Rows) -> Result<Self> {
        let mut objects: HashMap<Digest, (ObjectRow, Vec<Place>)> =
            rows.into_iter().map(|row| (row.key, (row, Vec::new()))).collect();
        if objects.is_empty() {
            return Ok(Self::default());
        }
        let contents: HashSet<Digest> = objects.values().map(|(row, _)| row.digest).collect();
        let new: HashMap<&Digest, &[u8]> =
            nodes.nodes.iter().map(|(digest, bytes)| (digest, &**bytes)).collect();
        let mut todo = vec![(tree.stored, PathBuf::new())];
        while let Some((digest, dir)) = todo.pop() {
            let node = match new.get(&digest) {
                Some(bytes) => Node::decode(&digest, bytes).ok().map(Arc::new),
                None => inner.node(&digest).ok(),
            };
            cancel::check()?;
            // Whoever uses the tree is told what is missing.
            let Some(node) = node else { continue };
            for entry in &node.entries {
                match &entry.kind {
                    EntryKind::Dir(id) => todo.push((id.stored, dir.join(OsStr::from_bytes(&entry.name)))),
                    EntryKind::File { meta, blob, link_group, .. } if contents.contains(blob) => {
                        if let Some((_, places)) = objects.get_mut(&object_key(blob, meta)) {
                            places.push(Place {
                                dir: dir.clone(),
                                name: entry.name.clone(),
                                link_group: *link_group,
                                mtime_ns: node.meta.mtime_ns,
                            });
                        }
                    }
                    _ => {}
                }
            }
        }
        Ok(Self { objects: objects.into_values().collect() })
    }

    /// Puts links of the objects in place of the layer's files, one rename each: whenever it stops, each file is there.
    /// Returns the bytes of those that stay. The caller holds the gate until the layer is recorded.
    pub(crate) fn link(self, inner: &Inner, layer: &Path) -> Result<u64> {
        let mut own = 0;
        for (row, places) in self.objects {
            let object = inner.layout.object(&row.key);
            // One that is damaged is left to those who look for damage.
            let sound = object.symlink_metadata().ok().filter(|found| found.len() == row.size);
            let one_file = match &places[..] {
                [_] => true,
                [first, rest @ ..] => {
                    first.link_group != 0 && rest.iter().all(|place| place.link_group == first.link_group)
                }
                [] => continue,
            };
            let with =
                sound.as_ref().filter(|found| one_file && found.nlink() + places.len() as u64 <= MAX_LINKS);
            let mut stay = HashSet::new();
            for place in &places {
                let dir = layer.join(&place.dir);
                let path = dir.join(OsStr::from_bytes(&place.name));
                // What is not here is in a layer below.
                let Ok(file) = path.symlink_metadata() else { continue };
                if !file.is_file() || sound.as_ref().is_some_and(|sound| sound.ino() == file.ino()) {
                    continue;
                }
                match with {
                    Some(_) => replace(inner, &object, &path)
                        .and_then(|()| fsutil::set_mtime(fsutil::open_dir_path(&dir)?, place.mtime_ns))
                        .map_err(StoreError::os("link the object of", &path))?,
                    None => drop(stay.insert(file.ino())),
                }
            }
            own += stay.len() as u64 * row.size;
        }
        Ok(own)
    }
}

/// Makes `path` a name of the file `object`, which it is not yet.
fn replace(inner: &Inner, object: &Path, path: &Path) -> std::result::Result<(), Errno> {
    let fresh = inner.layout.fresh_tmp();
    rustix::fs::link(object, &fresh)?;
    rustix::fs::rename(&fresh, path)
}
