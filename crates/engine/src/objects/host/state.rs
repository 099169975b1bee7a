//! The client's machine.

use kukri_model::schema::ObjectDef;

use crate::value::ObjectType;

/// Description of the type.
pub const DEF: ObjectDef = ObjectDef { name: "Host", doc: "The client's machine.", interfaces: &[] };

/// The machine of whoever asks.
pub struct Host;

impl ObjectType for Host {
    const NAME: &'static str = "Host";
}
