//! Looking after a store: what it holds, what may go, whether it is sound.

pub(crate) mod caretaker;
mod mark;
mod needed;
mod prune;
mod room;
mod sweep;
mod usage;
mod verify;

pub use prune::{Budget, Dropped, PruneOptions, PruneReport, Space};
pub use usage::{Entry, EntryKind, KindUsage, Usage};
pub use verify::{Problem, VerifyOptions, VerifyReport};
