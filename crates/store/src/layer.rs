//! Image layers in.
use std::io::Read;

use kukri_tree::{Meta, TreeId};

use crate::{Result, Store};

impl Store {
    /// Starts to take an image layer. Entries come in the order of the archive.
    pub fn layer_writer(&self) -> Result<LayerWriter> {
        todo!()
    }
}

/// Takes the entries of one image layer. Paths are bytes as they stand in the archive: they may be absolute or hold
/// `..`, but never lead out of the layer. Dropped without [`LayerWriter::finish`], it leaves nothing.
#[derive(Debug)]
pub struct LayerWriter {}

impl LayerWriter {
    /// A directory; its children stay if it is there already.
    pub fn add_dir(&mut self, _path: &[u8], _meta: &Meta) -> Result<()> {
        todo!()
    }
    /// A file of `size` bytes. Fewer bytes than announced are an error; what follows them is not read.
    pub fn add_file(&mut self, _path: &[u8], _meta: &Meta, _size: u64, _content: &mut dyn Read) -> Result<()> {
        todo!()
    }
    /// A symbolic link.
    pub fn add_symlink(&mut self, _path: &[u8], _meta: &Meta, _target: &[u8]) -> Result<()> {
        todo!()
    }
    /// A hard link to a file of this layer or of a lower one.
    pub fn add_hardlink(&mut self, _path: &[u8], _target: &[u8]) -> Result<()> {
        todo!()
    }
    /// A character (`block == false`) or block device.
    pub fn add_device(&mut self, _path: &[u8], _meta: &Meta, _block: bool, _major: u32, _minor: u32) -> Result<()> {
        todo!()
    }
    /// A named pipe.
    pub fn add_fifo(&mut self, _path: &[u8], _meta: &Meta) -> Result<()> {
        todo!()
    }
    /// Hides what a lower layer has at `path` (the path itself, without `.wh.`).
    pub fn whiteout(&mut self, _path: &[u8]) -> Result<()> {
        todo!()
    }
    /// Hides what lower layers have in the directory.
    pub fn opaque(&mut self, _dir: &[u8]) -> Result<()> {
        todo!()
    }
    /// Applies the layer to `base` and stores the tree that results.
    pub fn finish(self, _base: Option<&TreeId>) -> Result<TreeId> {
        todo!()
    }
}
