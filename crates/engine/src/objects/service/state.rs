//! A service.

use kukri_model::schema::ObjectDef;

use crate::value::ObjectType;

/// Description of the type.
pub const DEF: ObjectDef = ObjectDef {
    name: "Service",
    doc: "A program that others reach by the network while they run.",
    interfaces: &["Syncer"],
};

/// No operation of this engine makes one yet.
pub enum Service {}

impl ObjectType for Service {
    const NAME: &'static str = "Service";
}
