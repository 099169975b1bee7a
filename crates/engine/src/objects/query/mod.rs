//! `Query`: where every chain starts.

mod version;

use kukri_model::schema::ObjectDef;

use crate::operation::Operation;
use crate::value::ObjectType;

/// The root object.
pub struct Query;

impl ObjectType for Query {
    const NAME: &'static str = "Query";
}

/// Description of the type.
pub const DEF: ObjectDef =
    ObjectDef { name: "Query", doc: "Where every chain of calls starts.", interfaces: &[] };

/// Its operations.
pub const OPERATIONS: &[Operation] = &[Operation::of::<version::Version>()];
