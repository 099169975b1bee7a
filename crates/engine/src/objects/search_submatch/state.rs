//! A place that matches.

use std::sync::Arc;

use kukri_model::schema::ObjectDef;
use kukri_tree::{SearchMatch, SearchPart};

use crate::value::ObjectType;

/// Description of the type.
pub const DEF: ObjectDef =
    ObjectDef { name: "SearchSubmatch", doc: "A place that matches a search.", interfaces: &[] };

/// A place that matches.
#[derive(Clone, Debug)]
pub struct SearchSubmatch {
    /// The match that it is a part of.
    pub found: Arc<SearchMatch>,
    /// Its number in it.
    pub at: usize,
}

impl SearchSubmatch {
    /// The place.
    #[must_use]
    pub fn part(&self) -> &SearchPart {
        &self.found.parts[self.at]
    }
}

impl ObjectType for SearchSubmatch {
    const NAME: &'static str = "SearchSubmatch";
}
