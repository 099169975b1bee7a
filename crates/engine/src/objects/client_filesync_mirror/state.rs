//! What is kept of a client's files.

use kukri_model::schema::ObjectDef;

use crate::value::ObjectType;

/// Description of the type.
pub const DEF: ObjectDef = ObjectDef {
    name: "ClientFilesyncMirror",
    doc: "What the engine keeps of the files of a client's machine. Internal: nothing of the API gives one, so there is no example.",
    interfaces: &[],
};

/// No operation of this engine makes one yet.
pub enum ClientFilesyncMirror {}

impl ObjectType for ClientFilesyncMirror {
    const NAME: &'static str = "ClientFilesyncMirror";
}
