//! An API as facts: a key (`field Container.from`) and what is said of it (`(address, registryService) Container!`).

use std::collections::BTreeMap;
use std::sync::Arc;

use kukri_api::{Api, ApiConfig, Request, View};
use kukri_engine::{Engine, Registry, Session};
use serde_json::Value as Json;

/// Asks for all that a fact can be made of.
const QUERY: &str = include_str!("introspection.graphql");

/// Directives of GraphQL itself.
const STANDARD_DIRECTIVES: &[&str] = &["deprecated", "include", "skip", "specifiedBy", "oneOf"];

/// Scalars of GraphQL itself.
const STANDARD_SCALARS: &[&str] = &["Boolean", "Float", "ID", "Int", "String"];

/// All facts by their key.
#[derive(Default)]
pub struct Facts {
    /// Key and fact.
    pub facts: BTreeMap<String, String>,
}

impl Facts {
    /// From a file: `key | fact`, a line each.
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let pairs = lines.filter_map(|line| line.split_once(" |"));
        Self { facts: pairs.map(|(key, fact)| (key.to_owned(), fact.trim().to_owned())).collect() }
    }

    /// The names of all objects and interfaces with their fields.
    pub fn composites(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut composites: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for key in self.facts.keys() {
            if let Some(name) = key.strip_prefix("object ").or_else(|| key.strip_prefix("interface ")) {
                composites.entry(name).or_default();
            } else if let Some((name, field)) = key.strip_prefix("field ").and_then(|of| of.split_once('.')) {
                composites.entry(name).or_default().push(field);
            }
        }
        composites
    }

    /// The types that a field gives or takes.
    pub fn types_of(&self, field: &str) -> Vec<&str> {
        let keys = [format!("field {field}"), format!("arg {field}.")];
        let facts = self.facts.iter().filter(|(key, _)| **key == keys[0] || key.starts_with(&keys[1]));
        let words = facts.flat_map(|(_, fact)| fact.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
        words.filter(|word| word.starts_with(|c: char| c.is_ascii_uppercase())).collect()
    }

    fn add(&mut self, key: String, fact: String) {
        self.facts.insert(key, fact.trim().to_owned());
    }

    fn value(&mut self, key: String, value: &Json) {
        let default = match &value["defaultValue"] {
            Json::String(text) => format!(" = {text}"),
            _ => String::new(),
        };
        self.add(key, format!("{}{default}{}", shown(&value["type"]), directives(value)));
    }
}

/// What this engine's introspection says.
pub fn served() -> Result<Facts, String> {
    let view = View::DEFAULT;
    let api = Api::new(Engine::in_memory(Registry::core()), &ApiConfig::default());
    let session = Arc::new(Session::new("coverage".to_owned()));
    let request = Request { query: QUERY.to_owned(), ..Request::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| error.to_string())?;
    let response = runtime.block_on(api.execute(&session, view, &request));
    let answer: Json = serde_json::from_slice(&response.body).map_err(|error| error.to_string())?;
    if response.failed.is_some() {
        return Err(format!("introspection: {}", answer["errors"]));
    }
    Ok(from_introspection(&answer["data"]["__schema"]))
}

fn text<'a>(json: &'a Json, key: &str) -> &'a str {
    json[key].as_str().unwrap_or_default()
}

fn list<'a>(json: &'a Json, key: &str) -> &'a [Json] {
    json[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn names(json: &Json, key: &str, separator: &str) -> String {
    list(json, key).iter().map(|item| text(item, "name")).collect::<Vec<_>>().join(separator)
}

fn from_introspection(schema: &Json) -> Facts {
    let mut facts = Facts::default();
    for directive in list(schema, "directives") {
        let name = text(directive, "name");
        if STANDARD_DIRECTIVES.contains(&name) {
            continue;
        }
        let mut args = Facts::default();
        list(directive, "args").iter().for_each(|arg| args.value(text(arg, "name").to_owned(), arg));
        let order = list(directive, "args").iter().map(|arg| text(arg, "name"));
        let args: Vec<String> = order.map(|name| format!("{name}: {}", args.facts[name])).collect();
        let mut locations: Vec<&str> = list(directive, "locations").iter().filter_map(Json::as_str).collect();
        locations.sort_unstable();
        facts.add(format!("directive @{name}"), format!("({}) on {}", args.join(", "), locations.join(" ")));
    }
    for def in list(schema, "types") {
        let name = text(def, "name");
        match text(def, "kind") {
            "SCALAR" if STANDARD_SCALARS.contains(&name) => {}
            "SCALAR" => facts.add(format!("scalar {name}"), String::new()),
            "ENUM" => {
                facts.add(format!("enum {name}"), names(def, "enumValues", " "));
                for value in list(def, "enumValues") {
                    facts.add(format!("value {name}.{}", text(value, "name")), directives(value));
                }
            }
            "INPUT_OBJECT" => {
                facts.add(format!("input {name}"), names(def, "inputFields", " "));
                for field in list(def, "inputFields") {
                    facts.value(format!("arg {name}.{}", text(field, "name")), field);
                }
            }
            kind => {
                let kind = if kind == "OBJECT" { "object" } else { "interface" };
                facts.add(format!("{kind} {name}"), names(def, "interfaces", " "));
                for field in list(def, "fields") {
                    let place = format!("{name}.{}", text(field, "name"));
                    let args = names(field, "args", ", ");
                    facts.add(
                        format!("field {place}"),
                        format!("({args}) {}{}", shown(&field["type"]), directives(field)),
                    );
                    for arg in list(field, "args") {
                        facts.value(format!("arg {place}.{}", text(arg, "name")), arg);
                    }
                }
            }
        }
    }
    facts
}

/// A type as text.
fn shown(ty: &Json) -> String {
    match text(ty, "kind") {
        "NON_NULL" => format!("{}!", shown(&ty["ofType"])),
        "LIST" => format!("[{}]", shown(&ty["ofType"])),
        _ => text(ty, "name").to_owned(),
    }
}

/// Directives on something, sorted; without the reasons, which are texts of our own.
fn directives(json: &Json) -> String {
    let mut all: Vec<String> = list(json, "directives")
        .iter()
        .map(|directive| {
            let name = text(directive, "name");
            if matches!(name, "deprecated" | "experimental") {
                return format!(" @{name}");
            }
            let args = list(directive, "args").iter();
            let args: Vec<String> =
                args.map(|arg| format!("{}: {}", text(arg, "name"), text(arg, "value"))).collect();
            format!(" @{name}({})", args.join(", "))
        })
        .collect();
    all.sort_unstable();
    all.concat()
}
