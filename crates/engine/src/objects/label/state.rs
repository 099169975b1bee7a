//! A label of an image.

use kukri_model::schema::ObjectDef;

use crate::value::ObjectType;

/// Description of the type.
pub const DEF: ObjectDef = ObjectDef { name: "Label", doc: "A label of an image.", interfaces: &[] };

/// A label of an image.
#[derive(Clone, Debug)]
pub struct Label {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl ObjectType for Label {
    const NAME: &'static str = "Label";
}
