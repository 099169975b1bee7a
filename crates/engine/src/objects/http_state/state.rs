//! What is kept of a download.

use kukri_model::schema::ObjectDef;

use crate::value::ObjectType;

/// Description of the type.
pub const DEF: ObjectDef = ObjectDef {
    name: "HTTPState",
    doc: "What the engine keeps of a download. Internal: nothing of the API gives one, so there is no example.",
    interfaces: &[],
};

/// No operation of this engine makes one yet.
pub enum HTTPState {}

impl ObjectType for HTTPState {
    const NAME: &'static str = "HTTPState";
}
