//! `Query`: where every chain starts.

use kukri_model::schema::ObjectDef;

use crate::value::ObjectType;

/// The root object.
pub struct Query;

impl ObjectType for Query {
    const NAME: &'static str = "Query";
}

/// Description of the type.
pub const DEF: ObjectDef =
    ObjectDef { name: "Query", doc: "Where every chain of calls starts.", interfaces: &[] };
