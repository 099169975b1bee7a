//! The API's types as GraphQL sees them, in one view: built from the registry, never written by hand.
//!
//! Everything that describes or checks (validation, coercion, introspection, SDL) reads this model.

mod build;
pub mod directives;
mod meta;
mod view;

pub use view::View;

use std::borrow::Cow;
use std::sync::Arc;

use indexmap::IndexMap;
use kukri_engine::ArgValue;
use kukri_engine::operation::Operation;

use directives::DirectiveDef;

/// A name or a text that is nearly always part of the program.
pub type Name = Cow<'static, str>;

/// Number of a type in its schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeIx(u32);

/// A type with its lists and non-nulls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// A named type that may be null.
    Named(TypeIx),
    /// A list.
    List(Box<Type>),
    /// Never null.
    NonNull(Box<Type>),
}

impl Type {
    /// The named type at the bottom.
    #[must_use]
    pub fn base(&self) -> TypeIx {
        match self {
            Self::Named(ix) => *ix,
            Self::List(inner) | Self::NonNull(inner) => inner.base(),
        }
    }

    /// The same without the outermost non-null.
    #[must_use]
    pub fn nullable(&self) -> &Self {
        match self {
            Self::NonNull(inner) => inner,
            other => other,
        }
    }

    /// Whether the outermost type may be null.
    #[must_use]
    pub const fn is_nullable(&self) -> bool {
        !matches!(self, Self::NonNull(_))
    }
}

/// A named type.
#[derive(Debug)]
pub struct TypeDef {
    /// Name.
    pub name: Name,
    /// What it is.
    pub doc: Name,
    /// What kind of type it is.
    pub kind: TypeKind,
}

/// The kinds of types. There are no unions.
#[derive(Debug)]
pub enum TypeKind {
    /// A scalar.
    Scalar(Scalar),
    /// An object.
    Object(Composite),
    /// An interface.
    Interface(Composite),
    /// An enum.
    Enum(IndexMap<Name, EnumValue>),
    /// An input object.
    Input(Vec<Arg>),
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// Whole number of 64 bits.
    Int,
    /// Number.
    Float,
    /// Text.
    String,
    /// Truth value.
    Boolean,
    /// An object's ID. With a type: only of that type.
    Id,
    /// `os/architecture[/variant]`.
    Platform,
    /// Always null.
    Void,
    /// Any other: a text.
    Custom,
}

/// An object or an interface.
#[derive(Debug, Default)]
pub struct Composite {
    /// Interfaces it implements.
    pub interfaces: Vec<TypeIx>,
    /// Fields, by name, sorted.
    pub fields: IndexMap<Name, Field>,
    /// For an interface: the objects that implement it.
    pub possible: Vec<TypeIx>,
}

/// A member of an enum.
#[derive(Debug)]
pub struct EnumValue {
    /// Name.
    pub name: Name,
    /// What it means.
    pub doc: Name,
    /// The name that reaches the operation: its own, or of the member it is an alias of.
    pub canonical: Arc<str>,
    /// For an alias: the member it stands for.
    pub alias_of: Option<&'static str>,
    /// Why and for what it is deprecated.
    pub deprecated: Option<&'static str>,
    /// Why it may change.
    pub experimental: Option<&'static str>,
}

/// What gives a field its value.
#[derive(Clone, Copy)]
pub enum Resolve {
    /// An operation of the engine.
    Operation(&'static Operation),
    /// The ID of the receiver.
    Id,
    /// `node(id:)` and `load<Type>FromID(id:)`: the object with that ID.
    Load,
    /// A field of the introspection's own types, and `__schema`, `__type`, `__schemaVersion`.
    Meta,
    /// `__schemaJSONFile`: the description of the API as a file.
    SchemaFile,
    /// A field of an interface: the receiver's own field of that name.
    Interface,
}

impl std::fmt::Debug for Resolve {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Operation(operation) => write!(f, "{}.{}", operation.def.on, operation.def.name),
            Self::Id => f.write_str("id"),
            Self::Load => f.write_str("load"),
            Self::Meta => f.write_str("meta"),
            Self::SchemaFile => f.write_str("schema file"),
            Self::Interface => f.write_str("interface"),
        }
    }
}

/// A field.
#[derive(Debug)]
pub struct Field {
    /// Name.
    pub name: Name,
    /// What it does.
    pub doc: Name,
    /// Arguments, in order.
    pub args: Vec<Arg>,
    /// What it gives.
    pub ty: Type,
    /// What gives it its value.
    pub resolve: Resolve,
    /// For fields that give an ID: of which type.
    pub expected_type: Option<Name>,
    /// Why and for what it is deprecated.
    pub deprecated: Option<&'static str>,
    /// Why it may change.
    pub experimental: Option<&'static str>,
    /// Why this engine cannot do it yet.
    pub unavailable: Option<&'static str>,
}

impl Field {
    /// What asking for it of a type gives where it cannot be done yet: the text of the error.
    #[must_use]
    pub fn refusal(&self, on: &str) -> Option<String> {
        let reason = self.unavailable?;
        Some(kukri_model::schema::unavailable_message(&format!("{on}.{}", self.name), reason))
    }

    /// What it does, and that it cannot be done yet where that is so.
    #[must_use]
    pub fn description(&self) -> Cow<'_, str> {
        self.unavailable.map_or(Cow::Borrowed(&*self.doc), |reason| {
            Cow::Owned(format!("{}\n\nNot available in this engine yet: {reason}.", self.doc))
        })
    }
}

/// An argument or a field of an input object.
#[derive(Debug)]
pub struct Arg {
    /// Name.
    pub name: &'static str,
    /// What it means.
    pub doc: Name,
    /// Type.
    pub ty: Type,
    /// The default as a GraphQL literal.
    pub default_text: Option<&'static str>,
    /// The default, coerced; null if there is none.
    pub default: ArgValue,
    /// For IDs: the type of object expected.
    pub expected_type: Option<Name>,
    /// Why and for what it is deprecated.
    pub deprecated: Option<&'static str>,
    /// Why it may change.
    pub experimental: Option<&'static str>,
    /// The value must appear in no message and stay in no cache.
    pub sensitive: bool,
}

impl Arg {
    /// Whether it must be given.
    #[must_use]
    pub const fn is_required(&self) -> bool {
        !self.ty.is_nullable() && self.default_text.is_none()
    }
}

/// The types of one view.
#[derive(Debug)]
pub struct Schema {
    view: View,
    types: IndexMap<Name, TypeDef>,
    query: TypeIx,
    directives: Vec<DirectiveDef>,
    problems: Vec<String>,
}

impl Schema {
    /// Whose view it is.
    #[must_use]
    pub const fn view(&self) -> &View {
        &self.view
    }

    /// The root type.
    #[must_use]
    pub const fn query(&self) -> TypeIx {
        self.query
    }

    /// What in the registry could not be shown, as texts: unknown types, defaults that do not fit. Empty if all is well.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// All directives.
    #[must_use]
    pub fn directives(&self) -> &[DirectiveDef] {
        &self.directives
    }

    /// A type by name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<TypeIx> {
        self.types.get_index_of(name).map(index)
    }

    /// A type by number.
    #[must_use]
    pub fn get(&self, ix: TypeIx) -> &TypeDef {
        &self.types[ix.0 as usize]
    }

    /// All types with their numbers, sorted by name; those that are hidden from introspection too.
    pub fn types(&self) -> impl Iterator<Item = (TypeIx, &TypeDef)> {
        self.types.values().enumerate().map(|(at, def)| (index(at), def))
    }

    /// The fields of an object or interface.
    #[must_use]
    pub fn composite(&self, ix: TypeIx) -> Option<&Composite> {
        match &self.get(ix).kind {
            TypeKind::Object(composite) | TypeKind::Interface(composite) => Some(composite),
            _ => None,
        }
    }

    /// Whether a value of the object type `object` is also one of `ix`, which may be an interface.
    #[must_use]
    pub fn is_a(&self, object: TypeIx, ix: TypeIx) -> bool {
        object == ix || self.composite(object).is_some_and(|composite| composite.interfaces.contains(&ix))
    }

    /// Whether some object is of both types.
    #[must_use]
    pub fn overlap(&self, a: TypeIx, b: TypeIx) -> bool {
        match (&self.get(a).kind, &self.get(b).kind) {
            (TypeKind::Interface(_), TypeKind::Interface(_)) => true,
            (TypeKind::Interface(_), _) => self.is_a(b, a),
            _ => self.is_a(a, b),
        }
    }

    /// A type as text.
    #[must_use]
    pub fn show(&self, ty: &Type) -> String {
        match ty {
            Type::Named(ix) => self.get(*ix).name.to_string(),
            Type::List(inner) => format!("[{}]", self.show(inner)),
            Type::NonNull(inner) => format!("{}!", self.show(inner)),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a schema has hundreds of types")]
const fn index(at: usize) -> TypeIx {
    TypeIx(at as u32)
}

/// Whether introspection leaves a type or field out.
#[must_use]
pub fn is_hidden(name: &str) -> bool {
    name.starts_with('_')
}
