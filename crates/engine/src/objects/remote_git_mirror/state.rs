//! What is kept of a git repository.

use kukri_model::schema::ObjectDef;

use crate::value::ObjectType;

/// Description of the type.
pub const DEF: ObjectDef = ObjectDef {
    name: "RemoteGitMirror",
    doc: "What the engine keeps of a git repository elsewhere. Internal: nothing of the API gives one, so there is no example.",
    interfaces: &[],
};

/// No operation of this engine makes one yet.
pub enum RemoteGitMirror {}

impl ObjectType for RemoteGitMirror {
    const NAME: &'static str = "RemoteGitMirror";
}
