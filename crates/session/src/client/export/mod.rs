//! Writing on this machine what the engine exports.

mod compare;
mod file;
mod tree;
mod write;

pub(super) use file::{keep as keep_file, serve as serve_file};
pub(super) use tree::serve as serve_tree;
