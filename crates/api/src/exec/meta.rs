//! Introspection: the schema as objects that can be asked.

use kukri_engine::{ArgValue, Args};

use super::output::Out;
use crate::schema::directives::{self, Application, DirectiveArg, DirectiveDef};
use crate::schema::{Arg, EnumValue, Field, Schema, Type, TypeIx, TypeKind, is_hidden};

/// An object of introspection.
#[derive(Clone)]
pub(super) enum Meta<'s> {
    Schema,
    Named(TypeIx),
    Type(&'s Type),
    Field(&'s Field),
    Arg(&'s Arg),
    EnumValue(&'s EnumValue),
    Directive(&'s DirectiveDef),
    DirectiveArg(&'s DirectiveArg),
    /// A type of a directive's argument, as text.
    Text(&'static str),
    Application(Application),
    ApplicationArg(&'static str, String),
}

/// What asking gives.
pub(super) enum MetaValue<'s> {
    Leaf(Out),
    One(Meta<'s>),
    Many(Vec<Meta<'s>>),
}

use MetaValue::{Leaf, Many, One};

const NOTHING: MetaValue<'_> = Leaf(Out::Null);

fn text(text: impl Into<std::sync::Arc<str>>) -> MetaValue<'static> {
    Leaf(Out::Text(text.into()))
}

fn optional(value: Option<&str>) -> MetaValue<'static> {
    value.map_or(NOTHING, text)
}

/// Descriptions are null where there are none.
fn description(doc: &str) -> MetaValue<'static> {
    optional(Some(doc).filter(|doc| !doc.is_empty()))
}

fn applications<'s>(applications: Vec<Application>) -> MetaValue<'s> {
    Many(applications.into_iter().map(Meta::Application).collect())
}

fn with_deprecated(args: &Args) -> bool {
    args.iter().any(|(name, value)| *name == "includeDeprecated" && matches!(value, ArgValue::Bool(true)))
}

/// The fields of the root that describe the API.
pub(super) fn root<'s>(schema: &'s Schema, name: &str, args: &Args) -> MetaValue<'s> {
    match name {
        "__schema" => One(Meta::Schema),
        "__schemaVersion" => text(schema.view().to_string()),
        "__type" => match args.first() {
            Some((_, ArgValue::String(name))) => schema.find(name).map_or(NOTHING, |ix| One(Meta::Named(ix))),
            _ => NOTHING,
        },
        _ => NOTHING,
    }
}

/// A field of an object of introspection.
pub(super) fn field<'s>(schema: &'s Schema, meta: &Meta<'s>, name: &str, args: &Args) -> MetaValue<'s> {
    match meta {
        Meta::Schema => match name {
            "types" => Many(
                schema
                    .types()
                    .filter(|(_, def)| !is_hidden(&def.name))
                    .map(|(ix, _)| Meta::Named(ix))
                    .collect(),
            ),
            "queryType" => One(Meta::Named(schema.query())),
            "directives" => Many(schema.directives().iter().map(Meta::Directive).collect()),
            _ => NOTHING,
        },
        Meta::Named(ix) => named(schema, *ix, name, args),
        Meta::Type(Type::Named(ix)) => named(schema, *ix, name, args),
        Meta::Type(Type::List(inner)) => wrapped("LIST", Meta::Type(inner), name),
        Meta::Type(Type::NonNull(inner)) => wrapped("NON_NULL", Meta::Type(inner), name),
        Meta::Text(ty) => {
            if let Some(inner) = ty.strip_suffix('!') {
                wrapped("NON_NULL", Meta::Text(inner), name)
            } else if let Some(inner) = ty.strip_prefix('[').and_then(|ty| ty.strip_suffix(']')) {
                wrapped("LIST", Meta::Text(inner), name)
            } else {
                schema.find(ty).map_or(NOTHING, |ix| named(schema, ix, name, args))
            }
        }
        Meta::Field(field) => match name {
            "name" => text(&*field.name),
            "description" => description(&field.description()),
            "args" => Many(visible_args(&field.args, args)),
            "type" => One(Meta::Type(&field.ty)),
            "isDeprecated" => Leaf(Out::Bool(field.deprecated.is_some())),
            "deprecationReason" => optional(field.deprecated),
            "directives" => applications(directives::of_field(field)),
            _ => NOTHING,
        },
        Meta::Arg(arg) => match name {
            "name" => text(arg.name),
            "description" => description(&arg.doc),
            "type" => One(Meta::Type(&arg.ty)),
            "defaultValue" => optional(arg.default_text),
            "isDeprecated" => Leaf(Out::Bool(arg.deprecated.is_some())),
            "deprecationReason" => optional(arg.deprecated),
            "directives" => applications(directives::of_arg(arg)),
            _ => NOTHING,
        },
        Meta::EnumValue(value) => match name {
            "name" => text(&*value.name),
            "description" => description(&value.doc),
            "isDeprecated" => Leaf(Out::Bool(value.deprecated.is_some())),
            "deprecationReason" => optional(value.deprecated),
            "directives" => applications(directives::of_enum_value(value)),
            _ => NOTHING,
        },
        Meta::Directive(def) => match name {
            "name" => text(def.name),
            "description" => description(def.doc),
            "isRepeatable" => Leaf(Out::Bool(false)),
            "locations" => {
                Leaf(Out::Strings(def.locations.iter().map(|location| (*location).into()).collect()))
            }
            "args" => Many(def.args.iter().map(Meta::DirectiveArg).collect()),
            _ => NOTHING,
        },
        Meta::DirectiveArg(arg) => match name {
            "name" => text(arg.name),
            "type" => One(Meta::Text(arg.ty)),
            "defaultValue" => optional(arg.default),
            "isDeprecated" => Leaf(Out::Bool(false)),
            "directives" => Many(Vec::new()),
            _ => NOTHING,
        },
        Meta::Application(application) => match name {
            "name" => text(application.name),
            "args" => {
                let args = application.args.iter();
                Many(args.map(|(name, value)| Meta::ApplicationArg(name, value.clone())).collect())
            }
            _ => NOTHING,
        },
        Meta::ApplicationArg(arg, value) => match name {
            "name" => text(*arg),
            "value" => text(value.as_str()),
            _ => NOTHING,
        },
    }
}

fn visible_args<'s>(args: &'s [Arg], asked: &Args) -> Vec<Meta<'s>> {
    let all = with_deprecated(asked);
    args.iter()
        .filter(|arg| !is_hidden(arg.name) && (all || arg.deprecated.is_none()))
        .map(Meta::Arg)
        .collect()
}

fn wrapped<'s>(kind: &'static str, inner: Meta<'s>, name: &str) -> MetaValue<'s> {
    match name {
        "kind" => text(kind),
        "ofType" => One(inner),
        "directives" => Many(Vec::new()),
        _ => NOTHING,
    }
}

fn named<'s>(schema: &'s Schema, ix: TypeIx, name: &str, args: &Args) -> MetaValue<'s> {
    let def = schema.get(ix);
    match (name, &def.kind) {
        ("kind", kind) => text(match kind {
            TypeKind::Scalar(_) => "SCALAR",
            TypeKind::Object(_) => "OBJECT",
            TypeKind::Interface(_) => "INTERFACE",
            TypeKind::Enum(_) => "ENUM",
            TypeKind::Input(_) => "INPUT_OBJECT",
        }),
        ("name", _) => text(&*def.name),
        ("description", _) => description(&def.doc),
        ("directives", _) => Many(Vec::new()),
        ("fields", TypeKind::Object(composite) | TypeKind::Interface(composite)) => {
            let all = with_deprecated(args);
            let fields = composite.fields.values();
            let visible =
                fields.filter(|field| !is_hidden(&field.name) && (all || field.deprecated.is_none()));
            Many(visible.map(Meta::Field).collect())
        }
        ("interfaces", TypeKind::Object(composite) | TypeKind::Interface(composite)) => {
            Many(composite.interfaces.iter().map(|ix| Meta::Named(*ix)).collect())
        }
        ("possibleTypes", TypeKind::Interface(composite)) => {
            Many(composite.possible.iter().map(|ix| Meta::Named(*ix)).collect())
        }
        ("enumValues", TypeKind::Enum(values)) => {
            let all = with_deprecated(args);
            let visible = values.values().filter(|value| all || value.deprecated.is_none());
            Many(visible.map(Meta::EnumValue).collect())
        }
        ("inputFields", TypeKind::Input(fields)) => Many(visible_args(fields, args)),
        ("isOneOf", TypeKind::Input(_)) => Leaf(Out::Bool(false)),
        _ => NOTHING,
    }
}
