//! A socket.

use kukri_model::schema::ObjectDef;

use crate::value::ObjectType;

/// Description of the type.
pub const DEF: ObjectDef =
    ObjectDef { name: "Socket", doc: "A socket that containers can be connected to.", interfaces: &[] };

/// No operation of this engine makes one yet.
pub enum Socket {}

impl ObjectType for Socket {
    const NAME: &'static str = "Socket";
}
