//! `kukri core`: chains of the API's functions as words: `kukri core container from --address=alpine with-exec
//! --args=echo,hi stdout`.
//!
//! [`tree`] makes a command line of what the API has at each point of a chain, so that help, mistakes and completion are
//! those of every other command. [`chain`] reads it, [`value`] the arguments, [`document`] makes GraphQL of it, and
//! [`show`] prints what comes back.

pub mod chain;
pub mod document;
pub mod names;
pub mod show;
pub mod tree;
pub mod value;

use kukri_api::schema::{Field, Resolve, Scalar, TypeIx, TypeKind};
use kukri_api::{Schema, View};
use kukri_engine::Registry;

/// The API that this program knows.
pub fn api() -> Schema {
    Schema::build(&Registry::core(), &View::DEFAULT)
}

/// Functions that a chain can go on with.
fn functions(schema: &Schema, on: TypeIx) -> impl Iterator<Item = &Field> {
    let fields = schema.composite(on).into_iter().flat_map(|composite| composite.fields.values());
    fields.filter(|field| {
        matches!(field.resolve, Resolve::Operation(_) | Resolve::Id | Resolve::Interface)
            && !kukri_api::schema::is_hidden(&field.name)
    })
}

/// The type on which a chain goes on after a function; none after the last one.
fn next(schema: &Schema, field: &Field) -> Option<TypeIx> {
    let base = field.ty.base();
    match &schema.get(base).kind {
        TypeKind::Object(_) | TypeKind::Interface(_) => Some(base),
        TypeKind::Scalar(Scalar::Id) => schema.find(field.expected_type.as_deref()?),
        _ => None,
    }
}
