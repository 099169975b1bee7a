//! The object types, each with a folder: one file per operation.

pub mod query;

use kukri_model::schema::{EnumDef, ObjectDef, ScalarDef};

use crate::operation::Operation;
use crate::registry::InterfaceDef;

/// Every object type with its operations.
#[must_use]
pub fn all() -> Vec<(&'static ObjectDef, &'static [Operation])> {
    vec![(&query::DEF, query::OPERATIONS)]
}

/// Every enum.
#[must_use]
pub fn enums() -> &'static [&'static EnumDef] {
    &[]
}

/// Every scalar beside `String`, `Int`, `Float` and `Boolean`.
#[must_use]
pub fn scalars() -> &'static [ScalarDef] {
    &[
        ScalarDef {
            name: "ID",
            doc: "Identifies an object: of this session, of another, or of an earlier engine.",
        },
        ScalarDef { name: "JSON", doc: "A text that holds JSON." },
        ScalarDef {
            name: "Platform",
            doc: "What an image is built for: `os/architecture[/variant]`, as in `linux/amd64`.",
        },
        ScalarDef { name: "Void", doc: "The absence of a value: always null." },
    ]
}

/// Every interface.
#[must_use]
pub fn interfaces() -> &'static [InterfaceDef] {
    &[]
}
