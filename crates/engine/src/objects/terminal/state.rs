//! A terminal.

use kukri_model::schema::ObjectDef;

use crate::value::ObjectType;

/// Description of the type.
pub const DEF: ObjectDef =
    ObjectDef { name: "Terminal", doc: "An interactive terminal.", interfaces: &["Syncer"] };

/// No operation of this engine makes one yet.
pub enum Terminal {}

impl ObjectType for Terminal {
    const NAME: &'static str = "Terminal";
}
