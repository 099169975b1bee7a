//! A match of a search.

use std::sync::Arc;

use kukri_model::schema::ObjectDef;
use kukri_tree::SearchMatch;

use crate::value::ObjectType;

/// Description of the type.
pub const DEF: ObjectDef = ObjectDef { name: "SearchResult", doc: "A match of a search.", interfaces: &[] };

/// A match of a search.
#[derive(Clone, Debug)]
pub struct SearchResult {
    /// The match.
    pub found: Arc<SearchMatch>,
}

impl ObjectType for SearchResult {
    const NAME: &'static str = "SearchResult";

    fn weight(&self) -> usize {
        1 + self.found.bytes() / 1024
    }
}
