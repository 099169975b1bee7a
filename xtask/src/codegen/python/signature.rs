//! What methods take and give, as annotations.

use kukri_api::Schema;
use kukri_api::schema::{Arg, Field, Resolve, TypeKind};

use super::super::{literal, names};
use super::{BUILT_IN, types};

/// What a method gives.
pub enum Gives<'a> {
    /// An object, not computed.
    Object(&'a str),
    /// A list of objects.
    Objects(&'a str),
    /// An object that was computed.
    Computed(&'a str),
    /// A value that may be null.
    Maybe,
    /// A value.
    Value,
    /// Nothing.
    Nothing,
    /// The object's own ID.
    Identity,
}

impl<'a> Gives<'a> {
    /// That of a field of a type.
    pub fn of(schema: &'a Schema, owner: &str, field: &'a Field) -> Result<Self, String> {
        let base = types::base(schema, &field.ty);
        let is_list = types::is_list(&field.ty);
        Ok(match &schema.get(field.ty.base()).kind {
            TypeKind::Object(_) if is_list => Gives::Objects(base),
            TypeKind::Object(_) => Gives::Object(base),
            TypeKind::Interface(_) | TypeKind::Input(_) => {
                return Err(format!("{owner}.{}: the generator cannot give a {base}", field.name));
            }
            _ if matches!(field.resolve, Resolve::Id) => Gives::Identity,
            _ => match &field.expected_type {
                Some(expected) if base == "ID" && !is_list => Gives::Computed(expected),
                _ if base == "Void" => Gives::Nothing,
                _ if field.ty.is_nullable() => Gives::Maybe,
                _ => Gives::Value,
            },
        })
    }

    /// As Python writes it.
    pub fn annotation(&self, schema: &Schema, owner: &str, field: &Field) -> String {
        match self {
            Gives::Object(kind) | Gives::Computed(kind) => (*kind).to_owned(),
            Gives::Objects(kind) => format!("list[{kind}]"),
            Gives::Nothing => "None".to_owned(),
            Gives::Identity if owner == "Query" => "str".to_owned(),
            Gives::Identity => format!("{owner}ID"),
            Gives::Value => types::annotation(schema, &field.ty, None),
            Gives::Maybe => format!("{} | None", types::annotation(schema, &field.ty, None)),
        }
    }
}

/// The parameters of a method, in their order: those that must be given, `*`, and the others with their defaults.
pub fn parameters(schema: &Schema, args: &[Arg]) -> Result<Vec<String>, String> {
    let (required, optional): (Vec<&Arg>, Vec<&Arg>) = args.iter().partition(|arg| arg.is_required());
    let annotated = |arg: &Arg| {
        let annotation = types::annotation(schema, &arg.ty, arg.expected_type.as_deref());
        format!("{}: {annotation}", names::python(arg.name))
    };
    let mut out: Vec<String> = required.into_iter().map(annotated).collect();
    if !optional.is_empty() {
        out.push("*".to_owned());
    }
    for arg in optional {
        let base = types::base(schema, &arg.ty);
        let default = literal::python(arg.default_text.unwrap_or("null"), base)
            .map_err(|error| format!("{}: {error}", arg.name))?;
        let default = if default == "[]" { "None" } else { &default };
        out.push(format!("{} | None = {default}", annotated(arg)));
    }
    Ok(out)
}

/// Longest signature on one line of the reference.
const WIDTH: usize = 84;

/// The whole signature, as the reference shows it.
pub fn shown(schema: &Schema, owner: &str, field: &Field) -> Result<String, String> {
    let name = names::python(&field.name);
    if matches!(field.resolve, Resolve::Load) {
        // Objects have no type of their own there; see `object::node`.
        return Ok(format!("def {name}(id: Node | str) -> Node"));
    }
    let gives = Gives::of(schema, owner, field)?;
    let annotation = gives.annotation(schema, owner, field);
    let def = if matches!(gives, Gives::Object(_)) { "def" } else { "async def" };
    let parameters = parameters(schema, &field.args)
        .map_err(|error| format!("{owner}.{}, argument {error}", field.name))?;
    Ok(laid(&format!("{def} {name}"), &parameters, &format!(" -> {annotation}")))
}

/// The call that makes an input, as the reference shows it.
pub fn input(schema: &Schema, name: &str, fields: &[Arg]) -> Result<String, String> {
    let mut parameters = parameters(schema, fields).map_err(|error| format!("{name}, field {error}"))?;
    parameters.retain(|parameter| parameter != "*");
    Ok(laid(name, &parameters, ""))
}

/// On one line where that is short, else a line for each parameter.
fn laid(before: &str, parameters: &[String], after: &str) -> String {
    let line = format!("{before}({}){after}", parameters.join(", "));
    if line.chars().count() <= WIDTH {
        return line;
    }
    let lines: String = parameters.iter().map(|parameter| format!("    {parameter},\n")).collect();
    format!("{before}(\n{lines}){after}")
}

/// What stands for a scalar of the API, where that is a type of Python.
pub fn built_in(name: &str) -> Option<&str> {
    BUILT_IN.contains(&name).then(|| types::named(name))
}
