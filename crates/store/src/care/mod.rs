//! Looking after a store: what it holds, what may go, whether it is sound.

pub(crate) mod caretaker;
mod distrust;
pub(crate) mod doubts;
mod gc;
mod layers;
mod mark;
mod needed;
mod prune;
mod room;
mod sweep;
mod usage;
mod verify;

pub use gc::{Budget, Space};
pub use prune::{Dropped, PruneOptions, PruneReport};
pub use usage::{Entry, EntryKind, KindUsage, Usage};
pub use verify::{Problem, VerifyOptions, VerifyReport};
