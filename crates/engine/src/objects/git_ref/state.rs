//! A git reference.

use kukri_model::schema::ObjectDef;

use crate::value::ObjectType;

/// Description of the type.
pub const DEF: ObjectDef = ObjectDef {
    name: "GitRef",
    doc: "A commit of a git repository, and the name it was found by.",
    interfaces: &[],
};

/// No operation of this engine makes one yet.
pub enum GitRef {}

impl ObjectType for GitRef {
    const NAME: &'static str = "GitRef";
}
