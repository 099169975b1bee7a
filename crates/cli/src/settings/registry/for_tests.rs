//! What only tests of the project set.

use super::{Kind, Reader, Setting};

pub(super) const SETTINGS: &[Setting] = &[Setting::variable(
    Reader::Tests,
    "KUKRI_PRETEND_VERSION",
    Kind::Text("VERSION:MIN-MAX"),
    "none",
    "What client or engine say of themselves when they meet, as in 9.9.9:1-3: version, and range of versions of the \
         session protocol",
)];
