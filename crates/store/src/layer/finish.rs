//! The end of a layer: applied to its base, it becomes a tree and the topmost layer of that tree's stack.

use std::sync::Arc;

use kukri_tree::{Entry, EntryKind, Node, NodeReader as _, TreeId};
use rustix::fs::XattrFlags;
use rustix::io::Errno;

use super::{Child, LayerWriter, refused_for};
use crate::disk::fsutil;
use crate::error::{Result, StoreError};
use crate::ingest::link_group;
use crate::materialise::Stack;
use crate::place::Placer;
use crate::share::Shared;
use crate::sink::Rows;

impl LayerWriter {
    /// Applies the layer to `base` and stores the tree that results, with its stack of layers.
    pub fn finish(mut self, base: Option<&TreeId>) -> Result<TreeId> {
        let inner = Arc::clone(&self.inner);
        let _lease = base.map(|base| inner.leases.trees(vec![*base], Vec::new()));
        base.iter().for_each(|base| inner.touch([&base.stored]));
        let node = base.map(|base| inner.node(&base.stored)).transpose()?;
        self.resolve_foreign(node.as_deref())?;
        let mut rows = Rows::default();
        let tree = self.merge(0, node.as_deref(), &mut rows)?;
        if base == Some(&tree) {
            return Ok(tree);
        }
        inner.touch([&tree.stored]);
        let below = match base {
            Some(base) => inner.stack(&base.stored)?,
            None => Some(Arc::new(Stack { layers: Vec::new(), parent: None })),
        };
        let shared = Shared::find(&inner, std::mem::take(&mut self.sink.shared), &tree, &rows)?;
        let _gate = inner.enter();
        let known = inner.stack(&tree.stored)?.is_some();
        match below {
            Some(below) if !known => {
                let bytes = self.bytes + shared.link(&inner, &self.path)?;
                let layer = inner.add_layer(&self.path, self.entries, bytes)?;
                let layers = [vec![layer.id], below.layers.clone()].concat();
                let stack = Stack { layers, parent: base.map(|base| base.stored) };
                inner.record(&mut self.sink, rows, &tree, layer, &stack)?;
            }
            _ => self.sink.flush(&inner, rows, |_| Ok(()))?,
        }
        Ok(tree)
    }

    fn at(&self, dir: usize, action: &'static str) -> impl FnOnce(Errno) -> StoreError + use<> {
        let path =
            if dir == 0 { Vec::new() } else { self.path_of(self.dirs[dir].parent, &self.dirs[dir].name) };
        StoreError::os(action, self.path.join(String::from_utf8_lossy(&path).as_ref()))
    }

    /// Builds the node of a directory and completes the directory on disk.
    fn merge(&mut self, at: usize, base: Option<&Node>, rows: &mut Rows) -> Result<TreeId> {
        let dir = self.take_open(at).map_err(self.at(at, "open"))?;
        let inherited = base.map(|base| base.meta.clone());
        let base = base.filter(|_| !self.dirs[at].opaque);
        let mut node = base.cloned().unwrap_or_else(Node::empty);
        if let Some(meta) = self.dirs[at].meta.take().or(inherited) {
            node.meta = meta;
        }
        for (name, child) in std::mem::take(&mut self.dirs[at].children) {
            let old = base.and_then(|base| base.get(&name));
            match child {
                Child::Leaf(kind) => node.set(Entry { name, kind }),
                Child::Whiteout => {
                    if node.remove(&name).is_some() {
                        let c_name = fsutil::c_name(&name).map_err(self.at(at, "hide an entry of"))?;
                        fsutil::make_whiteout(&dir, &c_name).map_err(self.at(at, "hide an entry of"))?;
                        self.entries += 1;
                    }
                }
                Child::Dir(child) => {
                    let below = match old.map(|old| &old.kind) {
                        Some(EntryKind::Dir(id)) => Some(self.inner.node(&id.stored)?),
                        _ => None,
                    };
                    let hides = old.is_some() && (below.is_none() || self.dirs[child].opaque);
                    let id = self.merge(child, below.as_deref(), rows)?;
                    if hides {
                        self.mark_opaque(&dir, &name).map_err(self.at(child, "mark as opaque"))?;
                    }
                    node.set(Entry { name, kind: EntryKind::Dir(id) });
                }
            }
        }
        fsutil::reset_meta(&dir, &node.meta).map_err(self.at(at, "set the metadata of"))?;
        let (id, bytes) = node.seal();
        let weight = crate::trees::decoded_bytes(&node);
        self.inner.nodes.put(id.stored, Arc::new(node), weight);
        rows.nodes.push((id.stored, bytes));
        Ok(id)
    }

    fn mark_opaque(&self, dir: &std::os::fd::OwnedFd, name: &[u8]) -> std::result::Result<(), Errno> {
        let child = fsutil::open_dir(dir, &fsutil::c_name(name)?)?;
        rustix::fs::fsetxattr(child, self.inner.config.overlay_xattr.opaque(), b"y", XattrFlags::empty())
    }

    /// Hard links whose target is not in this layer: the target's file is brought up under both names, as the overlay
    /// of a running container would do it.
    fn resolve_foreign(&mut self, base: Option<&Node>) -> Result<()> {
        for (dir, name, target) in std::mem::take(&mut self.foreign) {
            let path = self.path_of(dir, &name);
            let missing = || refused_for(&path, "the target of the hard link does not exist");
            let mut kind = self.look_up(base, &target)?.ok_or_else(missing)?;
            let EntryKind::File { blob, link_group: group, .. } = &mut kind else { return Err(missing()) };
            let target_path = target.join(&b'/');
            *group = link_group(&target_path, blob);
            if self.find(&target_path)?.is_none() {
                let (parent, target_name) = self.place(&target_path)?;
                self.bring_up(parent, &target_name, &kind)?;
            }
            self.add_hardlink(&path, &target_path)?;
        }
        Ok(())
    }

    fn look_up(&self, base: Option<&Node>, path: &[Box<[u8]>]) -> Result<Option<EntryKind>> {
        let (Some(base), Some((name, parents))) = (base, path.split_last()) else { return Ok(None) };
        let mut node = Arc::new(base.clone());
        for part in parents {
            node = match node.get(part).map(|entry| &entry.kind) {
                Some(EntryKind::Dir(id)) => self.inner.node(&id.stored)?,
                _ => return Ok(None),
            };
        }
        Ok(node.get(name).map(|entry| entry.kind.clone()))
    }

    fn bring_up(&mut self, parent: usize, name: &[u8], kind: &EntryKind) -> Result<()> {
        let fail = |errno: Errno| refused_for(name, errno.to_string());
        let dir = self.take_open(parent).map_err(fail)?;
        let inner = Arc::clone(&self.inner);
        let mut placer = Placer::new(&inner, &self.path)?;
        placer.leaf(&dir, &fsutil::c_name(name).map_err(fail)?, kind)?;
        self.entries += placer.entries;
        self.bytes += placer.bytes;
        placer.sink.finish(&inner, Rows::default())?;
        self.sink.shared.append(&mut placer.sink.shared);
        self.open.push((parent, dir));
        self.dirs[parent].children.insert(name.into(), Child::Leaf(kind.clone()));
        Ok(())
    }
}
