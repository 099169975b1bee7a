//! Which example shows best what a type is for.

use kukri_api::Schema;
use kukri_api::schema::{Composite, TypeDef, TypeKind};

use super::super::examples::{Example, Examples};
use super::docs::Docstring;
use super::{Flavour, types};

/// Operations whose examples show best what a type is for; elsewhere the shortest is taken.
const SHOWN: &[&str] = &[
    "Container.withExec",
    "Directory.withNewFile",
    "EngineCacheEntry.description",
    "File.contents",
    "Host.directory",
    "Query.container",
];

/// What a type is, with an example if there is one.
pub fn described(
    indent: usize,
    schema: &Schema,
    examples: &Examples,
    def: &TypeDef,
    flavour: Flavour,
) -> Docstring {
    let mut doc = Docstring::new(indent, &def.doc);
    if let Some(lines) = of(schema, examples, def, flavour) {
        doc.example(&lines);
    }
    doc
}

/// The lines of the example.
pub fn of(schema: &Schema, examples: &Examples, def: &TypeDef, flavour: Flavour) -> Option<Vec<String>> {
    let is_async = flavour == Flavour::Async;
    match &def.kind {
        // Of an operation of its own, else of one that gives it.
        TypeKind::Object(composite) => {
            own(examples, &def.name, composite, is_async).or_else(|| giving(schema, examples, def, is_async))
        }
        // Of its own, else of one of the types that have it.
        TypeKind::Interface(composite) => {
            if let Some(lines) = own(examples, &def.name, composite, is_async) {
                return Some(lines);
            }
            let fields: Vec<&str> =
                composite.fields.keys().map(AsRef::as_ref).filter(|field| *field != "id").collect();
            let places = composites(schema)
                .filter(|(_, has)| has.interfaces.iter().any(|ix| schema.get(*ix).name == def.name))
                .flat_map(|(owner, _)| fields.iter().map(move |field| format!("{owner}.{field}")));
            shortest(places.filter_map(|place| first(examples, &place)), is_async)
        }
        // Of an operation that takes it, else of one that gives it.
        TypeKind::Enum(_) | TypeKind::Input(_) | TypeKind::Scalar(_) => {
            let name = format!("dagger.{}", def.name);
            let taking = examples.values().flatten().filter(|example| {
                let code = example.lines(true).join("\n");
                code.match_indices(&name).any(|(at, _)| code[at + name.len()..].starts_with(['.', '(']))
            });
            shortest(taking, is_async).or_else(|| giving(schema, examples, def, is_async))
        }
    }
}

/// The first example of an operation.
fn first<'a>(examples: &'a Examples, place: &str) -> Option<&'a Example> {
    examples.get(place).and_then(|examples| examples.first())
}

/// The shortest of some examples, as lines.
fn shortest<'a>(examples: impl Iterator<Item = &'a Example>, is_async: bool) -> Option<Vec<String>> {
    examples.map(|example| example.lines(is_async)).min_by_key(|lines| length(lines))
}

fn length(lines: &[String]) -> usize {
    lines.iter().map(String::len).sum()
}

fn own(examples: &Examples, name: &str, composite: &Composite, is_async: bool) -> Option<Vec<String>> {
    let lines = |field| {
        let place = format!("{name}.{field}");
        let lines = first(examples, &place)?.lines(is_async);
        Some((!SHOWN.contains(&place.as_str()), lines))
    };
    let found = composite.fields.keys().filter_map(lines);
    found.min_by_key(|(later, lines)| (*later, length(lines))).map(|(_, lines)| lines)
}

/// The shortest example of an operation that gives the type.
fn giving(schema: &Schema, examples: &Examples, def: &TypeDef, is_async: bool) -> Option<Vec<String>> {
    let places = composites(schema).flat_map(|(owner, composite)| {
        let fields = composite.fields.values().filter(|field| types::base(schema, &field.ty) == def.name);
        fields.map(move |field| format!("{owner}.{}", field.name))
    });
    shortest(places.filter_map(|place| first(examples, &place)), is_async)
}

fn composites(schema: &Schema) -> impl Iterator<Item = (&str, &Composite)> {
    schema.types().filter_map(|(_, def)| match &def.kind {
        TypeKind::Object(composite) => Some((def.name.as_ref(), composite)),
        _ => None,
    })
}
