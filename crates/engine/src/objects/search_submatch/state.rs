//! A place that matches.

use kukri_model::schema::ObjectDef;
use kukri_tree::SearchPart;

use crate::value::ObjectType;

/// Description of the type.
pub const DEF: ObjectDef =
    ObjectDef { name: "SearchSubmatch", doc: "A place that matches a search.", interfaces: &[] };

/// A place that matches.
#[derive(Clone, Debug)]
pub struct SearchSubmatch {
    /// The place.
    pub part: SearchPart,
}

impl ObjectType for SearchSubmatch {
    const NAME: &'static str = "SearchSubmatch";
}
