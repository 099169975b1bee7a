//! From values as written to arguments as the engine takes them, as lenient as clients need it.
//!
//! Numbers and truth values may come as texts, enums as quoted texts, IDs as whole numbers, single values where lists
//! are wanted; null is the same as not given. What equals a default is left out, so that the identity of a call does
//! not depend on whether a client spells defaults out.

use std::collections::HashMap;
use std::sync::Arc;

use kukri_engine::{ArgValue, Args, Call};
use kukri_model::Platform;
use serde_json::Value as Json;

use crate::document::{self, Document, Entry, Literal, Range};
use crate::integer;
use crate::schema::{Arg, Field, Scalar, Schema, Type, TypeIx, TypeKind};
use crate::suggest::did_you_mean;

/// Deepest nesting of input objects.
const DEEPEST: usize = 64;

/// A variable's value: given with the request, or the default in the document.
#[derive(Clone, Debug)]
pub(crate) enum VariableValue {
    Given(Json),
    Default(u32),
}

/// Values of variables by name; those that have none are missing.
pub(crate) type Variables = HashMap<String, VariableValue>;

/// A value from either place.
#[derive(Clone, Copy)]
pub(crate) enum Input<'a> {
    Literal(&'a Entry),
    Json(&'a Json),
}

/// Finds the object of an ID. The second argument is the type that is expected.
pub(crate) type FindObject<'a> = &'a (dyn Fn(&str, Option<&str>) -> Result<Arc<Call>> + Sync);

/// What coercion needs to know.
#[derive(Clone, Copy)]
pub(crate) struct Coercer<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) document: &'a Document,
    pub(crate) variables: &'a Variables,
    pub(crate) find: FindObject<'a>,
}

type Result<T> = std::result::Result<T, String>;

/// The value of a default. Defaults cannot be objects with an ID.
pub(crate) fn default_value(schema: &Schema, arg: &Arg, text: &str) -> Result<ArgValue> {
    let document = document::parse(&format!("{{a(b:{text})}}")).map_err(|error| error.message)?;
    let variables = Variables::new();
    let find = |_: &str, _: Option<&str>| Err("an ID cannot be a default".to_owned());
    let coercer = Coercer { schema, document: &document, variables: &variables, find: &find };
    let root = document.selections(document.operations()[0].selections);
    let document::SelectionKind::Field { arguments, .. } = root[0].kind else {
        return Err("no value".to_owned());
    };
    match document.entries(arguments) {
        [entry] => coercer.value(arg.ty.nullable(), arg.expected_type.as_deref(), Input::Literal(entry), 0),
        _ => Err(format!("{text} is not one value")),
    }
}

impl<'a> Coercer<'a> {
    /// The arguments of a field: in the order of the definition, without those that equal their default.
    pub(crate) fn args(&self, field: &Field, given: Range) -> Result<Args> {
        let given = self.document.entries(given);
        let mut args = Args::with_capacity(given.len());
        for arg in &field.args {
            let entry = given.iter().find(|entry| self.document.str(entry.name) == arg.name);
            let value = self.arg(arg, entry.and_then(|entry| self.input(Input::Literal(entry))))?;
            if !matches!(value, ArgValue::Null) && !same(&value, &arg.default) {
                args.push((arg.name, value));
            }
        }
        Ok(args)
    }

    /// One argument or field of an input object; null where the default applies.
    fn arg(&self, arg: &Arg, input: Option<Input<'a>>) -> Result<ArgValue> {
        let value =
            match input {
                Some(input) => self
                    .value(arg.ty.nullable(), arg.expected_type.as_deref(), input, 0)
                    .map_err(|error| match arg.sensitive {
                        // The usual message shows what was given.
                        true => format!("argument {:?}: expected {}", arg.name, self.schema.show(&arg.ty)),
                        false => format!("argument {:?}: {error}", arg.name),
                    })?,
                None => ArgValue::Null,
            };
        if matches!(value, ArgValue::Null) && arg.is_required() {
            return Err(format!(
                "argument {:?} of type {:?} is required",
                arg.name,
                self.schema.show(&arg.ty)
            ));
        }
        Ok(value)
    }

    /// A truth value that must be there, for `@include` and `@skip`.
    pub(crate) fn condition(&self, entry: &'a Entry) -> Result<bool> {
        match self
            .input(Input::Literal(entry))
            .map(|input| self.scalar("Boolean", Scalar::Boolean, None, input))
        {
            Some(Ok(ArgValue::Bool(value))) => Ok(value),
            Some(Err(error)) => Err(error),
            _ => Err("expected Boolean, got nothing".to_owned()),
        }
    }

    /// The text of an ID argument; `None` if it is not set.
    pub(crate) fn id_text(&self, entry: &'a Entry) -> Result<Option<String>> {
        self.input(Input::Literal(entry)).map_or(Ok(None), |input| self.id(input))
    }

    /// Replaces a variable by its value; `None` if it has none.
    fn input(&self, input: Input<'a>) -> Option<Input<'a>> {
        let Input::Literal(Entry { value: Literal::Variable(name), .. }) = input else { return Some(input) };
        match self.variables.get(self.document.str(*name))? {
            VariableValue::Given(json) => Some(Input::Json(json)),
            VariableValue::Default(row) => Some(Input::Literal(self.document.entry(*row))),
        }
    }

    /// Coerces a value. Goes as deep as the type, which is bounded for all but input objects that hold themselves.
    fn value(&self, ty: &Type, expected: Option<&str>, input: Input<'a>, depth: usize) -> Result<ArgValue> {
        let Some(input) = self.input(input) else { return Ok(ArgValue::Null) };
        if is_null(input) {
            return Ok(ArgValue::Null);
        }
        match ty {
            Type::NonNull(inner) => match self.value(inner, expected, input, depth)? {
                ArgValue::Null => Err(format!("expected {}, got null", self.schema.show(ty))),
                value => Ok(value),
            },
            Type::List(inner) => {
                let items = match input {
                    Input::Literal(Entry { value: Literal::List(range), .. }) => self
                        .document
                        .entries(*range)
                        .iter()
                        .map(|item| self.item(inner, expected, Input::Literal(item), depth))
                        .collect::<Result<Vec<_>>>()?,
                    Input::Json(Json::Array(items)) => items
                        .iter()
                        .map(|item| self.item(inner, expected, Input::Json(item), depth))
                        .collect::<Result<Vec<_>>>()?,
                    single => vec![self.item(inner, expected, single, depth)?],
                };
                Ok(ArgValue::List(items))
            }
            Type::Named(ix) => self.named(*ix, expected, input, depth),
        }
    }

    fn item(&self, ty: &Type, expected: Option<&str>, input: Input<'a>, depth: usize) -> Result<ArgValue> {
        let value = self.value(ty, expected, input, depth)?;
        if matches!(value, ArgValue::Null) && !ty.is_nullable() {
            return Err(format!("expected {}, got null in a list", self.schema.show(ty)));
        }
        Ok(value)
    }

    fn named(&self, ix: TypeIx, expected: Option<&str>, input: Input<'a>, depth: usize) -> Result<ArgValue> {
        let def = self.schema.get(ix);
        match &def.kind {
            TypeKind::Scalar(scalar) => self.scalar(&def.name, *scalar, expected, input),
            TypeKind::Enum(values) => {
                let name = match input {
                    Input::Literal(Entry { value: Literal::String(text), .. }) => text,
                    Input::Literal(Entry { value: Literal::Enum, span, .. }) => self.document.str(*span),
                    Input::Json(Json::String(text)) => text,
                    other => return Err(self.wrong(&def.name, other)),
                };
                let value = values.get(name).ok_or_else(|| {
                    let near = did_you_mean(name, values.keys().map(AsRef::as_ref));
                    format!("{name:?} is not a member of {}.{near}", def.name)
                })?;
                Ok(ArgValue::Enum(Arc::clone(&value.canonical)))
            }
            TypeKind::Input(fields) if depth < DEEPEST => self.object(&def.name, fields, input, depth),
            TypeKind::Input(_) => Err(format!("{} is nested deeper than {DEEPEST}", def.name)),
            TypeKind::Object(_) | TypeKind::Interface(_) => Err(self.wrong(&def.name, input)),
        }
    }

    fn object(&self, type_name: &str, fields: &[Arg], input: Input<'a>, depth: usize) -> Result<ArgValue> {
        let mut given: Vec<(&str, Input<'a>)> = Vec::new();
        match input {
            Input::Literal(Entry { value: Literal::Object(range), .. }) => {
                let entries = self.document.entries(*range).iter();
                given.extend(entries.map(|entry| (self.document.str(entry.name), Input::Literal(entry))));
            }
            Input::Json(Json::Object(map)) => {
                given.extend(map.iter().map(|(name, value)| (name.as_str(), Input::Json(value))));
            }
            other => return Err(self.wrong(type_name, other)),
        }
        if let Some((name, _)) =
            given.iter().find(|(name, _)| !fields.iter().any(|field| field.name == *name))
        {
            let near = did_you_mean(name, fields.iter().map(|field| field.name));
            return Err(format!("{type_name} has no field {name:?}.{near}"));
        }
        let mut values = Vec::with_capacity(fields.len());
        for field in fields {
            let input = given.iter().find(|(name, _)| *name == field.name).map(|(_, input)| *input);
            let mut value = match input {
                Some(input) => self
                    .value(field.ty.nullable(), field.expected_type.as_deref(), input, depth + 1)
                    .map_err(|error| format!("{type_name}.{}: {error}", field.name))?,
                None => ArgValue::Null,
            };
            if matches!(value, ArgValue::Null) {
                if field.is_required() {
                    return Err(format!(
                        "{type_name}.{} of type {:?} is required",
                        field.name,
                        self.schema.show(&field.ty)
                    ));
                }
                value = field.default.clone();
            }
            if !matches!(value, ArgValue::Null) {
                values.push((field.name, value));
            }
        }
        Ok(ArgValue::Object(values))
    }

    fn scalar(
        &self,
        name: &str,
        scalar: Scalar,
        expected: Option<&str>,
        input: Input<'a>,
    ) -> Result<ArgValue> {
        let value = match scalar {
            Scalar::Id => {
                let Some(text) = self.id(input)? else { return Ok(ArgValue::Null) };
                let typed = name.strip_suffix("ID").filter(|name| !name.is_empty());
                return (self.find)(&text, expected.or(typed)).map(ArgValue::Ref);
            }
            Scalar::Void => None,
            Scalar::Int => self.number_text(input).and_then(|text| integer(&text)).map(ArgValue::Int),
            Scalar::Float => self.number_text(input).and_then(|text| text.parse().ok()).map(ArgValue::Float),
            Scalar::Boolean => match input {
                Input::Literal(Entry { value: Literal::Bool(value), .. }) => Some(ArgValue::Bool(*value)),
                Input::Json(Json::Bool(value)) => Some(ArgValue::Bool(*value)),
                other => text_of(other).and_then(truth).map(ArgValue::Bool),
            },
            Scalar::Platform => match text_of(input) {
                Some(text) => {
                    let platform: Platform = text.parse().map_err(|error| format!("{error}"))?;
                    Some(ArgValue::String(platform.to_string().into()))
                }
                None => None,
            },
            Scalar::String | Scalar::Custom => match input {
                Input::Literal(Entry { value: Literal::String(text), .. }) => {
                    Some(ArgValue::String(Arc::clone(text)))
                }
                other => text_of(other).map(|text| ArgValue::String(text.into())),
            },
        };
        value.ok_or_else(|| self.wrong(name, input))
    }

    /// A number, written as one or as a text.
    fn number_text(&self, input: Input<'a>) -> Option<std::borrow::Cow<'a, str>> {
        match input {
            Input::Literal(Entry { value: Literal::Int | Literal::Float, span, .. }) => {
                Some(self.document.str(*span).into())
            }
            Input::Json(Json::Number(number)) => Some(number.to_string().into()),
            other => text_of(other).map(|text| text.trim().into()),
        }
    }

    fn id(&self, input: Input<'a>) -> Result<Option<String>> {
        let text = match input {
            _ if is_null(input) => return Ok(None),
            Input::Literal(Entry { value: Literal::Int, span, .. }) => self.document.str(*span).to_owned(),
            Input::Json(Json::Number(number)) => number.to_string(),
            other => text_of(other).ok_or_else(|| self.wrong("ID", other))?.to_owned(),
        };
        // An empty text is what clients send for "no object".
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    fn wrong(&self, expected: &str, input: Input<'a>) -> String {
        const MOST: usize = 80;
        let text = match input {
            Input::Literal(entry) => self.document.str(entry.span).to_owned(),
            Input::Json(Json::Array(_)) => "a list".to_owned(),
            Input::Json(Json::Object(_)) => "an object".to_owned(),
            Input::Json(json) => json.to_string(),
        };
        let mut shown: String = text.chars().take(MOST).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        format!("expected {expected}, got {shown}")
    }
}

const fn is_null(input: Input<'_>) -> bool {
    matches!(input, Input::Literal(Entry { value: Literal::Null, .. }) | Input::Json(Json::Null))
}

fn text_of(input: Input<'_>) -> Option<&str> {
    match input {
        Input::Literal(Entry { value: Literal::String(text), .. }) => Some(text),
        Input::Json(Json::String(text)) => Some(text),
        _ => None,
    }
}

fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// Whether two coerced values are the same. As deep as their type.
fn same(a: &ArgValue, b: &ArgValue) -> bool {
    match (a, b) {
        (ArgValue::Null, ArgValue::Null) => true,
        (ArgValue::Bool(a), ArgValue::Bool(b)) => a == b,
        (ArgValue::Int(a), ArgValue::Int(b)) => a == b,
        (ArgValue::Float(a), ArgValue::Float(b)) => a.to_bits() == b.to_bits(),
        (ArgValue::String(a), ArgValue::String(b)) | (ArgValue::Enum(a), ArgValue::Enum(b)) => a == b,
        (ArgValue::List(a), ArgValue::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (ArgValue::Object(a), ArgValue::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((x, a), (y, b))| x == y && same(a, b))
        }
        (ArgValue::Ref(a), ArgValue::Ref(b)) => a.digest == b.digest,
        _ => false,
    }
}
