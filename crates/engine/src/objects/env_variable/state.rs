//! An environment variable.

use kukri_model::schema::ObjectDef;

use crate::value::ObjectType;

/// Description of the type.
pub const DEF: ObjectDef =
    ObjectDef { name: "EnvVariable", doc: "An environment variable.", interfaces: &[] };

/// An environment variable.
#[derive(Clone, Debug)]
pub struct EnvVariable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl ObjectType for EnvVariable {
    const NAME: &'static str = "EnvVariable";
}
