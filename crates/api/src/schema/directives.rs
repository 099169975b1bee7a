//! The directives of the API: how they are declared, and which of them stand on a field, argument or enum value.

use super::{Arg, EnumValue, Field};

/// An argument of a directive.
#[derive(Clone, Copy, Debug)]
pub struct DirectiveArg {
    /// Name.
    pub name: &'static str,
    /// Type as text.
    pub ty: &'static str,
    /// Default as a literal.
    pub default: Option<&'static str>,
}

/// A directive.
#[derive(Clone, Copy, Debug)]
pub struct DirectiveDef {
    /// Name without `@`.
    pub name: &'static str,
    /// What it says.
    pub doc: &'static str,
    /// Where it may stand.
    pub locations: &'static [&'static str],
    /// Arguments.
    pub args: &'static [DirectiveArg],
    /// Part of GraphQL itself; not printed in the SDL.
    pub standard: bool,
}

const fn arg(name: &'static str, ty: &'static str) -> DirectiveArg {
    DirectiveArg { name, ty, default: None }
}

const fn own(
    name: &'static str,
    doc: &'static str,
    locations: &'static [&'static str],
    args: &'static [DirectiveArg],
) -> DirectiveDef {
    DirectiveDef { name, doc, locations, args, standard: false }
}

const FIELD: &str = "FIELD_DEFINITION";
const ARGUMENT: &str = "ARGUMENT_DEFINITION";
const INPUT_FIELD: &str = "INPUT_FIELD_DEFINITION";
const ENUM_VALUE: &str = "ENUM_VALUE";

/// The directives of the API and of GraphQL, sorted by name.
pub const DIRECTIVES: &[DirectiveDef] = &[
    own(
        "cache",
        "How long a function's results are kept.",
        &[FIELD],
        &[arg("policy", "FunctionCachePolicy"), arg("ttl", "String")],
    ),
    own("check", "The function is a check.", &[FIELD], &[]),
    own(
        "defaultAddress",
        "Address that is loaded when the argument is not given.",
        &[ARGUMENT],
        &[arg("address", "String!")],
    ),
    own(
        "defaultPath",
        "Path that is loaded when the argument is not given.",
        &[ARGUMENT],
        &[arg("path", "String!")],
    ),
    DirectiveDef {
        name: "deprecated",
        doc: "No longer the way to do it.",
        locations: &[FIELD, ARGUMENT, INPUT_FIELD, ENUM_VALUE],
        args: &[DirectiveArg { name: "reason", ty: "String", default: Some("\"No longer supported\"") }],
        standard: true,
    },
    own(
        "enumValue",
        "The member for which this one is another name.",
        &[ENUM_VALUE],
        &[arg("value", "String!")],
    ),
    own(
        "expectedType",
        "The type of the object that the ID identifies.",
        &[ARGUMENT, FIELD],
        &[arg("name", "String!")],
    ),
    own(
        "experimental",
        "May change in any release.",
        &[FIELD, ARGUMENT, INPUT_FIELD, ENUM_VALUE],
        &[DirectiveArg { name: "reason", ty: "String!", default: Some("\"Not stabilized\"") }],
    ),
    own("generate", "The function generates files.", &[FIELD], &[]),
    own(
        "ignorePatterns",
        "Patterns of paths that are left out when the argument's path is loaded.",
        &[ARGUMENT],
        &[arg("patterns", "[String!]!")],
    ),
    DirectiveDef {
        name: "include",
        doc: "Selects only if the condition holds.",
        locations: &["FIELD", "FRAGMENT_SPREAD", "INLINE_FRAGMENT"],
        args: &[arg("if", "Boolean!")],
        standard: true,
    },
    DirectiveDef {
        name: "skip",
        doc: "Selects only if the condition does not hold.",
        locations: &["FIELD", "FRAGMENT_SPREAD", "INLINE_FRAGMENT"],
        args: &[arg("if", "Boolean!")],
        standard: true,
    },
    own(
        "sourceMap",
        "Where in a module's source this is defined.",
        &["SCALAR", "OBJECT", FIELD, ARGUMENT, "UNION", "ENUM", ENUM_VALUE, "INPUT_OBJECT"],
        &[
            arg("module", "String!"),
            arg("filename", "String!"),
            arg("line", "Int!"),
            arg("column", "Int!"),
            arg("url", "String!"),
        ],
    ),
    DirectiveDef {
        name: "specifiedBy",
        doc: "Where a scalar is specified.",
        locations: &["SCALAR"],
        args: &[arg("url", "String!")],
        standard: true,
    },
    own("up", "The function starts services.", &[FIELD], &[]),
];

/// A directive that stands on something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// Name.
    pub name: &'static str,
    /// Arguments, values as literals.
    pub args: Vec<(&'static str, String)>,
}

fn one(name: &'static str, arg: &'static str, text: &str) -> Application {
    Application { name, args: vec![(arg, crate::sdl::quoted(text))] }
}

fn state(deprecated: Option<&str>, experimental: Option<&str>) -> impl Iterator<Item = Application> {
    let deprecated = deprecated.map(|reason| one("deprecated", "reason", reason));
    let experimental = experimental.map(|reason| one("experimental", "reason", reason));
    deprecated.into_iter().chain(experimental)
}

/// The directives on a field.
#[must_use]
pub fn of_field(field: &Field) -> Vec<Application> {
    let expected = field.expected_type.as_deref().map(|name| one("expectedType", "name", name));
    expected.into_iter().chain(state(field.deprecated, field.experimental)).collect()
}

/// The directives on an argument.
#[must_use]
pub fn of_arg(arg: &Arg) -> Vec<Application> {
    let expected = arg.expected_type.as_deref().map(|name| one("expectedType", "name", name));
    expected.into_iter().chain(state(arg.deprecated, arg.experimental)).collect()
}

/// The directives on an enum value.
#[must_use]
pub fn of_enum_value(value: &EnumValue) -> Vec<Application> {
    let alias = value.alias_of.map(|canonical| one("enumValue", "value", canonical));
    alias.into_iter().chain(state(value.deprecated, value.experimental)).collect()
}
