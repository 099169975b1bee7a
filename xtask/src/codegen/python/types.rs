//! Types of the API as Python writes them, and as the encoder of arguments wants them.

use kukri_api::Schema;
use kukri_api::schema::{Arg, Type, TypeKind};

/// The Python type of a named type.
pub fn named(name: &str) -> &str {
    match name {
        "String" | "ID" => "str",
        "Int" => "int",
        "Float" => "float",
        "Boolean" => "bool",
        "Void" => "None",
        other => other,
    }
}

/// The Python type of an argument or of a value, without `| None`.
pub fn annotation(schema: &Schema, ty: &Type, expected: Option<&str>) -> String {
    match ty {
        Type::NonNull(inner) => annotation(schema, inner, expected),
        Type::List(inner) => format!("list[{}]", annotation(schema, inner, expected)),
        Type::Named(ix) => {
            let name = schema.get(*ix).name.as_ref();
            match expected {
                Some(expected) if name == "ID" => expected.to_owned(),
                _ => named(name).to_owned(),
            }
        }
    }
}

/// The word by which the encoder knows what an argument must be.
pub fn word(schema: &Schema, arg: &Arg) -> String {
    word_of(schema, &arg.ty, arg.expected_type.as_deref())
}

fn word_of(schema: &Schema, ty: &Type, expected: Option<&str>) -> String {
    match ty {
        Type::NonNull(inner) => word_of(schema, inner, expected),
        Type::List(inner) => format!("[{}]", word_of(schema, inner, expected)),
        Type::Named(ix) => {
            let def = schema.get(*ix);
            match (&def.kind, expected) {
                (TypeKind::Scalar(_), Some(expected)) if def.name == "ID" => format!("&{expected}"),
                (TypeKind::Enum(_), _) => format!("%{}", def.name),
                (TypeKind::Input(_), _) => format!("${}", def.name),
                _ => def.name.to_string(),
            }
        }
    }
}

/// The function that makes a Python value from an answer.
pub fn converter(schema: &Schema, ty: &Type) -> String {
    match ty {
        Type::NonNull(inner) => converter(schema, inner),
        Type::List(inner) => format!("list_of({})", converter(schema, inner)),
        Type::Named(ix) => {
            let def = schema.get(*ix);
            match &def.kind {
                TypeKind::Enum(_) => format!("member({})", def.name),
                _ if def.name == "Void" => "nothing".to_owned(),
                _ => named(&def.name).to_owned(),
            }
        }
    }
}

/// The name at the bottom of a type.
pub fn base<'a>(schema: &'a Schema, ty: &Type) -> &'a str {
    schema.get(ty.base()).name.as_ref()
}

/// Whether a type is a list.
pub fn is_list(ty: &Type) -> bool {
    matches!(ty.nullable(), Type::List(_))
}
