//! Descriptions of the API's types and operations, as data.
//!
//! The engine's registry is made of these. The GraphQL schema, the SDL, the Python SDK, the reference and the labels
//! of progress are all made from them; none of them is written by hand.

/// The type of an argument or of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeRef {
    /// A named type that may be null.
    Named(&'static str),
    /// A list.
    List(&'static TypeRef),
    /// Never null.
    NonNull(&'static TypeRef),
}

impl TypeRef {
    /// The name at the bottom of lists and non-nulls.
    #[must_use]
    pub const fn base(&self) -> &'static str {
        match self {
            Self::Named(name) => name,
            Self::List(inner) | Self::NonNull(inner) => inner.base(),
        }
    }

    /// Whether the outermost type may be null.
    #[must_use]
    pub const fn is_nullable(&self) -> bool {
        !matches!(self, Self::NonNull(_))
    }

    /// Whether this is a list, null or not.
    #[must_use]
    pub const fn is_list(&self) -> bool {
        match self {
            Self::Named(_) => false,
            Self::List(_) => true,
            Self::NonNull(inner) => inner.is_list(),
        }
    }
}

impl std::fmt::Display for TypeRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::List(inner) => write!(f, "[{inner}]"),
            Self::NonNull(inner) => write!(f, "{inner}!"),
        }
    }
}

/// What decides whether two calls are the same call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheRule {
    /// Receiver, operation and arguments: the same in every session.
    Pure,
    /// The same within one session only: what is asked for lies with the client.
    PerSession,
    /// Never the same: has an effect, or reads something that changes.
    Never,
}

/// One argument of an operation.
#[derive(Clone, Copy, Debug)]
pub struct ArgDef {
    /// Name on the wire, camelCase.
    pub name: &'static str,
    /// What it means, with units and the default's meaning.
    pub doc: &'static str,
    /// Its type. `ID` for objects, with `expected_type`.
    pub ty: TypeRef,
    /// The default as a GraphQL literal, `None` if there is none.
    pub default: Option<&'static str>,
    /// For IDs: the object type that is expected.
    pub expected_type: Option<&'static str>,
    /// Why and for what it is deprecated.
    pub deprecated: Option<&'static str>,
    /// Why it may change.
    pub experimental: Option<&'static str>,
    /// The value must reach no log, key or disk.
    pub sensitive: bool,
    /// Why this engine takes no value but the default yet: any other gives an error that says so.
    pub unavailable: Option<&'static str>,
    /// Why every value means the same.
    pub no_effect: Option<&'static str>,
}

/// What is asked for and cannot be done in this engine yet: a field, an argument or a member of an enum.
#[must_use]
pub fn unavailable_message(what: &str, why: &str) -> String {
    format!("{what} is not available in this engine: {why}")
}

/// An example of an operation: shown in the reference, and run by the tests.
#[derive(Clone, Copy, Debug)]
pub struct ExampleDef {
    /// Steps from the root to a value, such as `directory.withNewFile(path: "a", contents: "x").entries`. Objects given as
    /// arguments are written in the same way. `;` separates steps that come one after the other.
    pub call: &'static str,
    /// What it gives, as JSON, in whose texts `…` stands for anything; or `raises` with a part of the error's message.
    pub gives: &'static str,
}

/// What of an operation cannot be done yet, where that lies in values of its arguments.
#[derive(Clone, Copy, Debug)]
pub struct Partly {
    /// What is refused, such as `addresses of git repositories`.
    pub what: &'static str,
    /// Why, and what to do instead.
    pub why: &'static str,
}

/// One operation: a field of an object type.
#[derive(Clone, Copy, Debug)]
pub struct OperationDef {
    /// The object type it belongs to.
    pub on: &'static str,
    /// Name on the wire, camelCase.
    pub name: &'static str,
    /// What it does; the first line is a summary.
    pub doc: &'static str,
    /// Arguments, in order.
    pub args: &'static [ArgDef],
    /// What it gives back.
    pub returns: TypeRef,
    /// For operations that give an ID: of which type (`sync`).
    pub expected_type: Option<&'static str>,
    /// What decides whether two calls are the same.
    pub cache: CacheRule,
    /// Whether selecting it evaluates it at once, even if only its ID is asked for.
    pub eager: bool,
    /// Why and for what it is deprecated.
    pub deprecated: Option<&'static str>,
    /// Why it may change.
    pub experimental: Option<&'static str>,
    /// Why this engine cannot do it yet: then it only gives an error that says so.
    pub unavailable: Option<&'static str>,
    /// What of it this engine cannot do yet, and why.
    pub partly: Option<Partly>,
    /// Why it changes nothing, or always gives the same.
    pub no_effect: Option<&'static str>,
    /// Examples, the plainest first.
    pub examples: &'static [ExampleDef],
}

impl OperationDef {
    /// What calling an operation says that this engine cannot do yet.
    #[must_use]
    pub fn unavailable_message(&self) -> String {
        unavailable_message(
            &format!("{}.{}", self.on, self.name),
            self.unavailable.unwrap_or("it is not done yet"),
        )
    }

    /// Why it refuses what it says in `partly`.
    #[must_use]
    pub fn refusal(&self) -> &'static str {
        self.partly.map_or("", |partly| partly.why)
    }
}

/// An object type. Its fields are the operations with its name in `on`.
#[derive(Clone, Copy, Debug)]
pub struct ObjectDef {
    /// Name.
    pub name: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// Interfaces it implements, beside `Node`, which all do.
    pub interfaces: &'static [&'static str],
}

/// A member of an enum.
#[derive(Clone, Copy, Debug)]
pub struct EnumValueDef {
    /// Name.
    pub name: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// For an alias: the member it stands for.
    pub alias_of: Option<&'static str>,
    /// Why and for what it is deprecated.
    pub deprecated: Option<&'static str>,
    /// Why it may change.
    pub experimental: Option<&'static str>,
    /// Why this engine cannot do it yet: then it gives an error that says so.
    pub unavailable: Option<&'static str>,
}

/// An enum.
#[derive(Clone, Copy, Debug)]
pub struct EnumDef {
    /// Name.
    pub name: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// Members, in order.
    pub values: &'static [EnumValueDef],
}

/// A scalar.
#[derive(Clone, Copy, Debug)]
pub struct ScalarDef {
    /// Name.
    pub name: &'static str,
    /// What it is and how it is written.
    pub doc: &'static str,
}

/// An input object.
#[derive(Clone, Copy, Debug)]
pub struct InputDef {
    /// Name.
    pub name: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// Fields, in order.
    pub fields: &'static [ArgDef],
}
