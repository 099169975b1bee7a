//! A git repository.

use kukri_model::schema::ObjectDef;

use crate::value::ObjectType;

/// Description of the type.
pub const DEF: ObjectDef = ObjectDef { name: "GitRepository", doc: "A git repository.", interfaces: &[] };

/// No operation of this engine makes one yet.
pub enum GitRepository {}

impl ObjectType for GitRepository {
    const NAME: &'static str = "GitRepository";
}
