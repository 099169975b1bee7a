//! What lies on disk, piece by piece; nothing here knows trees or results.

pub(crate) mod format;
pub(crate) mod fsutil;
pub(crate) mod index;
pub(crate) mod journal;
pub(crate) mod layout;
pub(crate) mod objects;
pub(crate) mod packs;
pub(crate) mod reserve;
pub(crate) mod synced;
