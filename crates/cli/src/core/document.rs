//! GraphQL of a chain.

use kukri_api::Schema;
use kukri_api::schema::{Type, TypeIx};

use super::chain::{Chain, Step};
use super::value::{Reference, Value, quoted};

/// Most functions in one document: readers of JSON do not nest without end.
const LONGEST: usize = 60;

/// What of an object without `sync` makes the engine look at it: asking for the ID alone only names it. None of them does
/// more than that, or reads a secret.
const PROBES: &[(&str, &str)] = &[
    ("Address", "id probe: value"),
    ("Engine", "id probe: name"),
    ("EngineCache", "id probe: maxUsedSpace"),
    ("EngineCacheEntry", "id probe: description"),
    ("EngineCacheEntrySet", "id probe: entryCount"),
    ("DiffStat", "id probe: path"),
    ("EnvFile", "id probe: variables { name }"),
    ("EnvVariable", "id probe: name"),
    ("GitRef", "id probe: ref"),
    ("GitRepository", "id probe: url"),
    ("HealthcheckConfig", "id probe: retries"),
    ("JSONValue", "id probe: contents"),
    ("Label", "id probe: name"),
    ("Port", "id probe: port"),
    ("SearchResult", "id probe: filePath"),
    ("SearchSubmatch", "id probe: text"),
    ("Secret", "id probe: name"),
    ("Stat", "id probe: size"),
];

/// What is asked of an object at the end of a chain, beginning with its ID. Where there is work to do, it is done.
pub fn leaf_of(schema: &Schema, object: TypeIx) -> &'static str {
    let works = schema.composite(object).is_some_and(|composite| composite.fields.contains_key("sync"));
    let name = &*schema.get(object).name;
    match PROBES.iter().find(|(known, _)| *known == name) {
        _ if works => "id: sync",
        Some((_, leaf)) => leaf,
        None => "id",
    }
}

/// A part of a chain that is sent as one document.
#[derive(Debug)]
pub struct Part<'a> {
    /// Its functions.
    pub steps: &'a [Step],
    /// What is asked of the last one, if it is an object.
    pub leaf: &'static str,
    /// The type of the object whose ID the part before it gave.
    pub from: Option<TypeIx>,
}

/// Cuts a chain: behind functions that give an ID, and where it gets too long.
pub fn parts<'a>(chain: &'a Chain, leaf: &'static str) -> Vec<Part<'a>> {
    let mut parts = Vec::new();
    let (mut start, mut from, mut listed) = (0, None, false);
    for (at, step) in chain.steps.iter().enumerate() {
        let Some(field) = chain.field(step) else { continue };
        listed |= matches!(field.ty.nullable(), Type::List(_));
        let is_id = super::next(&chain.schema, field).is_some_and(|next| next != field.ty.base());
        let last = at + 1 == chain.steps.len();
        // Behind a list there is no single object to go on from.
        if last || listed || !(is_id || at + 1 - start >= LONGEST) {
            continue;
        }
        parts.push(Part { steps: &chain.steps[start..=at], leaf: if is_id { "" } else { "id" }, from });
        from = super::next(&chain.schema, field);
        start = at + 1;
    }
    parts.push(Part { steps: &chain.steps[start..], leaf, from });
    parts
}

/// The document of a part, which goes on from the object with an ID; with what leads to the result in the data.
pub fn document(chain: &Chain, part: &Part<'_>, id: Option<&str>) -> (String, Vec<String>) {
    let mut open = Vec::new();
    let mut path = Vec::new();
    if let (Some(id), Some(from)) = (id, part.from) {
        open.push(format!("node(id: {})", quoted(id)));
        open.push(format!("... on {}", chain.schema.get(from).name));
        path.push("node".to_owned());
    }
    for step in part.steps {
        let args: Vec<String> =
            step.args.iter().map(|given| format!("{}: {}", given.name, literal(&given.value))).collect();
        open.push(if args.is_empty() {
            step.name.clone()
        } else {
            format!("{}({})", step.name, args.join(", "))
        });
        path.push(step.name.clone());
    }
    if !part.leaf.is_empty() {
        open.push(part.leaf.to_owned());
        path.push(part.leaf.split([':', ' ']).next().unwrap_or_default().to_owned());
    }
    (nested(&open), path)
}

/// The document that asks for the ID of an object.
pub fn lookup(reference: &Reference) -> (String, Vec<String>) {
    let mut open = reference.functions.clone();
    open.push("id".to_owned());
    let path =
        open.iter().map(|function| function.split('(').next().unwrap_or_default().to_owned()).collect();
    (nested(&open), path)
}

fn nested(functions: &[String]) -> String {
    let mut text = String::from("{ ");
    text.push_str(&functions.join(" { "));
    text.push_str(&" }".repeat(functions.len()));
    text
}

fn literal(value: &Value) -> String {
    match value {
        Value::Literal(text) => text.clone(),
        // Replaced by its ID before.
        Value::Object(reference) => quoted(&reference.text),
        Value::List(items) => format!("[{}]", items.iter().map(literal).collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use kukri_api::schema::TypeKind;

    use super::*;

    /// Objects that are nothing but a name.
    const NAMES: &[&str] =
        &["CacheVolume", "ClientFilesyncMirror", "HTTPState", "Host", "Query", "RemoteGitMirror", "Socket"];

    #[test]
    fn every_object_is_looked_at() {
        let schema = crate::core::api();
        for (object, def) in schema.types() {
            if !matches!(def.kind, TypeKind::Object(_)) || def.name.starts_with('_') {
                continue;
            }
            let leaf = leaf_of(&schema, object);
            assert_eq!(leaf == "id", NAMES.contains(&&*def.name), "{}: {leaf}", def.name);
            if let Some((_, probe)) = leaf.split_once("probe: ") {
                let field = probe.split(' ').next().unwrap_or_default();
                let fields = &schema.composite(object).unwrap().fields;
                let field = fields.get(field).unwrap_or_else(|| panic!("{}: no {field}", def.name));
                assert!(field.args.iter().all(|argument| !argument.is_required()), "{}", def.name);
            }
        }
    }
}
