//! Whether what lies in a layer is what the tree says that it is for. Commands see layers, and read them unchecked.

use std::ffi::CStr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use kukri_model::Digest;
use kukri_tree::{EntryKind, Node};
use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;

use crate::disk::fsutil;
use crate::error::{Result, StoreError};
use crate::materialise::Stack;
use crate::store::Inner;

impl Inner {
    /// What is wrong with the topmost layer of a stack; the others are topmost ones of other trees. What lies in it beside is
    /// not looked for: sockets are in no tree.
    pub(crate) fn fault_of_layer(&self, tree: &Digest, stack: &Stack) -> Result<Option<String>> {
        let Some(top) = stack.layers.first() else { return Ok(None) };
        let below = match (&stack.parent, stack.layers.len()) {
            (_, 1) => Below::Nothing,
            (Some(parent), _) => self.peek_node(parent)?.map_or(Below::Unknown, |(node, _)| Below::Is(node)),
            (None, _) => Below::Unknown,
        };
        let Some((node, _)) = self.peek_node(tree)? else { return Ok(None) };
        let dir = match fsutil::open_dir_path(&self.layout.layer(*top)) {
            Ok(dir) => dir,
            Err(Errno::NOENT) => return Ok(Some(format!("layer {top} is gone"))),
            Err(errno) => return Err(StoreError::os("open", self.layout.layer(*top))(errno)),
        };
        let fault = self.fault_in(&dir, &node, &below)?;
        Ok(fault.map(|(path, what)| format!("layer {top}: {} {what}", String::from_utf8_lossy(&path))))
    }

    fn fault_in(&self, dir: &OwnedFd, node: &Node, below: &Below) -> Result<Option<(Vec<u8>, String)>> {
        for entry in &node.entries {
            let name = fsutil::c_name(&entry.name).map_err(StoreError::os("name", self.layout.layers()))?;
            let under = below.entry(&entry.name);
            let fault = match rustix::fs::statat(dir, &name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) if !under.may_be(&entry.kind) => Some("is gone".to_owned()),
                Err(Errno::NOENT) => None,
                Err(errno) => Some(std::io::Error::from(errno).to_string()),
                Ok(found) => match &entry.kind {
                    EntryKind::Dir(id) => {
                        let Some((node, _)) = self.peek_node(&id.stored)? else { continue };
                        match self.fault_in_dir(dir, &name, &node, under)? {
                            Some((path, what)) => {
                                return Ok(Some(([&entry.name[..], b"/", &path].concat(), what)));
                            }
                            None => None,
                        }
                    }
                    EntryKind::File { blob, size, .. } => {
                        if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
                            Some("is no file".to_owned())
                        } else if found.st_size as u64 != *size {
                            Some(format!("has {} bytes instead of {size}", found.st_size))
                        } else {
                            differs(dir, &name, blob)
                        }
                    }
                    _ => None,
                },
            };
            if let Some(what) = fault {
                return Ok(Some((entry.name.to_vec(), what)));
            }
        }
        Ok(None)
    }

    fn fault_in_dir(
        &self,
        dir: &OwnedFd,
        name: &CStr,
        node: &Node,
        under: Under<'_>,
    ) -> Result<Option<(Vec<u8>, String)>> {
        let opened = fsutil::open_dir(dir, name)
            .and_then(|dir| Ok((fsutil::xattrs(&dir, self.config.overlay_xattr)?, dir)));
        let (marks, dir) = match opened {
            Ok(opened) => opened,
            Err(errno) => return Ok(Some((Vec::new(), std::io::Error::from(errno).to_string()))),
        };
        let below = match under {
            _ if marks.overlay("opaque") == Some(b"y") => Below::Nothing,
            Under::Nothing => Below::Nothing,
            Under::Unknown => Below::Unknown,
            Under::Is(EntryKind::Dir(id)) => {
                self.peek_node(&id.stored)?.map_or(Below::Unknown, |(node, _)| Below::Is(node))
            }
            Under::Is(_) => Below::Nothing,
        };
        self.fault_in(&dir, node, &below)
    }
}

/// What the layers below show of a directory.
enum Below {
    Nothing,
    Is(Arc<Node>),
    Unknown,
}

/// The same of an entry.
#[derive(Clone, Copy)]
enum Under<'a> {
    Nothing,
    Is(&'a EntryKind),
    Unknown,
}

impl Below {
    fn entry(&self, name: &[u8]) -> Under<'_> {
        match self {
            Self::Nothing => Under::Nothing,
            Self::Unknown => Under::Unknown,
            Self::Is(node) => node.get(name).map_or(Under::Nothing, |entry| Under::Is(&entry.kind)),
        }
    }
}

impl Under<'_> {
    /// Whether this is what is shown where a layer says nothing.
    fn may_be(self, wanted: &EntryKind) -> bool {
        match (self, wanted) {
            (Under::Nothing, _) => false,
            (Under::Unknown, _) => true,
            (Under::Is(EntryKind::Dir(one)), EntryKind::Dir(other)) => one.stored == other.stored,
            (
                Under::Is(EntryKind::File { meta, blob, .. }),
                EntryKind::File { meta: wanted_meta, blob: wanted_blob, .. },
            ) => meta == wanted_meta && blob == wanted_blob,
            (Under::Is(kind), wanted) => kind == wanted,
        }
    }
}

fn differs(dir: &OwnedFd, name: &CStr, blob: &Digest) -> Option<String> {
    let read = || {
        let mut file = fsutil::open_file(dir, name)?;
        fsutil::digest_of(&mut file, &|| false)
    };
    match read() {
        Ok(Some(digest)) if digest == *blob => None,
        Ok(_) => Some("has another content".to_owned()),
        Err(error) => Some(error.to_string()),
    }
}
