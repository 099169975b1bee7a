//! The engine, as a client sees it.

use kukri_model::schema::ObjectDef;

use crate::value::ObjectType;

/// Description of the type.
pub const DEF: ObjectDef = ObjectDef { name: "Engine", doc: "The engine that answers.", interfaces: &[] };

/// The engine of the session.
pub struct Engine;

impl ObjectType for Engine {
    const NAME: &'static str = "Engine";
}
