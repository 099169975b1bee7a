//! Merkle trees of file systems: their format, and everything that can be done to them without a disk.
//!
//! Pure: nodes come from a [`NodeReader`], which a test implements with a map ([`memory::Memory`]).
//! Must not know: where nodes and contents are kept, containers, the API.
//!
//! Trees can nest deeper than a thread's stack is long, so nothing here recurses over depth.
//! Paths are bytes, separated by `/`; they become text, lossily, only in results meant for people.
#![forbid(unsafe_code)]

pub mod cancel;
pub mod changes;
pub mod combine;
pub mod diff;
pub mod edit;
pub mod filter;
pub mod gitignore;
pub mod glob;
pub mod hash;
pub mod lines;
pub mod lookup;
pub mod memory;
pub mod node;
pub mod owner;
pub mod patch;
pub mod path;
pub mod pattern;
pub mod renames;
pub mod replace;
pub mod sealed;
pub mod search;
pub mod stat;
pub mod stats;
#[cfg(test)]
mod testing;
pub mod walk;
mod wire;

pub use changes::ChangedPaths;
pub use combine::{Combined, Conflicts, combine};
pub use diff::{Change, ChangeKind, Equality, compare, diff_tree};
pub use edit::{CopyOptions, Editor, FileSource, Kind};
pub use filter::{Decision, Filter, filter};
pub use glob::glob;
pub use lookup::{Follow, Found, FoundKind, entries, lookup, try_exists};
pub use memory::Memory;
pub use node::{BlobReader, Entry, EntryKind, Meta, Node, NodeReader, TreeError, TreeId, Xattrs};
pub use patch::{apply_patch, write_patch};
pub use pattern::{Pattern, Patterns};
pub use replace::{Occurrences, Replacing};
pub use sealed::{Layered, Sealed};
pub use search::{Query, Room as SearchRoom, Search, SearchMatch, SearchPart, Searching, Target};
pub use stat::{FileKind, Stat, stat};
pub use stats::{DiffStat, StatKind, diff_stats};
pub use walk::{Walk, WalkEntry};
pub use wire::is_name;
